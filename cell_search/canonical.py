"""When two cells are the same cell: equal up to the order of blocks and of a block's sides."""

from __future__ import annotations

import hashlib

from cells.genotype import Cell


def cell_key(*cells: Cell) -> str:
    """32 hexadecimal digits that say which cells these are.

    Cells of one key are the same: the key is the digest of a complete description. Blocks are
    put into an order that depends on what they compute and on who reads them, not on how they
    were numbered; blocks that this does not tell apart are interchangeable in cells as small as
    the published ones (tests compare with all permutations).
    """
    return _digest(*(_description(cell) for cell in cells))


def _description(cell: Cell) -> str:
    computed = _what_is_computed(cell)
    reading = _who_reads(cell, computed)
    order = sorted(range(2, len(computed)), key=lambda s: (computed[s], reading[s], s))
    number = {0: 0, 1: 1, **{state: i + 2 for i, state in enumerate(order)}}
    lines = []
    for state in order:
        block = cell.blocks[state - 2]
        sides = sorted(f"{side.operation} {number[side.input]}" for _, side in block.sides)
        lines.append(" ".join([block.combine, *sides]))
    joined = sorted(number[state] for state in cell.concat)
    return "\n".join([*lines, str(joined)])


def _what_is_computed(cell: Cell) -> list[str]:
    """For each state a digest of the expression that it is, down to the cell's inputs."""
    states = ["0", "1"]
    for block in cell.blocks:
        sides = sorted(f"{side.operation} {states[side.input]}" for _, side in block.sides)
        states.append(_digest(block.combine, *sides))
    return states


def _who_reads(cell: Cell, computed: list[str]) -> list[str]:
    """For each state a digest of the blocks that it flows into, up to the cell's output."""
    readers: list[list[str]] = [[] for _ in computed]
    for state in cell.concat:
        readers[state].append("output")
    digests = [""] * len(computed)
    for state in reversed(range(len(computed))):
        digests[state] = _digest(*sorted(readers[state]))
        if state >= 2:
            block = cell.blocks[state - 2]
            (_, left), (_, right) = block.sides
            for side, other in ((left, right), (right, left)):
                readers[side.input].append(
                    f"{side.operation} {block.combine} {other.operation} {computed[other.input]} "
                    f"{computed[state]} {digests[state]}"
                )
    return digests


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
