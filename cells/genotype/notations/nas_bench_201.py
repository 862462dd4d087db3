"""NAS-Bench-201: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, where its space meets ours.

Such a cell has one input and nodes that sum one to three operations; a block here sums two. So a
node of one operation can be held only if that is `skip_connect` (the node is then what it reads),
and a sum of three becomes two blocks. All cells of NAS-Bench-201 halve outside of its cell, so the
cell stands in both roles here. `|none~i|` edges are left out.
"""

from __future__ import annotations

import functools
import itertools
import re

from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.genotype.notations.names import only, ours
from cells.support.errors import UserError, cut

_OPERATIONS = {
    "none": "none",
    "skip_connect": "identity",
    "nor_conv_1x1": "conv_1x1",
    "nor_conv_3x3": "conv_3x3",
    "avg_pool_3x3": "avg_pool_3x3",
}
_EDGE = re.compile(r"([a-z0-9_]{1,40})~([0-2])")
_INPUT = 1  # our state 1: the output of the previous cell


def read(text: str) -> Genotype:
    """Reads an architecture string.

    Args:
        text: in that notation.

    Raises:
        UserError: it is malformed, or its cell has no equal here.
    """
    edges = _edges(text.strip())
    blocks: list[Block] = []
    states: list[int | None] = [_INPUT]
    for node, incoming in enumerate(edges, 1):
        sides = [
            Side(state, operation)
            for source, operation in enumerate(incoming)
            if operation != "none" and (state := states[source]) is not None
        ]
        states.append(_sum(sides, blocks, node))
    if not blocks or states[-1] != len(blocks) + 1:
        raise UserError("NAS-Bench-201 string: its last node sums no two operations")
    # Blocks that the output does not depend on would do nothing.
    cell = Cell(tuple(blocks), (len(blocks) + 1,))
    lost = [s for s in cell.unread if 2 <= s < len(blocks) + 1]
    if lost:
        raise UserError("NAS-Bench-201 string: a node does not reach the output")
    return Genotype("nas_bench_201", cell, cell, "nasnet")


def write(genotype: Genotype) -> str:
    """The string of a genotype that is a cell of NAS-Bench-201.

    Args:
        genotype: the two cells.

    Raises:
        UserError: it is none.
    """
    found = _known().get((genotype.normal, genotype.reduction, genotype.stacking))
    only(found is not None, "A NAS-Bench-201 string", "its space has no such cell")
    return f"{found}\n"


@functools.cache
def _known() -> dict[tuple, str]:
    """All cells of the space that can be held: 15,625 strings are quickly tried."""
    known: dict[tuple, str] = {}
    for names in itertools.product(_OPERATIONS, repeat=6):
        text = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*names)
        try:
            genotype = read(text)
        except UserError:
            continue
        known.setdefault((genotype.normal, genotype.reduction, genotype.stacking), text)
    return known


def _edges(text: str) -> list[list[str]]:
    nodes = text.split("+")
    if len(nodes) != 3:
        raise UserError("NAS-Bench-201 string: must have three nodes, |..|+|..|..|+|..|..|..|")
    edges = []
    for node, part in enumerate(nodes, 1):
        if len(part) < 2 or part[0] != "|" or part[-1] != "|":
            raise UserError(f"NAS-Bench-201 string: node {node} must stand between | and |")
        where = f"NAS-Bench-201 string: node {node}"
        matches = []
        for edge in part[1:-1].split("|"):
            if (match := _EDGE.fullmatch(edge)) is None:
                raise UserError(f"{where}: {cut(edge)!r} is not an edge; write OPERATION~INPUT")
            matches.append(match)
        if [int(match[2]) for match in matches] != list(range(node)):
            raise UserError(f"{where} must have the inputs ~0 to ~{node - 1}, each once")
        edges.append([ours(match[1], _OPERATIONS, where) for match in matches])
    return edges


def _sum(sides: list[Side], blocks: list[Block], node: int) -> int | None:
    """The state of a node, with the blocks that make it; None where it has no input."""
    if len(sides) == 1 and sides[0].operation != "identity":
        raise UserError(
            f"NAS-Bench-201 string: node {node} is one operation, {sides[0].operation}; a block "
            "here sums two"
        )
    while len(sides) > 1:
        blocks.append(Block(sides[0], sides[1]))
        sides = [Side(len(blocks) + 1, "identity"), *sides[2:]]
    return sides[0].input if sides else None
