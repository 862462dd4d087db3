"""The only points that may be proposed, where they are a small part of a space: the rows of a table
of candidates that were really trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cell_search.space.space import Point, Space


class Listed:
    """Points in a list, and which of them have not been tried.

    Args:
        rows: `Space.indices` of different points.

    Attributes:
        rows: int `(n, decisions)`.
    """

    def __init__(self, rows: Sequence[Sequence[int]]):
        self.rows = np.array(rows)
        self._place = {tuple(row): i for i, row in enumerate(self.rows.tolist())}
        self.reset()

    def points(self, space: Space) -> Iterator[Point]:
        """All of them.

        Args:
            space: that they are of.
        """
        return map(space.from_indices, self.rows.tolist())

    def reset(self) -> None:
        """Forgets what has been tried."""
        self._untried = np.ones(len(self.rows), bool)

    def take(self, indices: Sequence[int]) -> None:
        """Takes note of a point that was proposed; it may be none of the list."""
        place = self._place.get(tuple(indices))
        if place is not None:
            self._untried[place] = False

    def untried(self) -> np.ndarray:
        """The rows that have not been proposed; all of them where all have been."""
        return self.rows[self._untried] if self._untried.any() else self.rows
