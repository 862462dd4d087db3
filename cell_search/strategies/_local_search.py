"""Local search: White et al. 2020, "Exploring the Loss Landscape in Neural Architecture Search",
section 3."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from cell_search.space.space import Point
from cell_search.strategies._base import MAX_COUNT, STRATEGIES, Strategy
from cells.support.settings import setting


@dataclass(frozen=True)
class LocalSearchSettings:
    """Settings of `LocalSearch`.

    Attributes:
        draws: random candidates that a climb begins with.
    """

    draws: int = setting(10, least=1, most=MAX_COUNT)


@STRATEGIES.register("local_search")
class LocalSearch(Strategy):
    """Climbs from the best of a few random candidates to better neighbours, and begins anew on a
    local optimum.

    A neighbour has another choice in one decision. The first neighbour that is better is where
    the climb goes on (the paper's "query until lower", which needs fewer candidates than waiting
    for all of them). No candidate (by canonical key) is proposed twice. When there is no
    neighbour left, random candidates are drawn, also while the last neighbours are still running;
    as soon as there are enough of them, the best begins the next climb.
    """

    Settings = LocalSearchSettings
    settings: LocalSearchSettings

    def reset(self) -> None:
        self._met: set[Hashable] = set()
        self._drawn: list[tuple[Point, float]] = []
        self._centre: tuple[Point, float] | None = None
        self._neighbours: list[Point] = []
        self._keys: list[Hashable] = []
        #: The centres of this climb and of the one before: their neighbours' late results are
        #: not among the draws.
        self._climb: list[Point] = []
        self._climb_before: list[Point] = []

    def observe(self, point: Point) -> None:
        self._met.add(self.space.canonical_key(point))

    def learn(self, point: Point, reward: float) -> None:
        if self._centre is not None and reward > self._centre[1]:
            self._move(point, reward)
            return
        if not self._is_near(point):
            self._drawn.append((point, reward))
        if len(self._drawn) >= self.settings.draws:
            self._climb, self._climb_before = [], self._climb
            self._move(*max(self._drawn, key=lambda drawn: drawn[1]))

    def _is_near(self, point: Point) -> bool:
        """Whether it is at most one decision away from a recent centre."""
        return any(
            sum(point[name] != choice for name, choice in centre.items()) <= 1
            for centre in (*self._climb, *self._climb_before)
        )

    def _move(self, point: Point, reward: float) -> None:
        self._centre, self._drawn = (point, reward), []
        self._climb.append(point)
        self._neighbours, self._keys = [], []

    def propose(self, rng: np.random.Generator) -> Point:
        neighbour = self._fresh_neighbour(rng)
        if neighbour is not None:
            return neighbour
        return self.space.fresh(rng, self._met)

    def _fresh_neighbour(self, rng: np.random.Generator) -> Point | None:
        if self._centre is None:
            return None
        if not self._neighbours:
            self._neighbours = self.space.neighbours(self._centre[0])
            self._keys = [None] * len(self._neighbours)
        for i in rng.permutation(len(self._neighbours)):
            # Keys are not free, and most neighbours of a centre are never looked at.
            if self._keys[i] is None:
                self._keys[i] = self.space.canonical_key(self._neighbours[i])
            if self._keys[i] not in self._met:
                return dict(self._neighbours[i])
        return None
