"""What a re-ranking found: the new order of the best, and how well the cheap scores foretold it.

The papers choose by a cheap score and decide by a dear one: Zoph et al. 2018 trained the best 250
of 20,000 children to convergence (section 4), Real et al. 2019 the best of the evolution longer and
larger. The dear scores are trials of a second study beside the search's; nothing else is kept.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.space.space import Space
from cell_search.study import trials
from cell_search.study.objectives import Objective
from cell_search.trial_keys import PROTOCOL, REWARD


@dataclass(frozen=True)
class Candidate:
    """One of the best of a search, trained again.

    Attributes:
        trial: of the search.
        place: in the search's order, from 1.
        values: its new rewards, one for each seed that succeeded.
        failures: why the others failed.
        pending: seeds that have no result yet.
    """

    trial: FrozenTrial
    place: int
    values: tuple[float, ...]
    failures: tuple[str, ...]
    pending: int

    @property
    def mean(self) -> float:
        """The mean of the new rewards; not a number where there is none."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def standard_error(self) -> float | None:
        """Of the mean; None with fewer than two values."""
        if len(self.values) < 2:
            return None
        return statistics.stdev(self.values) / math.sqrt(len(self.values))


@dataclass(frozen=True)
class Reranking:
    """The candidates in their new order.

    Attributes:
        reward: the name of the new reward.
        objective: the search's first objective, which the old order followed.
        protocol: the settings of the evaluator and of the images.
        candidates: best first; those without a reward last.
    """

    reward: str
    objective: Objective
    protocol: dict[str, Any]
    candidates: tuple[Candidate, ...]

    @property
    def complete(self) -> bool:
        """Whether every candidate has all of its results."""
        return not any(c.pending for c in self.candidates)

    @property
    def scored(self) -> list[Candidate]:
        """The candidates with a new reward, best first."""
        return [c for c in self.candidates if c.values]

    def correlations(self) -> dict[str, float | None]:
        """Rank correlations between the search's scores and the new ones."""
        old = [self.objective.sign * c.trial.values[0] for c in self.scored]
        return rank_correlations(old, [c.mean for c in self.scored])

    def order(self, best: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The trials of a search in the new order.

        Until the re-ranking is complete that is the old order. Then the candidates come first,
        those that failed are left out, and what was not trained again follows in the old order.

        Args:
            best: the different successful trials of the search, in its own order.
        """
        if not self.complete or not self.scored:
            return list(best)
        again = {c.trial.number for c in self.candidates}
        return [c.trial for c in self.scored] + [t for t in best if t.number not in again]

    def said_of(self, trial: FrozenTrial) -> dict[str, Any] | None:
        """What the provenance of a genotype says of its new score; None if it has none.

        Args:
            trial: a trial of a study.
        """
        for candidate in self.scored:
            if candidate.trial.number == trial.number:
                return {
                    self.reward: candidate.mean,
                    "values": list(candidate.values),
                    "place_in_search": candidate.place,
                    "settings": self.protocol,
                }
        return None

    def as_dict(self) -> dict[str, Any]:
        """The content of `rerank.json`."""
        return {
            "reward": self.reward,
            "complete": self.complete,
            **self.correlations(),
            "correlated_candidates": len(self.scored),
            "search_score": self.objective.metric,
            "settings": self.protocol,
            "candidates": [
                {
                    "rank": rank if c.values else None,
                    "rank_in_search": c.place,
                    "trial": c.trial.number,
                    "search_score": c.trial.values[0],
                    "mean": c.mean if c.values else None,
                    "standard_error": c.standard_error,
                    "values": list(c.values),
                    "failures": list(c.failures),
                    "pending": c.pending,
                }
                for rank, c in enumerate(self.candidates, start=1)
            ],
        }


def rank_correlations(one: Sequence[float], other: Sequence[float]) -> dict[str, float | None]:
    """Rank correlations between two scores of the same things, 1 for the same order.

    Args:
        one: scores.
        other: of the same things, in the same order.

    Returns:
        `spearman` and `kendall` (tau-b); None with fewer than two things or where either score is
        the same for all.
    """
    if len(set(one)) < 2 or len(set(other)) < 2:
        return {"spearman": None, "kendall": None}
    from scipy import stats

    return {
        "spearman": float(stats.spearmanr(one, other).statistic),
        "kendall": float(stats.kendalltau(one, other).statistic),
    }


def read(
    again: optuna.Study,
    known: Sequence[FrozenTrial],
    space: Space,
    objective: Objective,
) -> Reranking | None:
    """Puts the two studies of a search directory together.

    Args:
        again: the study of the re-ranking.
        known: the trials of the search.
        space: says which candidates are equal.
        objective: the search's first.

    Returns:
        None where nothing was trained again.
    """
    results = again.get_trials(deepcopy=False)
    if not results:
        return None
    groups: dict[Hashable, list[FrozenTrial]] = {}
    for trial in results:
        groups.setdefault(space.canonical_key(trial.params), []).append(trial)
    best = trials.best(known, space, len(known), objective.sign)
    candidates = [
        _candidate(trial, place, groups[key])
        for place, trial in enumerate(best, start=1)
        if (key := space.canonical_key(trial.params)) in groups
    ]
    candidates.sort(key=lambda c: (not c.values, -c.mean if c.values else 0.0, c.place))
    return Reranking(
        reward=again.user_attrs[REWARD],
        objective=objective,
        protocol=again.user_attrs[PROTOCOL],
        candidates=tuple(candidates),
    )


def _candidate(trial: FrozenTrial, place: int, group: list[FrozenTrial]) -> Candidate:
    return Candidate(
        trial=trial,
        place=place,
        values=tuple(t.values[0] for t in group if t.state == TrialState.COMPLETE),
        failures=tuple(trials.failure(t) for t in group if t.state == TrialState.FAIL),
        pending=sum(not t.state.is_finished() for t in group),
    )
