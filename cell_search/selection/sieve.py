"""The sieve: many candidates scored cheaply, of which the best are the first trials of a search.

The cheap scores are trials of a study beside the search's. Those of several kinds, which cannot be
added up, vote with their ranks among all candidates of the sieve; one candidate alone has none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.search import Search
from cell_search.space.space import Point
from cell_search.study import objectives, trials
from cell_search.study.studies import SIEVE_NAME, beside
from cell_search.trial_keys import METRICS
from cells.support.errors import UserError


def begin(study: optuna.Study, sieve: Search, feasible: Callable[[Point], bool]) -> None:
    """Draws the candidates and records those that are not there yet as running trials.

    Args:
        study: of the sieve.
        sieve: `Search.sieve`.
        feasible: whether the search may evaluate a candidate.

    Raises:
        UserError: there are not so many different candidates.
    """
    there = len(study.get_trials(deepcopy=False))
    if there == sieve.config.trials:
        return
    for point in _drawn(sieve, feasible)[there:]:
        trials.begin(study, sieve.space, point)


def _drawn(sieve: Search, feasible: Callable[[Point], bool]) -> list[Point]:
    rng = np.random.default_rng(sieve.config.seed)
    met: set[Hashable] = set()
    points: list[Point] = []
    misses = 0
    while len(points) < sieve.config.trials:
        point = sieve.space.random(rng)
        key = sieve.space.canonical_key(point)
        if key in met or not feasible(point) or not sieve.feasible(point):
            misses += 1
            if misses == trials.ATTEMPTS:
                raise UserError(
                    f"sieve.candidates: {sieve.config.trials} different candidates were not found; "
                    f"after {len(points)}, {misses} draws in a row were none; use fewer"
                )
            continue
        misses = 0
        met.add(key)
        points.append(point)
    return points


def kept(search: Search, study: optuna.Study) -> list[FrozenTrial]:
    """The trials of the sieve that the search begins with, best first.

    Args:
        search: the search.
        study: of its sieve, with all results.

    Raises:
        UserError: no candidate could be scored, or all have the same score.
    """
    scored = scores(search, study.get_trials(deepcopy=False))
    if not scored:
        failed = study.get_trials(deepcopy=False)[-1]
        raise UserError(
            "sieve: none of its candidates could be scored; the last failed, "
            f"{trials.failure(failed)}"
        )
    if len({score for _, score in scored}) == 1:
        raise UserError(
            f"sieve: all {len(scored)} candidates have the same score, {scored[0][1]:.6g}, which "
            "chooses nothing; use another sieve.evaluator or sieve.vote"
        )
    return [trial for trial, _ in scored[: search.config.sieve.keep]]


def first(search: Search, study: optuna.Study) -> list[Point]:
    """The candidates of the first trials of a search that has begun; none without a sieve.

    Args:
        search: the search.
        study: that of the search; the sieve's lies in the same storage.
    """
    if search.sieve is None:
        return []
    own = beside(study, SIEVE_NAME)
    return [search.space.point(t) or {} for t in kept(search, own)]


def scores(search: Search, known: list[FrozenTrial]) -> list[tuple[FrozenTrial, float]]:
    """The candidates that were scored, best first, with what they are ordered by.

    That is the reward, or the metric that votes alone; of several, the mean of a candidate's ranks
    as parts of the number of candidates, 1 for the best. Of equal ones the earliest is first.

    Args:
        search: the search.
        known: trials of the sieve.
    """
    from scipy.stats import rankdata

    assert search.sieve is not None
    evaluator = search.sieve.evaluator
    votes = objectives.parse(search.config.sieve.vote, evaluator.reward, evaluator.metrics())
    scored = [t for t in known if t.state == TrialState.COMPLETE]
    if not scored:
        return []
    values = np.array(
        [
            [v.sign * t.user_attrs[METRICS].get(v.metric, -v.sign * np.inf) for t in scored]
            for v in votes
        ]
    )
    order = rankdata(values, axis=1).mean(axis=0) / len(scored) if len(votes) > 1 else values[0]
    best = sorted(range(len(scored)), key=lambda i: (-order[i], scored[i].number))
    return [(scored[i], float(order[i])) for i in best]


@dataclass(frozen=True)
class Sieved:
    """What became of the sieve's choice.

    Attributes:
        candidates: how many were scored.
        failed: how many could not be.
        label: what ordered them.
        trained: number of the trial, score in the sieve and reward of each that the search has
            trained so far.
    """

    candidates: int
    failed: int
    label: str
    trained: list[tuple[int, float, float]]


def read(search: Search, study: optuna.Study) -> Sieved | None:
    """Puts the sieve and the search together; None where there is no sieve, or not yet.

    Args:
        search: the search.
        study: that of the search; the sieve's lies in the same storage.
    """
    if search.sieve is None:
        return None
    try:
        own = beside(study, SIEVE_NAME)
    except KeyError:
        return None
    known = own.get_trials(deepcopy=False)
    scored = {search.space.canonical_key(t.params): s for t, s in scores(search, known)}
    vote = search.config.sieve.vote
    start = len(search.config.strategy.first)
    return Sieved(
        candidates=len(scored),
        failed=sum(t.state == TrialState.FAIL for t in known),
        label=vote[0] if len(vote) == 1 else "vote" if vote else search.sieve.evaluator.reward,
        trained=[
            (t.number, scored[key], reward)
            for t in study.get_trials(deepcopy=False)[start : start + search.config.sieve.keep]
            if (reward := trials.reward(t)) is not None
            and (key := search.space.canonical_key(t.params)) in scored
        ],
    )
