"""A recurrent cell: what makes h_t of x_t and h_{t-1}, as plain data, in one of two forms.

A **tree** (Zoph & Le 2017, section 3.4) has 2, 4, 8 or 16 leaves, each with matrices of its own for
x_t and h_{t-1}; every other node combines two nodes, without weights. Nodes are numbered level by
level, from the leaves up, from left to right: with b leaves, node b + m reads nodes 2m and 2m + 1.
A second state c is added at one node, and is what another node has combined.

A **highway** cell (Pham et al. 2018, Liu et al. 2019) begins with state 0, made of x_t and h_{t-1}.
Each of its nodes moves from an earlier state towards an activation of it, as far as a gate opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cells.genotype.genotype import check_name
from cells.support.errors import UserError, require_known

#: How two values are combined, and what is applied to the result; both by position in the paper.
COMBINATIONS = ("mult", "add")
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu")

#: Leaves that a tree may have.
BASES = (2, 4, 8, 16)

#: Which half of a highway product the gate is.
FIRST = ("gate", "candidate")

MAX_HIGHWAY_NODES = 64


@dataclass(frozen=True)
class Node:
    """A node of a tree: `activation(left combine right)`.

    Attributes:
        combine: one of `COMBINATIONS`.
        activation: one of `ACTIVATIONS`.
    """

    combine: str
    activation: str


@dataclass(frozen=True)
class Inject:
    """Where the state c of the step before comes in: a node a becomes `activation(a combine c)`.

    Attributes:
        node: number of the node, whose own activation comes first.
        combine: one of `COMBINATIONS`.
        activation: one of `ACTIVATIONS`.
    """

    node: int
    combine: str
    activation: str


@dataclass(frozen=True)
class Tree:
    """A cell as a tree; its last node is h_t.

    Attributes:
        nodes: leaves first, then level by level.
        inject: where c_{t-1} comes in.
        memory: number of the node of which c_t is what it has combined: before its activation,
            and before c_{t-1} comes in where that is the same node.
    """

    nodes: tuple[Node, ...]
    inject: Inject
    memory: int

    def __post_init__(self) -> None:
        if self.base not in BASES or len(self.nodes) != 2 * self.base - 1:
            sizes = ", ".join(str(2 * base - 1) for base in BASES)
            raise UserError(
                f"nodes: {len(self.nodes):,} nodes are no tree; use one of {sizes} "
                f"(for {', '.join(map(str, BASES))} leaves)"
            )
        for i, node in enumerate(self.nodes):
            require_known(f"nodes[{i}].combine", node.combine, COMBINATIONS, "combination")
            require_known(f"nodes[{i}].activation", node.activation, ACTIVATIONS, "activation")
        require_known("inject.combine", self.inject.combine, COMBINATIONS, "combination")
        require_known("inject.activation", self.inject.activation, ACTIVATIONS, "activation")
        for where, index in (("inject.node", self.inject.node), ("memory", self.memory)):
            if not 0 <= index < len(self.nodes):
                raise UserError(
                    f"{where}: node {index} does not exist; this tree has 0 to "
                    f"{len(self.nodes) - 1}"
                )

    @property
    def base(self) -> int:
        """The number of leaves."""
        return (len(self.nodes) + 1) // 2

    def children(self, node: int) -> tuple[int, ...]:
        """The two nodes that a node reads; none for a leaf.

        Args:
            node: its number.
        """
        first = 2 * (node - self.base)
        return () if first < 0 else (first, first + 1)


@dataclass(frozen=True)
class HighwayNode:
    """A node of a highway cell: `s + gate * (activation(candidate) - s)` for an earlier state s.

    Attributes:
        input: number of the state s; node n (from 0) makes state n + 1.
        activation: one of `ACTIVATIONS`.
    """

    input: int
    activation: str


@dataclass(frozen=True)
class Highway:
    """A cell as highway nodes; state 0 has the activation tanh and moves away from h_{t-1}.

    Attributes:
        nodes: at least one.
        output: the states whose mean is h_t.
        first: which half of each product is the gate: `gate` for the first one (DARTS) or
            `candidate` for the second one (ENAS). It decides the layout of weights, not what can
            be computed.
    """

    nodes: tuple[HighwayNode, ...]
    output: tuple[int, ...]
    first: str = "gate"

    def __post_init__(self) -> None:
        if not 0 < len(self.nodes) <= MAX_HIGHWAY_NODES:
            raise UserError(
                f"nodes: {len(self.nodes):,} nodes; a highway cell has 1 to {MAX_HIGHWAY_NODES}"
            )
        for i, node in enumerate(self.nodes):
            if not 0 <= node.input <= i:
                raise UserError(
                    f"nodes[{i}].input: state {node.input} does not exist before it (it makes "
                    f"state {i + 1} and reads earlier states only, here 0 to {i})"
                )
            require_known(f"nodes[{i}].activation", node.activation, ACTIVATIONS, "activation")
        require_known("first", self.first, FIRST, "half")
        if not self.output or len(set(self.output)) != len(self.output):
            raise UserError("output: name at least one state, and each once")
        for state in self.output:
            if not 0 <= state <= len(self.nodes):
                raise UserError(
                    f"output: state {state} does not exist; this cell has 0 to {len(self.nodes)}"
                )
        used = {*self.output, *(node.input for node in self.nodes)}
        if lost := [s for s in range(1, len(self.nodes) + 1) if s not in used]:
            raise UserError(
                f"output: state {lost[0]} is neither read by a node nor part of the output, so its "
                "node would do nothing; add it to output or take the node out"
            )


@dataclass(frozen=True)
class RecurrentGenotype:
    """A recurrent cell with its name; one that exists can be built.

    Attributes:
        name: as that of an image genotype (`cells.Genotype`).
        cell: the tree, or the highway nodes.
        provenance: where it comes from: JSON values, not part of its identity.

    Raises:
        UserError: the name is none.

    Example:
        >>> cell = Highway((HighwayNode(0, "tanh"),), output=(1,))
        >>> RecurrentGenotype("mine", cell).form
        'highway'
    """

    name: str
    cell: Tree | Highway
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def form(self) -> str:
        """`tree` or `highway`."""
        return "tree" if isinstance(self.cell, Tree) else "highway"
