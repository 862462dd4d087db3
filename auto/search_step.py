"""The search: candidates trained for equally long, by rounds that fit into its share."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from auto import entrants, search_costs
from auto.budget import more
from auto.context import Run
from auto.test_split import Divided
from cell_search.children.precision import in_use
from cells.genotype import genotype_file
from cells.kinds import files as kinds
from cells.support.errors import UserError

#: Normal cells of two blocks, since a search of minutes sees few, and no Reduction cells: what
#: stands between groups of `STEM` is better for the same time (docs/networks.md).
SPACE, STEM = "normal_joined", "transitions"

#: N, the group without cells and F among which it is searched along.
NORMAL_CELLS, EMPTY_GROUPS, FILTERS = (1, 2), (2, 0), (16, 32)

#: Known cells that it begins with, where they fit into the space.
FIRST = ("hand_written",)

#: So many candidates shall fit into the search; the seconds of one, at least.
CANDIDATES, LEAST_SECONDS = 16, 5.0

#: Candidates that a search has, whatever the clock says; of all, so many take part in the race.
LEAST, BEST = 1, 2

#: Images that score and train a candidate, at most.
SCORING, TRAINING = 2000, 5000


def search(run: Run, divided: Divided) -> dict[str, Any]:
    """Searches, or goes on with it.

    Returns:
        `trials`, `failed`; `accuracy` and `winner`, of the best; and `entrants`, the fields of an
        `Entrant` for each of the best, whose cells are a file in the folder of the run. Where costs
        could not be measured in time, there are no trials.
    """
    from cell_search import api
    from cell_search.config.searched_settings import chosen
    from cell_search.study import trials

    run.directory.path.mkdir(parents=True, exist_ok=True)
    costs = search_costs.of(run, sorted({*FILTERS, *(2 * f for f in FILTERS)}))
    if costs is None:
        return {"trials": 0, "failed": 0, "accuracy": None, "winner": None, "entrants": []}
    wanted, done = max(len(_trials(run)), LEAST), -1
    while wanted > done:
        # A search that goes on has the settings that it began with.
        begun = run.directory.stored_config() is not None and run.directory.has_trials()
        try:
            result = api.search(
                None if begun else values(run, divided, str(costs)),
                trials=wanted,
                directory=run.directory,
                interruptible=run.interruptible,
            )
        except UserError:
            known = _trials(run)
            if not known or any(t.value is not None for t in known):
                raise
            # All have failed so far, and the race can do without them.
        else:
            known = result.study.get_trials(deepcopy=False)
        done, cost = len(known), statistics.median(map(trials.seconds, known))
        wanted = more(done, LEAST, cost, run.budget.left("search"))
    trained = [t for t in known if t.value is not None]
    best = trials.best(trained, result.resolved.space, BEST) if trained else []
    files = sorted((run.directory.path / "top").glob("*.json"))
    found = []
    for rank, (file, trial) in enumerate(zip(files, best, strict=False), 1):
        sizes = chosen(trial.params)
        # Under a name that tells them apart, as copies: the search's own folder may be worked on.
        cells = dataclasses.replace(genotype_file.read(file), name=f"search-{rank}")
        name = f"{entrants.FOUND}/{cells.name}.json"
        kinds.write(cells, run.folder / name)
        stacked = sizes["normal_cells"], sizes["filters"], STEM, sizes["empty_group"]
        found.append([name, *stacked])
    return {
        "trials": done,
        "failed": done - len(trained),
        "accuracy": best[0].value if best else None,
        "winner": best[0].number if best else None,
        "entrants": found,
    }


def values(run: Run, divided: Divided, costs: str) -> dict[str, Any]:
    """The settings of the search, nested as in a configuration file, but for the number of trials.

    Args:
        run: what was asked for.
        divided: the images.
        costs: the file of the cost table.
    """
    asked, recipe = run.settings, entrants.recipe_of(run, divided)
    held_out = min(max(divided.training // 5, len(divided.classes)), SCORING)
    training = min(divided.training - held_out, TRAINING)
    return {
        "space": {"name": SPACE},
        "strategy": {
            "type": "regularized_evolution",
            "regularized_evolution": {"population": CANDIDATES // 2, "sample": CANDIDATES // 4},
            "first": list(FIRST),
        },
        "evaluator": {
            "type": "train",
            "train": {
                "stem": STEM,
                "normal_cells": NORMAL_CELLS[0],
                "empty_group": EMPTY_GROUPS[0],
                "filters": FILTERS[0],
                "predicted_seconds": max(run.budget.searching / CANDIDATES, LEAST_SECONDS),
                "batch": min(recipe.batch, training),
                "learning_rate": recipe.learning_rate,
                "l2": recipe.l2,
                "flip": recipe.flip,
                "shift": recipe.shift,
                "cutout": recipe.cutout,
                "precision": in_use(),
            },
        },
        "settings": {
            "normal_cells": list(NORMAL_CELLS),
            "empty_group": list(EMPTY_GROUPS),
            "filters": list(FILTERS),
        },
        "costs": {"file": costs},
        "images": {
            "name": divided.folder,
            "split": "train",
            "held_out": held_out,
            "training": training,
            "size": asked.size,
            "seed": asked.seed,
        },
        "seed": asked.seed,
        "top": BEST,
        "report_minutes": 0.0,
    }


def _trials(run: Run) -> list[Any]:
    if not run.directory.config.exists() or not run.directory.has_trials():
        return []
    study = run.directory.open_study(pause=run.interruptible.sleep)
    return study.get_trials(deepcopy=False)
