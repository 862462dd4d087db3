"""From simple to complex: how the points of a space grow, part by part."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cell_search.space.space import Space


@dataclass(frozen=True)
class Part:
    """Decisions that are made together when a point grows.

    Attributes:
        decisions: their names; the same place in two parts has the same role.
        counted: decisions that count parts: the part is there where each is at least this.
            Without any, it is there where one of its decisions is not as in the simplest point.
    """

    decisions: tuple[str, ...]
    counted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Growth:
    """The parts of a space's points. Points are rows of `Space.indices` here.

    The level of a point is the number of its parts; where they come in order, every point has
    the first.

    Attributes:
        space: the space.
        simplest: the point without parts.
        parts: all there are.
        in_order: whether the next part is always the first that is not there; else any may be.
    """

    space: Space
    simplest: Mapping[str, Any]
    parts: tuple[Part, ...]
    in_order: bool = False

    @functools.cached_property
    def origin(self) -> np.ndarray:
        """The simplest point, int16 `(decisions,)`."""
        return np.array(self.space.indices(self.simplest), np.int16)

    @functools.cached_property
    def _place(self) -> dict[str, int]:
        return {d.name: i for i, d in enumerate(self.space.decisions)}

    @functools.cached_property
    def places(self) -> list[list[int]]:
        """The columns of the decisions of each part."""
        return [[self._place[name] for name in part.decisions] for part in self.parts]

    @functools.cached_property
    def _counts(self) -> list[list[tuple[int, int]]]:
        """Of each part the columns that count it, and the index that each has at least."""
        choices = {d.name: d.choices for d in self.space.decisions}
        return [
            [(self._place[name], choices[name].index(c)) for name, c in part.counted.items()]
            for part in self.parts
        ]

    @functools.cached_property
    def _sizes(self) -> list[int]:
        return [len(d.choices) for d in self.space.decisions]

    def present(self, points: np.ndarray) -> np.ndarray:
        """Which parts are there.

        Args:
            points: int `(n, decisions)`.

        Returns:
            bool `(n, parts)`.
        """
        there = np.empty((len(points), len(self.parts)), bool)
        for part, (columns, counts) in enumerate(zip(self.places, self._counts, strict=True)):
            if counts:
                there[:, part] = np.all([points[:, i] >= least for i, least in counts], axis=0)
            else:
                there[:, part] = (points[:, columns] != self.origin[columns]).any(axis=1)
        return there

    def levels(self, points: np.ndarray) -> np.ndarray:
        """The number of parts of each point, int `(n,)`.

        Args:
            points: indices of choices, int `(n, decisions)`.
        """
        return self.present(points).sum(axis=1)

    def first(self, rng: np.random.Generator, limit: int) -> np.ndarray:
        """All points of level 1; see `grown`.

        Args:
            rng: draws.
            limit: of points; of more, as many are drawn.
        """
        if self.in_order:
            return self._with(self.origin, 0, rng, limit)
        return self.grown(self.origin[None], rng, limit)

    def grown(self, points: np.ndarray, rng: np.random.Generator, limit: int) -> np.ndarray:
        """All points with one part more.

        Args:
            points: int16 `(n, decisions)`.
            rng: draws from the possible parts where there are more than `limit` in all.
            limit: about the largest number of rows that is returned.

        Returns:
            int16 `(m, decisions)`; equal candidates occur as often as they are written.
        """
        jobs = []
        for point, there in zip(points, self.present(points), strict=True):
            absent = np.flatnonzero(~there)
            jobs += [(point, part) for part in (absent[:1] if self.in_order else absent)]
        share = max(1, limit // max(1, len(jobs)))
        rows = [self._with(point, part, rng, share) for point, part in jobs]
        return np.concatenate(rows) if rows else np.empty((0, len(self._sizes)), np.int16)

    def _with(
        self, point: np.ndarray, part: int, rng: np.random.Generator, limit: int
    ) -> np.ndarray:
        columns = self.places[part]
        sizes = [self._sizes[i] for i in columns]
        total = math.prod(sizes)
        numbers: Sequence[int] | np.ndarray = (
            np.arange(total) if total <= limit else _drawn(rng, total, limit)
        )
        rows = np.repeat(point[None], len(numbers), axis=0)
        if columns:
            rows[:, columns] = np.stack(np.unravel_index(numbers, sizes), axis=1)
        for place, least in self._counts[part]:
            rows[:, place] = np.maximum(rows[:, place], least)
        if not self._counts[part]:
            rows = rows[(rows[:, columns] != self.origin[columns]).any(axis=1)]
        return rows


def _drawn(rng: np.random.Generator, total: int, count: int) -> np.ndarray:
    """Different numbers below `total`, which may be too many to list."""
    return np.unique(rng.integers(total, size=count))
