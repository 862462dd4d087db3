"""A space of cells made continuous, and the way back (Liu et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cell_search.space.cell_space import CellSpace
from cell_search.space.space import Point
from cells.support.errors import UserError

#: The operation that an edge has beside those of the space: it gives zeros, and no cell keeps it.
NONE = "none"


@dataclass(frozen=True)
class RelaxedSpace:
    """All operations on all edges at once, each weighted by the softmax of its alphas.

    Alphas are an array `(cells, edges, operations)`: the cells of the space's rules, which all
    cells of a kind in a network share; edges from every earlier state to every block, block by
    block; `operations`, of which the first is `none`.

    Attributes:
        space: whose blocks add two different states.

    Raises:
        UserError: it has other blocks.
    """

    space: CellSpace

    def __post_init__(self) -> None:
        rules = self.space.rules
        if not rules.two_states or rules.combinations != ("add",) or rules.concat != "blocks":
            raise UserError(
                f"space.name: {rules.name!r} cannot be relaxed, which takes cells whose blocks add "
                "two different states and are all joined; use space.name=darts"
            )
        if self.space.growable or self.space.settings:
            what = "space.growable" if self.space.growable else "settings"
            raise UserError(f"{what}: one network is trained for all cells; leave it out")

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The block and the state that it reads, for each edge."""
        return tuple((b, i) for b in range(self.space.blocks) for i in range(b + 2))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Those of an edge."""
        return (NONE, *self.space.rules.operations)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the alphas."""
        return len(self.space.rules.cells), len(self.edges), len(self.operations)

    def prescribed(self, alphas: np.ndarray) -> Point:
        """The point that alphas stand for (Liu et al. 2019, section 2.4).

        Each block keeps two edges: those whose strongest operation, `none` left out, has the
        largest softmax. Each of them keeps that operation. Of equal ones the first counts.

        Args:
            alphas: `(cells, edges, operations)`.
        """
        mixture = softmax(alphas)[..., 1:]
        point: Point = {}
        for cell, of_cell in zip(self.space.rules.cells, mixture, strict=True):
            for block in range(self.space.blocks):
                rows = {i: of_cell[n] for n, (b, i) in enumerate(self.edges) if b == block}
                first, second = sorted(sorted(rows, key=lambda i: -rows[i].max())[:2])
                names = self.space.rules.operations
                point |= {
                    f"{cell}/{block}/inputs": f"{first}+{second}",
                    f"{cell}/{block}/left/operation": names[int(rows[first].argmax())],
                    f"{cell}/{block}/right/operation": names[int(rows[second].argmax())],
                }
        # The first block has no choice of states.
        return {d.name: point[d.name] for d in self.space.decisions}

    def one_hot(self, point: Point) -> np.ndarray:
        """The mixture that is a point: 1 for the operations of its edges, else 0.

        Args:
            point: of the space.

        Returns:
            `(cells, edges, operations)`, to be taken in the place of the softmax.
        """
        genotype = self.space.decode(point)
        mixture = np.zeros(self.shape, np.float32)
        cells = (genotype.normal, genotype.reduction)[: len(mixture)]
        for of_cell, cell in zip(mixture, cells, strict=True):
            for b, block in enumerate(cell.blocks):
                for _, side in block.sides:
                    edge = self.edges.index((b, side.input))
                    of_cell[edge, self.operations.index(side.operation)] = 1.0
        return mixture


def softmax(alphas: np.ndarray) -> np.ndarray:
    """Over the last axis.

    Args:
        alphas: float, of any shape.
    """
    powers = np.exp(alphas - alphas.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
