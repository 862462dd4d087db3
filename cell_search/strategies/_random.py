"""Random search: the baseline of Zoph et al. 2018, section 4.4."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
from optuna.distributions import BaseDistribution

from cell_search.space.space import Point, Space
from cell_search.strategies._base import STRATEGIES, Strategy
from cells.support.errors import UserError


@STRATEGIES.register("random")
class RandomSearch(Strategy):
    """Uniform over the choices of every decision; no candidate twice.

    Args:
        space: see `Strategy`.
        seed: of all proposals.
        attempts: how often a candidate that was proposed before (by canonical key) is drawn
            again before it is accepted; 1 allows duplicates.
    """

    several_objectives = True

    def __init__(
        self,
        space: Space | Mapping[str, BaseDistribution],
        *,
        seed: int = 0,
        attempts: int = 100,
    ):
        super().__init__(space, seed=seed)
        if attempts < 1:
            raise UserError(f"strategy.random.attempts: {attempts} is too small; use at least 1")
        self._attempts = attempts
        self.reset()

    def reset(self) -> None:
        self._proposed: set[Hashable] = set()

    def meet(self, point: Point) -> None:
        self._proposed.add(self.space.canonical_key(point))

    def propose(self, rng: np.random.Generator) -> Point:
        return self.space.fresh(rng, self._proposed, self._attempts)
