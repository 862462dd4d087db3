"""Bayesian optimisation with a Gaussian process, in the line of NASBOT (Kandasamy et al. 2018)
and BANANAS (White et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from cell_search.space.space import Point
from cell_search.strategies._base import MAX_COUNT, STRATEGIES, Strategy
from cell_search.strategies.model_based._gaussian_process import (
    CategoricalProcess,
    Posterior,
    one_thread,
)
from cell_search.strategies.model_based._normal_scores import normal_scores, remembered
from cells.support.settings import setting

#: Trials that parameters are fitted to, and that predictions are made from, at most.
_FITTED, _REMEMBERED = 400, 1000

#: The best candidates whose neighbours become candidates too, and how often that is done.
_CLIMBERS, _CLIMBS = 5, 1

#: The acquisition of points, int `(n, decisions)`.
_Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class BayesianSettings:
    """Settings of `Bayesian`.

    Attributes:
        initial: trials that must have finished before the model is asked.
        thompson: the share of proposals whose acquisition is a draw from the prediction of each
            candidate, independently (White et al. 2021, section 4), which explores more. That of
            the others is the expected improvement on the best mean of the model (Jones et al.
            1998), which is quicker to what is good, and slower away from it.
        parents: how many of the best points are mutated.
        candidates: how many mutations of one decision are looked at, at most; half as many of two
            decisions and of random points are added. A space without more points is looked at
            as a whole.
        patience: results without a better one, after which the mutations of the best point in one
            decision come first.
    """

    initial: int = setting(10, least=2, most=MAX_COUNT)
    thompson: float = setting(0.0, least=0, most=1)
    parents: int = setting(10, least=1, most=MAX_COUNT)
    candidates: int = setting(500, least=2, most=MAX_COUNT)
    patience: int = setting(200, least=1)


@STRATEGIES.register("bayesian")
class Bayesian(Strategy):
    """Proposes what a model of all results so far expects most of.

    After `initial` random trials, a Gaussian process (`CategoricalProcess`) is given the results as
    normal scores: the quantiles of a normal distribution that belong to their ranks. So nothing
    depends on the scale of the rewards, candidates that failed to train are no outliers, and the
    differences among the best are as large as those among the average. Candidates are mutations
    of the best points, in one decision and in two, and random points; those with the best
    acquisition are mutated once more. In a small space all points are candidates. No point is
    proposed twice (by canonical key), and running trials count; see `Posterior`.

    Where a search stands still, the process has seen much of the best point's surroundings, and
    may be sure, and wrong, that no neighbour is better. So the neighbours are tried then, in the
    order of their acquisition, as local search tries all of them.

    The process is fitted anew whenever the number of results has grown by an eighth. It learns
    from the newest results and the best of the older ones, 1,000 at most, so that a proposal
    costs about the same from there on.
    """

    Settings = BayesianSettings
    settings: BayesianSettings

    def _prepare(self) -> None:
        self._sizes = np.array([len(d.choices) for d in self.space.decisions])
        self._process = CategoricalProcess(self.space.encoding)

    def reset(self) -> None:
        self._known: set[Hashable] = set()
        self._running: dict[Hashable, list[int]] = {}
        self._points: list[list[int]] = []
        self._rewards: list[float] = []
        self._fitted_to = 0
        #: The best point, by its place among the results, whose mutations have all been tried.
        self._exhausted = -1
        self._posterior: Posterior | None = None

    def observe(self, point: Point) -> None:
        key = self.space.canonical_key(point)
        if key not in self._known:
            self._running[key] = self.space.indices(point)
            self._posterior = None
        self._known.add(key)

    def reject(self, point: Point) -> None:
        # No result will come of it, so it is not running.
        self._known.add(self.space.canonical_key(point))

    def learn(self, point: Point, reward: float) -> None:
        self._running.pop(self.space.canonical_key(point), None)
        self._points.append(self.space.indices(point))
        self._rewards.append(reward)
        self._posterior = None

    def propose(self, rng: np.random.Generator) -> Point:
        if len(self._rewards) < self.settings.initial:
            return self.space.fresh(rng, self._known)
        with one_thread():
            return self._most_promising(rng)

    def choose(self, rows: np.ndarray, rng: np.random.Generator) -> Point:
        if len(self._rewards) < self.settings.initial:
            return self.space.from_indices(rows[rng.integers(len(rows))].tolist())
        with one_thread():
            return self.space.from_indices(rows[np.argmax(self._acquisition(rng)(rows))].tolist())

    def _acquisition(self, rng: np.random.Generator) -> _Score:
        posterior = self._posterior = self._posterior or self._condition()
        best = posterior.fitted.max()
        draws = self.settings.thompson > 0.0 and rng.random() < self.settings.thompson

        def score(indices: np.ndarray) -> np.ndarray:
            mean, deviation = posterior.predict(self.space.encoding(indices))
            if draws:
                return mean + deviation * rng.standard_normal(len(mean))
            return log_expected_improvement(mean, deviation, best)

        return score

    def _most_promising(self, rng: np.random.Generator) -> Point:
        score = self._acquisition(rng)
        if self.space.size <= self.settings.candidates:
            found = np.indices(self._sizes.tolist()).reshape(len(self._sizes), -1).T
            return self._first_fresh(found, score(found)) or self.space.fresh(rng, self._known)
        return (
            self._beside_the_best(score, rng)
            or self._first_fresh(*self._near_the_best(score, rng))
            or self.space.fresh(rng, self._known)
        )

    def _beside_the_best(self, score: _Score, rng: np.random.Generator) -> Point | None:
        """Where the search stands still, a mutation of the best point that was never tried."""
        best = int(np.argmax(self._rewards))
        if len(self._rewards) - best <= self.settings.patience or best == self._exhausted:
            return None
        found = self._mutations(np.array([self._points[best]]), rng)
        point = self._first_fresh(found, score(found))
        if point is None:
            self._exhausted = best
        return point

    def _first_fresh(self, found: np.ndarray, scores: np.ndarray) -> Point | None:
        for i in _descending(scores):
            point = self.space.from_indices(found[i].tolist())
            if self.space.canonical_key(point) not in self._known:
                return point
        return None

    # The model.

    def _condition(self) -> Posterior:
        due = _last_fit(len(self._rewards), self.settings.initial)
        if due != self._fitted_to:
            self._process.fit(*self._data(due, _FITTED))
            self._fitted_to = due
        vectors, values = self._data(len(self._rewards), _REMEMBERED)
        # Sorted: the order in which they were met is not always that of a restart.
        running = sorted(self._running.values())[-_REMEMBERED:]
        others = self.space.encoding(np.array(running)) if running else None
        return self._process.posterior(vectors, values, others)

    def _data(self, count: int, most: int) -> tuple[np.ndarray, np.ndarray]:
        """One-hot vectors and scores of the first `count` results, or of the `most` to keep."""
        scores = normal_scores(np.array(self._rewards[:count]))
        kept = remembered(scores, most)
        return self.space.encoding(np.array([self._points[i] for i in kept])), scores[kept]

    # Candidates, as int `(n, decisions)`.

    def _near_the_best(
        self, score: _Score, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Candidates and their scores."""
        found = self._around(rng)
        scores = score(found)
        for _ in range(_CLIMBS):
            top = found[_descending(scores)[:_CLIMBERS]]
            further = _different(self._mutations(top, rng))
            found = np.concatenate([found, further])
            scores = np.concatenate([scores, score(further)])
        return found, scores

    def _around(self, rng: np.random.Generator) -> np.ndarray:
        best = _descending(np.array(self._rewards))[: self.settings.parents]
        parents = np.array([self._points[i] for i in best])
        few = self.settings.candidates // 2
        twice = parents[rng.integers(len(parents), size=few)]
        for _ in range(2):
            at = rng.integers(len(self._sizes), size=few)
            twice = self.space.changed(twice, at, rng.integers(self._sizes[at]))
        anywhere = rng.integers(self._sizes, size=(few, len(self._sizes)))
        return _different(np.concatenate([self._mutations(parents, rng), twice, anywhere]))

    def _mutations(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """All mutations in one decision, the points among them, or a random part if too many."""
        decision = np.repeat(np.arange(len(self._sizes)), self._sizes)
        choice = np.concatenate([np.arange(size) for size in self._sizes])
        count = len(points) * len(decision)
        chosen = np.arange(count)
        if count > self.settings.candidates:
            chosen = rng.choice(count, self.settings.candidates, replace=False)
        parent, column = np.divmod(chosen, len(decision))
        return self.space.changed(points[parent], decision[column], choice[column])


def _different(points: np.ndarray) -> np.ndarray:
    """The different rows in lexicographic order, as `np.unique` finds them, which compares rows
    number by number; as strings of bytes they are sorted in a tenth of the time."""
    rows = np.ascontiguousarray(points, ">u4")
    _, first = np.unique(rows.view(f"V{rows.itemsize * rows.shape[1]}"), return_index=True)
    return points[first]


def log_expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """log E[max(f - best, 0)] for f normal with that mean and deviation, elementwise.

    As a logarithm it still tells candidates apart where it is too small for a floating point
    number (Ament et al. 2023).
    """
    from scipy.special import erfcx, ndtr

    z = (mean - best) / deviation
    log_density = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi)
    # density + z * distribution; for negative z in units of the density, which may vanish.
    low = np.minimum(z, -1.0)
    ratio = 1.0 + low * np.sqrt(0.5 * np.pi) * erfcx(-low / np.sqrt(2.0))
    high = np.maximum(z, -1.0)
    above = np.exp(-0.5 * high * high) / np.sqrt(2.0 * np.pi) + high * ndtr(high)
    tiny = np.finfo(np.float64).tiny
    log_gain = np.where(z < -1.0, log_density + np.log(np.maximum(ratio, tiny)), np.log(above))
    return np.log(deviation) + log_gain


def _last_fit(count: int, initial: int) -> int:
    """The number of results, at most `count`, after which parameters are fitted."""
    due = initial
    while (following := due + max(2, due // 8)) <= count:
        due = following
    return due


def _descending(scores: np.ndarray) -> np.ndarray:
    """Places by score, highest first, equals in order."""
    return np.argsort(-scores, kind="stable")
