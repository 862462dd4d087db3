"""Regularized (ageing) evolution: Real et al. 2019, "Regularized Evolution for Image Classifier
Architecture Search", algorithm 1."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from cell_search.space import pareto
from cell_search.space.space import Point, Space
from cell_search.strategies._base import STRATEGIES, Strategy
from cell_search.strategies.evolution._mutation import mutate
from cells.support.errors import UserError


@STRATEGIES.register("regularized_evolution")
class RegularizedEvolution(Strategy):
    """The best of a random sample has a child, and the oldest dies, however good it is.

    Until `population` trials have succeeded, proposals are random. A trial enters the population
    when it finishes; a failed one never does.

    Args:
        space: see `Strategy`.
        seed: of all proposals.
        population: P, the number of individuals that live.
        sample: S, the number drawn with replacement to choose a parent from.
        identity: the probability that a child is its parent, unchanged (and scored anew).
    """

    several_objectives = True

    def __init__(
        self,
        space: Space | Mapping[str, BaseDistribution],
        *,
        seed: int = 0,
        population: int = 100,
        sample: int = 25,
        identity: float = 0.05,
    ):
        super().__init__(space, seed=seed)
        where = "strategy.regularized_evolution"
        if population < 1:
            raise UserError(f"{where}.population: {population} is too small; use at least 1")
        if not 1 <= sample <= population:
            raise UserError(
                f"{where}.sample: {sample} is not in 1 to {population}, the size of the population"
            )
        if not 0.0 <= identity <= 1.0:
            raise UserError(f"{where}.identity: {identity} is not in [0, 1]")
        self._size, self._sample, self._identity = population, sample, identity
        self.reset()

    def reset(self) -> None:
        self._alive: deque[tuple[Point, Any]] = deque(maxlen=self._size)

    def learn(self, point: Point, reward: Any) -> None:
        self._alive.append((point, reward))

    def propose(self, rng: np.random.Generator) -> Point:
        if len(self._alive) < self._size:
            return self.space.random(rng)
        drawn = rng.integers(self._size, size=self._sample)
        parent = self._alive[self._fittest(drawn)][0]
        if rng.random() < self._identity:
            return dict(parent)
        return mutate(self.space, parent, rng)

    def _fittest(self, drawn: np.ndarray) -> int:
        """Of the drawn individuals the best, the first of equals."""
        rewards = [reward for _, reward in self._alive]
        if not isinstance(rewards[0], tuple):
            return max(drawn, key=lambda i: rewards[i])
        values = np.array(rewards)
        rank = pareto.ranks(values)
        room = pareto.crowding(values, rank)
        return min(drawn, key=lambda i: (rank[i], -room[i]))
