"""Spaces of cells: a row of rules, and the genotypes that its decisions stand for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cell_search.growth import Growth, Part
from cell_search.space import Choice, Decision, Space
from cells.canonical import cell_key
from cells.errors import UserError
from cells.genotype import MAX_BLOCKS, Block, Cell, Genotype, Side


@dataclass(frozen=True)
class Rules:
    """What tells one space of cells from another.

    Attributes:
        name: as in configurations.
        source: the paper, and the section that says so.
        operations: what a side of a block may do.
        cells: the cells that are decided upon: `normal` and `reduction`, or one for both roles.
        combinations: how the two sides of a block may be combined.
        concat: the states that are joined to the output: those that no block reads (cell inputs
            included), or those of all blocks.
        stacking: the family of code whose rules stack the cells, see `cells.families`.
        blocks: blocks of a cell in the paper.
        two_states: whether the two sides of a block must read two different states. They are
            one decision then, `inputs`.
    """

    name: str
    source: str
    operations: tuple[str, ...]
    cells: tuple[str, ...]
    combinations: tuple[str, ...]
    concat: Literal["unread", "blocks"]
    stacking: str
    blocks: int = 5
    two_states: bool = False


@dataclass(frozen=True)
class _Pair(Decision):
    """Two different states, written `a+b` with a < b."""

    def neighbours(self, choice: Choice) -> tuple[Choice, ...]:
        """The pairs with one state replaced: a mutation of Real et al. 2019 re-draws one input."""
        states = set(str(choice).split("+"))
        return tuple(c for c in self.choices if len(states & set(str(c).split("+"))) == 1)


@dataclass(frozen=True)
class CellSpace(Space):
    """The decisions that describe genotypes under some rules.

    For each block of each cell: first input, second input, first operation, second operation,
    combination (Zoph et al. 2018, section 3). A state is numbered as in genotypes: 0 is
    h_{i-1}, 1 is h_i, b + 2 the result of block b. What has one choice only is no decision.

    Where cells can grow, a decision `CELL/blocks` comes before the blocks of a cell and says how
    many there are; the decisions of the others are made and count for nothing.

    Attributes:
        decisions: those of the cells, then `settings`.
        rules: of the cells.
        blocks: of a cell; where cells can grow, at most.
        settings: further decisions that belong to a candidate, but not to its genotype.
        growable: whether cells may have fewer blocks.
    """

    decisions: tuple[Decision, ...] = field(init=False)
    rules: Rules
    blocks: int
    settings: tuple[Decision, ...] = ()
    growable: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= MAX_BLOCKS:
            raise UserError(f"space.blocks: {self.blocks} is not in 1 to {MAX_BLOCKS}")
        decisions = tuple(d for d in self._all_decisions() if len(d.choices) > 1)
        object.__setattr__(self, "decisions", decisions + self.settings)

    def _all_decisions(self) -> list[Decision]:
        rules = self.rules
        decisions = []
        for cell in rules.cells:
            if self.growable:
                counts = tuple(range(1, self.blocks + 1))
                decisions.append(Decision(f"{cell}/blocks", counts, "blocks"))
            for b in range(self.blocks):
                block = f"{cell}/{b}"
                decisions += self._inputs(block, b + 2)
                decisions += [
                    Decision(f"{block}/left/operation", rules.operations, "operation"),
                    Decision(f"{block}/right/operation", rules.operations, "operation"),
                    Decision(f"{block}/combination", rules.combinations, "combination"),
                ]
        return decisions

    def _inputs(self, block: str, states: int) -> list[Decision]:
        if self.rules.two_states:
            pairs = tuple(f"{a}+{b}" for b in range(states) for a in range(b))
            return [_Pair(f"{block}/inputs", pairs, "input")]
        inputs = tuple(range(states))
        return [Decision(f"{block}/{side}/input", inputs, "input") for side in ("left", "right")]

    @functools.cached_property
    def growth(self) -> Growth:
        """Cells grow block by block, all cells in turn (Liu et al. 2018, section 4.1)."""
        if not self.growable:
            return super().growth
        cells, names = self.rules.cells, [d.name for d in self.decisions]

        def block(cell: str, b: int) -> tuple[str, ...]:
            return tuple(name for name in names if name.startswith(f"{cell}/{b}/"))

        first = Part(
            (*(n for cell in cells for n in block(cell, 0)), *(d.name for d in self.settings)),
            {f"{cell}/blocks": 1 for cell in cells if self.blocks > 1},
        )
        later = [
            Part(block(cell, b), {f"{cell}/blocks": b + 1})
            for b in range(1, self.blocks)
            for cell in cells
        ]
        simplest = {d.name: d.choices[0] for d in self.decisions}
        return Growth(self, simplest, (first, *later), in_order=True)

    def decode(
        self,
        point: Mapping[str, Any],
        *,
        name: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Genotype:
        """The genotype that a point stands for.

        Args:
            point: a choice for each decision.
            name: of the genotype; made of the space and the canonical key by default.
            provenance: see `Genotype`.
        """
        cells = [self._cell(cell, point) for cell in self.rules.cells]
        return Genotype(
            name=name or f"{self.rules.name}-{self.canonical_key(point)[:8]}",
            normal=cells[0],
            reduction=cells[-1],
            stacking=self.rules.stacking,
            provenance=dict(provenance or {}),
        )

    def canonical_key(self, point: Mapping[str, Any]) -> str:
        """Hexadecimal digits, equal for genotypes that are the same up to the order of their
        blocks and of the two sides of a block; then the further settings."""
        key = cell_key(*(self._cell(cell, point) for cell in self.rules.cells))
        return key + "".join(f" {d.name}={point[d.name]!r}" for d in self.settings)

    def _cell(self, cell: str, point: Mapping[str, Any]) -> Cell:
        def side(b: int, which: str) -> Side:
            prefix = f"{cell}/{b}"
            operation = point.get(f"{prefix}/{which}/operation", self.rules.operations[0])
            if self.rules.two_states:
                pair = point.get(f"{prefix}/inputs", "0+1").split("+")
                return Side(int(pair[which == "right"]), operation)
            return Side(point[f"{prefix}/{which}/input"], operation)

        blocks = tuple(
            Block(
                side(b, "left"),
                side(b, "right"),
                point.get(f"{cell}/{b}/combination", self.rules.combinations[0]),
            )
            for b in range(point.get(f"{cell}/blocks", self.blocks))
        )
        if self.rules.concat == "blocks":
            return Cell(blocks, tuple(range(2, len(blocks) + 2)))
        return Cell(blocks, Cell(blocks, ()).unread)


def genotype_of(space: Space, point: Mapping[str, Any]) -> Genotype | None:
    """The genotype that a point of any space stands for, or None in a space without genotypes."""
    return space.decode(point) if isinstance(space, CellSpace) else None
