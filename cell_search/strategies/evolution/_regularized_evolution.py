"""Regularized (ageing) evolution: Real et al. 2019, "Regularized Evolution for Image Classifier
Architecture Search", algorithm 1."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from cell_search.space import pareto
from cell_search.space.space import Point
from cell_search.strategies._base import MAX_COUNT, STRATEGIES, Strategy
from cell_search.strategies.evolution._mutation import mutate
from cells.support.errors import UserError
from cells.support.settings import setting


@dataclass(frozen=True)
class RegularizedEvolutionSettings:
    """Settings of `RegularizedEvolution`.

    Attributes:
        population: P, the number of individuals that live.
        sample: S, the number drawn with replacement to choose a parent from.
        identity: the probability that a child is its parent, unchanged (and scored anew).
    """

    population: int = setting(100, least=1, most=MAX_COUNT)
    sample: int = setting(25, least=1)
    identity: float = setting(0.05, least=0, most=1)


@STRATEGIES.register("regularized_evolution")
class RegularizedEvolution(Strategy):
    """The best of a random sample has a child, and the oldest dies, however good it is.

    Until `population` trials have succeeded, proposals are random. A trial enters the population
    when it finishes; a failed one never does.
    """

    Settings = RegularizedEvolutionSettings
    settings: RegularizedEvolutionSettings
    several_objectives = True

    def _prepare(self) -> None:
        sample, population = self.settings.sample, self.settings.population
        if sample > population:
            raise UserError(
                f"{self._where}.sample: {sample} is not in 1 to {population}, the size of the "
                "population"
            )

    def reset(self) -> None:
        self._alive: deque[tuple[Point, Any]] = deque(maxlen=self.settings.population)

    def learn(self, point: Point, reward: Any) -> None:
        self._alive.append((point, reward))

    def propose(self, rng: np.random.Generator) -> Point:
        if len(self._alive) < self.settings.population:
            return self.space.random(rng)
        drawn = rng.integers(self.settings.population, size=self.settings.sample)
        parent = self._alive[self._fittest(drawn)][0]
        if rng.random() < self.settings.identity:
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
