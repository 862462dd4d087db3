"""No strategy of its own: what an evaluation leads to comes next."""

from __future__ import annotations

import numpy as np

from cell_search.space.space import Point
from cell_search.strategies._base import STRATEGIES, Strategy


@STRATEGIES.register("derived")
class Derived(Strategy):
    """Proposes the decisions that the last evaluation led to.

    For evaluators that search by themselves, as by the gradient of a relaxed network (Liu et al.
    2019): their trials are a record of what they would choose by now. Until one has said so, the
    proposal is random.
    """

    follows = True

    def reset(self) -> None:
        self._next: Point | None = None

    def reject(self, point: Point) -> None:
        if point == self._next:
            self._next = None

    def learn(self, point: Point, reward: float) -> None:
        if self.proposal is not None:
            self._next = {d.name: self.proposal[d.name] for d in self.space.decisions}

    def propose(self, rng: np.random.Generator) -> Point:
        return dict(self._next) if self._next is not None else self.space.random(rng)
