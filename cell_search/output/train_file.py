"""How the winner of a search is trained as a classifier: `train.yaml`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial

from cell_search.config.search import Search
from cell_search.images import builder_of, facts, transfer_name
from cell_search.space.cell_space import CellSpace
from cells.support import yaml_file
from cells.support.files import expanded, write_atomically
from cells.support.overrides import nested

_TRAIN = """\
# Trains the winner of a search, trial {number} ({score}), as a classifier:
#
#   cell-transfer --mode=train_and_eval --config_file={path} --model_dir=DIRECTORY
#
# Network and images are those of the search, the test split scores; {better}.{searched}
"""

_BETTER = "more cells (normal_cells),\n# filters and steps give better classifiers"

#: Steps of the training that `train.yaml` proposes.
_STEPS, _BATCH = 2000, 64


#: What says nothing of whole networks.
_OF_CELLS = ("task.model.cells.normal_cells", "task.model.cells.filters")


def write(path: pathlib.Path, best: FrozenTrial, search: Search, score: str) -> None:
    """Writes the file.

    Args:
        path: of the file.
        best: the trial of the winner.
        search: the search.
        score: of the winner, for people.

    Raises:
        UserError: the file cannot be written.
    """
    cells = isinstance(search.space, CellSpace)
    better = _BETTER if cells else "more steps give better classifiers"
    stated = _stated(best, search)
    text = _TRAIN.format(number=best.number, score=score, path=path, searched=stated, better=better)
    values = train_settings(search, best.params)
    write_atomically(path, (text + yaml_file.dumps(values)).encode())


def _stated(trial: FrozenTrial, search: Search) -> str:
    """Lines of comment with the settings that were searched along, as they were for the child."""
    searched = search.searched(trial.params)
    if not searched:
        return ""
    batch = search.evaluator_of(trial.params).batch
    images = f", with {batch} images a step" if batch else ""
    values = ", ".join(f"{name} {value}" for name, value in searched.items())
    return (
        f"\n#\n# Searched along (the child's{images}): {values}."
        f"\n# What has a counterpart here is handed on: the learning rate in proportion to the"
        f"\n# images of a step, l2 as weight decay (half of which is the factor of the squares)."
    )


def train_settings(search: Search, point: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What `cell-transfer --config_file` takes to train a genotype on the set of the search.

    Args:
        search: the search.
        point: the decisions, for the settings that were searched along.
    """
    from cells import data as datasets

    images = search.images
    test = datasets.test_split(builder_of(images).info.splits)
    whole = images.split.split("[")[0]
    # Without a split of its own, the last tenth scores what the rest has trained.
    train, validation = (whole, test) if test else (f"{whole}[:90%]", f"{whole}[90%:]")
    data = {"tfds_name": transfer_name(images)}
    if images.data_dir:
        # The variable of the environment is there for the training, too; the flag is not.
        data["tfds_data_dir"] = os.path.abspath(expanded(images.data_dir))
    values: dict[str, Any] = {
        # Relative to this file, so that the directory can be moved.
        "task.model.cells.genotype": "genotype.json",
        "task.model.cells.network": "cifar",
        "task.model.input_size": [*facts(images)["size"], 3],
        "task.train_data": {**data, "tfds_split": train, "global_batch_size": _BATCH},
        "task.validation_data": {
            **data,
            "tfds_split": validation,
            "global_batch_size": 4 * _BATCH,
        },
        "trainer.train_steps": _STEPS,
    }
    evaluator = search.evaluator_of(point or {})
    values |= evaluator.transfer_settings(search.searched(point or {}), _BATCH)
    left_out = () if isinstance(search.space, CellSpace) else _OF_CELLS
    return nested((path, value) for path, value in values.items() if path not in left_out)
