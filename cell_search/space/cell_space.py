"""Spaces of cells: a row of rules, and the genotypes that its decisions stand for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cell_search.space.encoding import Column, Encoding, Term
from cell_search.space.growth import Growth, Part
from cell_search.space.network_space import NetworkSpace
from cell_search.space.space import Choice, Decision, Point
from cells.genotype.canonical import cell_key
from cells.genotype.genotype import MAX_BLOCKS, Block, Cell, Genotype, Side
from cells.kinds.files import ImageGenotype
from cells.support.errors import UserError

_SIDES = ("left", "right")


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
        stacking: the family of code whose rules stack the cells, see `cells.operations.families`.
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
class CellSpace(NetworkSpace[Genotype]):
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
        growable: whether cells may have fewer blocks.
        as_written: whether cells that compute the same, but are written in another way, are
            different candidates, as they are in a table that has a row for each of them.
    """

    rules: Rules
    blocks: int
    growable: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= MAX_BLOCKS:
            raise UserError(f"space.blocks: {self.blocks} is not in 1 to {MAX_BLOCKS}")
        super().__post_init__()

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

    @functools.cached_property
    def encoding(self) -> Encoding:
        """The edges of a cell: for each block how often it applies which operation to which state,
        how often it reads the state, how often it has the operation; then what else is decided.

        It does not depend on the order of the two sides, and an edge is the same edge whatever
        the other one is.
        """
        if self.growable:
            return super().encoding
        cells = [f"{cell}/{b}" for cell in self.rules.cells for b in range(self.blocks)]
        terms = [
            t for block in cells for which in _SIDES for t in self._edge(block, which) if t.names
        ]
        of_sides = {name for term in terms for name in term.names}
        terms += [Term.of(d) for d in self.decisions if d.name not in of_sides]
        return Encoding(self.decisions, terms)

    def _edge(self, block: str, which: str) -> list[Term]:
        source = "inputs" if self.rules.two_states else f"{which}/input"
        decided = {d.name for d in self.decisions}
        state = tuple({f"{block}/{source}"} & decided)
        operation = tuple({f"{block}/{which}/operation"} & decided)

        def reader(names: tuple[str, ...], column: Callable[[Point], Column]) -> Term:
            return Term(names, lambda *chosen: column(dict(zip(names, chosen, strict=True))))

        def edge(point: Point) -> Column:
            side = self._side(block, which, point)
            return Column((block, "edge", side.input), ("operation", side.operation))

        def read(point: Point) -> Column:
            return Column((block, "input"), ("input", self._input(block, which, point)))

        def applied(point: Point) -> Column:
            return Column((block, "operation"), ("operation", self._operation(block, which, point)))

        return [
            reader(state + operation, edge),
            reader(state, read),
            reader(operation, applied),
        ]

    def changed(self, points: np.ndarray, decisions: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """See `Space.changed`. Where one of two states is replaced, the other keeps its
        operation, also where it changes sides.

        Args:
            points: indices of choices, int `(n, decisions)`.
            decisions: the one that changes in each, int `(n,)`.
            choices: its new choice, int `(n,)`.
        """
        changed = super().changed(points, decisions, choices)
        for decision, (left, right, crossing) in self._crossings.items():
            at = np.flatnonzero(decisions == decision)
            at = at[crossing[points[at, decision], choices[at]]]
            changed[at[:, None], [left, right]] = points[at[:, None], [right, left]]
        return changed

    @functools.cached_property
    def _crossings(self) -> dict[int, tuple[int, int, np.ndarray]]:
        """Of each pair of states: the columns of both operations, and from which choice to which
        a state changes sides."""
        place = {d.name: i for i, d in enumerate(self.decisions)}
        found = {}
        for i, decision in enumerate(self.decisions):
            if isinstance(decision, _Pair) and len(self.rules.operations) > 1:
                block = decision.name.removesuffix("/inputs")
                pairs = np.array([str(c).split("+") for c in decision.choices])
                crossing = (pairs[:, None, :] == pairs[None, :, ::-1]).any(axis=2)
                left, right = (place[f"{block}/{which}/operation"] for which in _SIDES)
                found[i] = (left, right, crossing)
        return found

    @property
    def prefix(self) -> str:
        return self.rules.name

    @property
    def source(self) -> str:
        return self.rules.source

    @property
    def extent(self) -> str:
        return f"{self.blocks} blocks a cell"

    def made(self, point: Mapping[str, Any], name: str, provenance: dict[str, Any]) -> Genotype:
        cells = self._cells(point)
        return Genotype(name, cells[0], cells[-1], self.rules.stacking, provenance)

    def encode(self, genotype: ImageGenotype, settings: Mapping[str, Any] | None = None) -> Point:
        """See `GenotypeSpace.encode`.

        Cells are brought into the space: sides change places where states are pairs, and which
        states are joined and how cells are stacked follows the rules of the space. (NASNet-A joins
        a state that others read, too, so the point nearest to it is another cell.)
        """
        if not isinstance(genotype, Genotype):
            raise UserError(f"{genotype.name}: is a {genotype.title}, and this space has cells")
        rules = self.rules
        cells = {"normal": genotype.normal, "reduction": genotype.reduction}
        if len(rules.cells) == 1 and genotype.normal != genotype.reduction:
            raise UserError(
                f"{genotype.name}: this space has one cell for both uses, and the Reduction cell "
                "differs from the Normal cell"
            )
        point: Point = {d.name: d.choices[0] for d in self.decisions} | dict(settings or {})
        for cell in rules.cells:
            written = cells.get(cell, genotype.normal)
            where = f"{genotype.name}, {cell} cell"
            count = len(written.blocks)
            if count > self.blocks or (count < self.blocks and not self.growable):
                size = f"at most {self.blocks}" if self.growable else str(self.blocks)
                raise UserError(f"{where}: has {count} blocks, and cells of this space have {size}")
            point |= {f"{cell}/blocks": count} if self.growable else {}
            for b, block in enumerate(written.blocks):
                point |= self._encoded(f"{cell}/{b}", block, f"{where}, block {b}")
        return {d.name: point[d.name] for d in self.decisions}

    def _encoded(self, block: str, written: Block, where: str) -> Point:
        sides = [written.left, written.right]
        point: Point = {f"{block}/combination": written.combine}
        if self.rules.two_states:
            sides.sort(key=lambda side: side.input)
            point[f"{block}/inputs"] = f"{sides[0].input}+{sides[1].input}"
        for which, side in zip(_SIDES, sides, strict=True):
            point[f"{block}/{which}/operation"] = side.operation
            if not self.rules.two_states:
                point[f"{block}/{which}/input"] = side.input
        allowed = {d.name: d.choices for d in self._all_decisions()}
        for name, choice in point.items():
            if choice not in allowed[name]:
                what = name.removeprefix(f"{block}/")
                raise UserError(
                    f"{where}: {what} is {choice!r}, and this space has "
                    f"{', '.join(map(str, allowed[name]))}"
                )
        return point

    def key(self, point: Mapping[str, Any]) -> str:
        """Equal for genotypes that are the same up to the order of their blocks and of the two
        sides of a block."""
        return cell_key(*self._cells(point))

    def _cells(self, point: Mapping[str, Any]) -> list[Cell]:
        return [self._cell(cell, point) for cell in self.rules.cells]

    def _cell(self, cell: str, point: Mapping[str, Any]) -> Cell:
        blocks = tuple(
            Block(
                self._side(f"{cell}/{b}", "left", point),
                self._side(f"{cell}/{b}", "right", point),
                point.get(f"{cell}/{b}/combination", self.rules.combinations[0]),
            )
            for b in range(point.get(f"{cell}/blocks", self.blocks))
        )
        if self.rules.concat == "blocks":
            return Cell(blocks, tuple(range(2, len(blocks) + 2)))
        return Cell(blocks, Cell(blocks, ()).unread)

    def _side(self, block: str, which: str, point: Mapping[str, Any]) -> Side:
        return Side(self._input(block, which, point), self._operation(block, which, point))

    def _input(self, block: str, which: str, point: Mapping[str, Any]) -> int:
        if self.rules.two_states:
            return int(point.get(f"{block}/inputs", "0+1").split("+")[which == "right"])
        return point[f"{block}/{which}/input"]

    def _operation(self, block: str, which: str, point: Mapping[str, Any]) -> str:
        return point.get(f"{block}/{which}/operation", self.rules.operations[0])
