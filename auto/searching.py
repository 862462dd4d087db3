"""The search, and the decision between the best, by rounds that fit into their shares."""

from __future__ import annotations

import json
import statistics
from typing import Any

from auto import plan
from auto.budget import more
from auto.images import Divided
from auto.run import Run

#: Children that a search has, and candidates that are trained again, at least.
LEAST_CHILDREN, LEAST_AGAIN = 2, 2

#: Candidates that are trained again, at most.
MOST_AGAIN = 10


def search(run: Run, divided: Divided) -> dict[str, Any]:
    """Searches, or goes on with it.

    Returns:
        `trials`, `failed`, `sieved`; `accuracy` and `winner`, of the best; and `pace`, seconds of a
        multiply-add in training.
    """
    from cell_search import driver, trials

    # What the sieve keeps are trials of the search.
    least = max(_values(run, divided)["sieve"]["keep"], LEAST_CHILDREN)
    wanted = max(len(_trials(run)), least)
    done = -1
    while wanted > done:
        asked = _resolved(run, divided, trials=wanted)
        with run.interruptible.block():
            asked.check()
        driver.search(run.directory, asked, run.interruptible)
        known = _trials(run)
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
        "pace": min(_pace(trial, asked.evaluator.batch) for trial in trained),
    }


def rerank(run: Run, divided: Divided) -> dict[str, Any]:
    """Trains the best again, or goes on with it, if two at least fit into the time.

    Returns:
        `candidates`; `accuracy` and `winner` of the best, or `why` there is none.
    """
    from cell_search import rerank as again
    from cell_search import trials

    asked = _resolved(run, divided, trials=len(_trials(run)))
    known = [t for t in _trials(run) if t.value is not None]
    most = len(trials.best(known, asked.space, MOST_AGAIN))
    if most < LEAST_AGAIN:
        return {"candidates": 0, "why": "there is one candidate only"}
    # By how much longer a candidate takes is what its epochs say, until one was trained again.
    guess = plan.LONGER * statistics.median(map(trials.seconds, known))
    done = len(_reranked(run))
    if not done and LEAST_AGAIN * guess > run.budget.left("rerank"):
        return {"candidates": 0, "why": "not even two candidates can be trained again in time"}
    wanted = max(done, LEAST_AGAIN)
    done = -1
    while wanted > done:
        asked.config.rerank.top_k = wanted
        _store(run, asked.config)
        again.rerank(run.directory, asked, again.final(asked), run.interruptible)
        done = len(_reranked(run))
        cost = run.budget.spent["rerank"] / done
        wanted = min(more(done, LEAST_AGAIN, cost, run.budget.left("rerank")), most)
    first = _reranked(run)[0]
    return {"candidates": done, "accuracy": first["mean"], "winner": first["trial"]}


def _reranked(run: Run) -> list[dict[str, Any]]:
    """The candidates that were trained again, best first."""
    path = run.directory.path / "rerank.json"
    return json.loads(path.read_text(encoding="utf-8"))["candidates"] if path.exists() else []


def _values(run: Run, divided: Divided) -> dict[str, Any]:
    asked = run.settings
    return plan.search_values(
        divided, total=asked.budget, size=asked.size, flip=asked.flip, seed=asked.seed
    )


def _resolved(run: Run, divided: Divided, *, trials: int) -> Any:
    """The search, with its settings stored in its directory."""
    import cells.config
    from cell_search import config

    wanted = config.SearchConfig()
    cells.config.apply(wanted, {**_values(run, divided), "trials": trials}, "the plan")
    _store(run, wanted)
    return config.resolve(wanted)


def _store(run: Run, wanted: Any) -> None:
    from cell_search import config

    run.directory.store_config(config.used_values(wanted))


def _trials(run: Run) -> list[Any]:
    if not run.directory.config.exists() or not run.directory.has_trials():
        return []
    study = run.directory.open_study(pause=run.interruptible.sleep)
    return study.get_trials(deepcopy=False)


def _pace(trial: Any, batch: int) -> float:
    from cell_search import trials

    metrics = trial.user_attrs[trials.METRICS]
    return trials.seconds(trial) / (metrics["steps"] * batch * metrics["multiply_adds"])
