"""A normal form for recurrent cells: what computes the same function has the same key.

Both combinations commute, so the two nodes that a node of a tree reads may change places with all
below them; independent highway nodes may be listed in any order; and which half of a product is the
gate is a matter of layout. The weights of one then give the function of the other.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any

from cells.recurrent.genotype import Highway, HighwayNode, Inject, Tree


def canonical_key(cell: Tree | Highway) -> str:
    """64 hexadecimal digits that are equal for cells of the same function.

    Args:
        cell: a cell.
    """
    form = canonical(cell)
    return hashlib.sha256(json.dumps([type(form).__name__, repr(form)]).encode()).hexdigest()


def canonical(cell: Tree | Highway) -> Any:
    """The cell, of the same form, with its nodes in a normal order.

    Args:
        cell: a cell.
    """
    return _tree(cell) if isinstance(cell, Tree) else _highway(cell)


def _tree(tree: Tree) -> Tree:
    @functools.cache
    def key(i: int) -> tuple:
        node, inject = tree.nodes[i], tree.inject
        here = (inject.combine, inject.activation) if inject.node == i else ("", "")
        label = (node.combine, node.activation, *here, tree.memory == i)
        return (label, *sorted(map(key, tree.children(i))))

    old_of = [0] * len(tree.nodes)

    def place(old: int, new: int) -> None:
        old_of[new] = old
        below = sorted(tree.children(old), key=key)
        for child, position in zip(below, tree.children(new), strict=True):
            place(child, position)

    place(len(tree.nodes) - 1, len(tree.nodes) - 1)
    inject = tree.inject
    return Tree(
        tuple(tree.nodes[old] for old in old_of),
        Inject(old_of.index(inject.node), inject.combine, inject.activation),
        old_of.index(tree.memory),
    )


def _highway(cell: Highway) -> Highway:
    readers: list[list[int]] = [[] for _ in range(len(cell.nodes) + 1)]
    for state, node in enumerate(cell.nodes, 1):
        readers[node.input].append(state)

    @functools.cache
    def key(state: int) -> tuple:
        activation = cell.nodes[state - 1].activation if state else ""
        return (activation, state in cell.output, tuple(sorted(map(key, readers[state]))))

    new_of = {0: 0}
    nodes = []

    def place(state: int) -> None:
        for reader in sorted(readers[state], key=key):
            new_of[reader] = len(new_of)
            nodes.append(HighwayNode(new_of[state], cell.nodes[reader - 1].activation))
            place(reader)

    place(0)
    return Highway(tuple(nodes), tuple(sorted(new_of[state] for state in cell.output)))
