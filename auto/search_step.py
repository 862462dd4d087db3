"""The search, and the decision between the best, by rounds that fit into their shares."""

from __future__ import annotations

import itertools
import statistics
from typing import Any

from auto import plan
from auto.budget import more
from auto.context import Run
from auto.test_split import Divided

#: Children that a search has, and candidates that are trained again, at least.
LEAST_CHILDREN, LEAST_AGAIN = 2, 2


def search(run: Run, divided: Divided) -> dict[str, Any]:
    """Searches, or goes on with it.

    Returns:
        `trials`, `failed`, `sieved`; `accuracy` and `winner`, of the best; and `pace`, seconds of a
        multiply-add in training.
    """
    from cell_search import api
    from cell_search.study import trials

    # What the sieve keeps are trials of the search.
    least = max(_values(run, divided)["sieve"]["keep"], LEAST_CHILDREN)
    wanted = max(len(_trials(run)), least)
    done = -1
    while wanted > done:
        # A search that goes on has the settings that it began with.
        begun = run.directory.stored_config() is not None and run.directory.has_trials()
        result = api.search(
            None if begun else _values(run, divided),
            trials=wanted,
            directory=run.directory,
            interruptible=run.interruptible,
        )
        asked, known = result.resolved, result.study.get_trials(deepcopy=False)
        batch = result.config.evaluator.train.batch
        done, cost = len(known), statistics.median(map(trials.seconds, known))
        wanted = more(done, least, cost, run.budget.left("search"))
    trained = [t for t in known if t.value is not None]
    best = trials.best(trained, asked.space, 1)[0]
    return {
        "trials": done,
        "failed": done - len(trained),
        "sieved": asked.config.sieve.candidates,
        "accuracy": best.value,
        "winner": best.number,
        # Of those that found most of what they need compiled already.
        "pace": min(_pace(trial, batch) for trial in trained),
    }


def rerank(run: Run, divided: Divided) -> dict[str, Any]:
    """Trains the best of the search and published cells again, in turn; the best of them is chosen.

    Goes on with it where it was stopped. A candidate is begun if it fits into the time; without a
    comparison of two, the first of the published cells is chosen.

    Returns:
        `chosen`, a file or a name of the catalogue; `accuracy`, its own; `candidates`, the accuracy
        of each, None where it failed; and `why` there was no comparison, "" where there was.
    """
    from cell_search import api
    from cell_search.driver import rerank as again
    from cell_search.evaluators import Request, evaluate

    longer = again.final(api.open_search(run.directory).resolved)
    evaluator: Any = longer.evaluator
    network = (evaluator.normal_cells, evaluator.filters)
    shown = evaluator.epochs * longer.images.training
    scores: dict[str, float | None] = run.results.get("candidates", {})
    pace = run.results["search"]["pace"]
    candidates = _candidates(run)
    for number, name in enumerate(candidates):
        if name in scores:
            continue
        cells = run.cells(name)
        size, classes = run.settings.size, len(divided.classes)
        work = shown * plan.multiply_adds(cells, size, classes, *network)
        # Two or none: one alone says nothing.
        together = LEAST_AGAIN - number if number < LEAST_AGAIN else 1
        if together * pace * work > run.budget.left("rerank"):
            break
        request = Request(
            number=number,
            genotype=cells,
            decisions={},
            space=longer.space,
            evaluator=evaluator,
            images=longer.images,
            # The same for all: a comparison under equal conditions.
            seed=run.settings.seed,
        )
        with run.interruptible.block():
            result = evaluate(request)
        scores[name] = result.reward
        run.record.keep("candidates", scores)
        pace = result.seconds / work
        said = f"failed, {result.failure}" if result.reward is None else f"{result.reward:.1%}"
        print(f"{name}, trained longer: {said} in {result.seconds:.0f} s", flush=True)
    trained = {name: score for name, score in scores.items() if score is not None}
    compared = len(scores) >= LEAST_AGAIN and bool(trained)
    chosen = max(trained, key=trained.__getitem__) if compared else plan.PUBLISHED[0]
    return {
        "chosen": chosen,
        "accuracy": trained.get(chosen),
        "candidates": scores,
        "why": "" if compared else "no two cells could be trained longer in time",
    }


def _candidates(run: Run) -> list[str]:
    """The best of the search, as files, and published cells, as names, in turn."""
    files = sorted((run.directory.path / "top").glob("*.json"))
    found = [path.relative_to(run.folder).as_posix() for path in files]
    pairs = itertools.zip_longest(found, plan.PUBLISHED)
    return [name for pair in pairs for name in pair if name]


def _values(run: Run, divided: Divided) -> dict[str, Any]:
    asked = run.settings
    return plan.search_values(
        divided,
        seconds=run.budget.share("search"),
        size=asked.size,
        flip=asked.flip,
        seed=asked.seed,
    )


def _trials(run: Run) -> list[Any]:
    if not run.directory.config.exists() or not run.directory.has_trials():
        return []
    study = run.directory.open_study(pause=run.interruptible.sleep)
    return study.get_trials(deepcopy=False)


def _pace(trial: Any, batch: int) -> float:
    from cell_search.study import trials
    from cell_search.trial_keys import METRICS

    metrics = trial.user_attrs[METRICS]
    return trials.seconds(trial) / (metrics["steps"] * batch * metrics["multiply_adds"])
