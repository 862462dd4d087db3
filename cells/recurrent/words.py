"""Recurrent cells in words, and what changed between two."""

from __future__ import annotations

from collections.abc import Iterator

from cells.operations.architecture import changed_lines
from cells.recurrent.canonical import canonical_key
from cells.recurrent.genotype import Highway, RecurrentGenotype, Tree

_SIGNS = {"mult": "*", "add": "+"}


def describe(cell: Tree | Highway) -> list[str]:
    """A cell in words, one line a node, then its states.

    Args:
        cell: a cell.
    """
    return _tree(cell) if isinstance(cell, Tree) else _highway(cell)


def size(cell: Tree | Highway) -> str:
    """What a cell is, in a few words.

    Args:
        cell: a cell.
    """
    if isinstance(cell, Tree):
        return f"recurrent tree of {cell.base} leaves"
    return f"recurrent highway cell of {len(cell.nodes)} nodes"


def differences(old: RecurrentGenotype, new: RecurrentGenotype) -> Iterator[str]:
    """Lines that lead from `old` to `new`: `-` taken away, `+` added; nothing for equal ones.

    Args:
        old: the cell before.
        new: the cell after.
    """
    if old != new and canonical_key(old.cell) == canonical_key(new.cell):
        yield "the same function: only the name, or the order or layout of nodes, differs"
        return
    yield from changed_lines(*([f"name: {g.name}", *describe(g.cell)] for g in (old, new)))


def _tree(tree: Tree) -> list[str]:
    def combined(i: int) -> str:
        left, right = (f"node {n}" for n in tree.children(i)) if tree.children(i) else ("Wx", "Uh")
        return f"{left} {_SIGNS[tree.nodes[i].combine]} {right}"

    lines = []
    inject = tree.inject
    for i, node in enumerate(tree.nodes):
        value = f"{node.activation}({combined(i)})"
        if i == inject.node:
            value = f"{inject.activation}({value} {_SIGNS[inject.combine]} c(t-1))"
        lines.append(f"node {i} = {value}")
    return [*lines, f"c(t) = {combined(tree.memory)}", f"h(t) = node {len(tree.nodes) - 1}"]


def _highway(cell: Highway) -> list[str]:
    lines = ["state 0 = from h(t-1) towards tanh of x and h(t-1)"]
    lines += [
        f"state {state} = from state {node.input} towards {node.activation} of it"
        for state, node in enumerate(cell.nodes, 1)
    ]
    states = ", ".join(f"state {state}" for state in cell.output)
    return [*lines, f"h(t) = mean({states})"]
