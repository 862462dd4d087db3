"""Spaces of recurrent cells: trees (Zoph & Le 2017) and highway cells (Pham et al. 2018)."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.space.space import Decision, GenotypeSpace, Point
from cells.recurrent import catalogue
from cells.recurrent.canonical import canonical_key
from cells.recurrent.genotype import (
    ACTIVATIONS,
    BASES,
    COMBINATIONS,
    MAX_HIGHWAY_NODES,
    Highway,
    HighwayNode,
    Inject,
    Node,
    RecurrentGenotype,
    Tree,
)
from cells.recurrent.words import size
from cells.support.errors import UserError


@dataclass(frozen=True)
class RecurrentSpace(GenotypeSpace[RecurrentGenotype]):
    """The decisions that describe recurrent cells of one form and size.

    Attributes:
        decisions: those of the cell, then `settings`. What has one choice only is no decision.
        blocks: leaves of a tree, or nodes of a highway cell.
    """

    blocks: int = 8

    def find(self, name_or_path: str) -> RecurrentGenotype:
        return catalogue.load(name_or_path)

    @abc.abstractmethod
    def _cell(self, point: Mapping[str, Any]) -> Tree | Highway:
        """The cell that a point stands for."""

    @abc.abstractmethod
    def _point(self, cell: Any) -> Point:
        """The point of a cell of this form and size."""

    def encode(self, genotype: Any, settings: Mapping[str, Any] | None = None) -> Point:
        cell, own = genotype.cell, self._cell({d.name: d.choices[0] for d in self.decisions})
        point: Point = {}
        if type(cell) is type(own) and len(cell.nodes) == len(own.nodes):
            point = self._point(cell)
        # A highway cell may have another output than the mean of all nodes.
        if not point or canonical_key(self._cell(point)) != canonical_key(cell):
            raise UserError(
                f"{genotype.name}: is a {size(cell)} that does not fit; here each is a {size(own)}"
                + (", whose output is the mean of all nodes" if isinstance(own, Highway) else "")
            )
        return {d.name: {**(settings or {}), **point}[d.name] for d in self.decisions}

    def made(
        self, point: Mapping[str, Any], name: str, provenance: dict[str, Any]
    ) -> RecurrentGenotype:
        return RecurrentGenotype(name, self._cell(point), provenance)

    def key(self, point: Mapping[str, Any]) -> str:
        return canonical_key(self._cell(point))

    def describe(self, point: Mapping[str, Any]) -> str:
        return self.decode(point).name


@dataclass(frozen=True)
class TreeSpace(RecurrentSpace):
    """Trees: combination and activation of each node and of the injection, then two numbers of
    nodes, of that which gives c_t and of that where c_{t-1} comes in."""

    prefix: ClassVar[str] = "recurrent"
    source: ClassVar[str] = "Zoph & Le 2017, section 3.4"

    def __post_init__(self) -> None:
        if self.blocks not in BASES:
            sizes = ", ".join(map(str, BASES))
            raise UserError(f"space.blocks: a tree cannot have {self.blocks} leaves; use {sizes}")
        super().__post_init__()

    def _all_decisions(self) -> Iterator[Decision]:
        nodes = tuple(range(2 * self.blocks - 1))
        for where in (*nodes, "inject"):
            yield Decision(f"{where}/combination", COMBINATIONS, "combination")
            yield Decision(f"{where}/activation", ACTIVATIONS, "operation")
        for where in ("memory", "inject"):
            yield Decision(f"{where}/node", nodes, "input")

    def _cell(self, point: Mapping[str, Any]) -> Tree:
        def pair(where: Any) -> tuple[str, str]:
            return point[f"{where}/combination"], point[f"{where}/activation"]

        nodes = tuple(Node(*pair(i)) for i in range(2 * self.blocks - 1))
        return Tree(nodes, Inject(point["inject/node"], *pair("inject")), point["memory/node"])

    def _point(self, tree: Any) -> Point:
        places: dict[Any, Node | Inject] = dict(enumerate(tree.nodes)) | {"inject": tree.inject}
        point: Point = {"memory/node": tree.memory, "inject/node": tree.inject.node}
        for where, node in places.items():
            point[f"{where}/combination"] = node.combine
            point[f"{where}/activation"] = node.activation
        return point


@dataclass(frozen=True)
class HighwaySpace(RecurrentSpace):
    """Highway cells as DARTS writes them, gate first, whose output is the mean of all nodes: the
    earlier state and the activation of each."""

    prefix: ClassVar[str] = "recurrent_darts"
    source: ClassVar[str] = "Liu et al. 2019, section 3.2; the nodes of Pham et al. 2018"

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= MAX_HIGHWAY_NODES:
            raise UserError(
                f"space.blocks: {self.blocks} nodes; a highway cell has 1 to {MAX_HIGHWAY_NODES}"
            )
        super().__post_init__()

    def _all_decisions(self) -> Iterator[Decision]:
        for i in range(self.blocks):
            yield Decision(f"{i}/input", tuple(range(i + 1)), "input")
            yield Decision(f"{i}/activation", ACTIVATIONS, "operation")

    def _cell(self, point: Mapping[str, Any]) -> Highway:
        # The first node can read one state only, which is no decision.
        nodes = (
            HighwayNode(point.get(f"{i}/input", 0), point[f"{i}/activation"])
            for i in range(self.blocks)
        )
        return Highway(tuple(nodes), tuple(range(1, self.blocks + 1)))

    def _point(self, cell: Any) -> Point:
        point: Point = {f"{i}/input": node.input for i, node in enumerate(cell.nodes)}
        return point | {f"{i}/activation": node.activation for i, node in enumerate(cell.nodes)}
