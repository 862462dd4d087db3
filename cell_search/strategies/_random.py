"""Random search: the baseline of Zoph et al. 2018, section 4.4."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from cell_search.space.space import Point
from cell_search.strategies._base import MAX_COUNT, STRATEGIES, Strategy
from cells.support.settings import setting


@dataclass(frozen=True)
class RandomSearchSettings:
    """Settings of `RandomSearch`.

    Attributes:
        attempts: how often a candidate that was proposed before (by canonical key) is drawn
            again before it is accepted; 1 allows duplicates.
    """

    attempts: int = setting(100, least=1, most=MAX_COUNT)


@STRATEGIES.register("random")
class RandomSearch(Strategy):
    """Uniform over the choices of every decision; no candidate twice."""

    Settings = RandomSearchSettings
    settings: RandomSearchSettings
    several_objectives = True

    def reset(self) -> None:
        self._proposed: set[Hashable] = set()

    def observe(self, point: Point) -> None:
        self._proposed.add(self.space.canonical_key(point))

    def propose(self, rng: np.random.Generator) -> Point:
        return self.space.fresh(rng, self._proposed, self.settings.attempts)

    def choose(self, rows: np.ndarray, rng: np.random.Generator) -> Point:
        return self.space.from_indices(rows[rng.integers(len(rows))].tolist())
