"""A normal form for genotypes: what computes the same function has the same key.

Two genotypes compute the same function when they differ only in the order of independent blocks,
in which side of a block is the left one, or in the order in which states are joined (which
permutes channels). The weights of one then give the function of the other.
"""

from __future__ import annotations

import hashlib
import json

from cells.genotype import Block, Cell, Genotype, Side


def canonical(genotype: Genotype) -> Genotype:
    """The genotype with blocks, sides and joined states in a normal order."""
    return Genotype(
        genotype.name,
        canonical_cell(genotype.normal),
        canonical_cell(genotype.reduction),
        genotype.stacking,
        genotype.provenance,
    )


def canonical_key(genotype: Genotype) -> str:
    """64 hexadecimal digits that are equal for genotypes of the same function.

    The name and the provenance do not count.
    """
    return _digest([genotype.stacking, *(_described(cell) for _, cell in genotype.cells)])


def cell_key(*cells: Cell) -> str:
    """The same for cells by themselves."""
    return _digest([_described(cell) for cell in cells])


def canonical_cell(cell: Cell) -> Cell:
    """A cell with its blocks, sides and joined states in a normal order."""
    old_order = _block_order(cell)
    new_index = {0: 0, 1: 1, **{old: new for new, old in enumerate(old_order, 2)}}
    blocks = []
    for old in old_order:
        block = cell.blocks[old - 2]
        left, right = sorted(
            (Side(new_index[side.input], side.operation) for _, side in block.sides),
            key=_side_key,
        )
        blocks.append(Block(left, right, block.combine))
    return Cell(tuple(blocks), tuple(sorted(new_index[s] for s in cell.concat)))


def _described(cell: Cell) -> list:
    form = canonical_cell(cell)
    blocks = [
        [[list(_side_key(side)) for _, side in block.sides], block.combine] for block in form.blocks
    ]
    return [blocks, list(form.concat)]


def _digest(values: list) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _side_key(side: Side) -> tuple[int, str]:
    return side.input, side.operation


def _block_order(cell: Cell) -> list[int]:
    """The states that blocks make, in an order that does not depend on how they are listed.

    States are told apart by what they are made of and by what is made of them, refined until
    nothing changes. What is still equal then is interchangeable; one of it is marked, and the
    others are refined again.
    """
    states = range(2, len(cell.blocks) + 2)
    colours = _refined(cell, {s: str(s) if s < 2 else "" for s in range(len(cell.blocks) + 2)})
    while len(set(colours.values())) < len(colours):
        counts: dict[str, list[int]] = {}
        for state in states:
            counts.setdefault(colours[state], []).append(state)
        twins = min((c, found) for c, found in counts.items() if len(found) > 1)
        colours = _refined(cell, {**colours, twins[1][0]: twins[0] + "*"})
    # A block comes after what it reads; among those that are ready, the colour decides.
    order: list[int] = []
    waiting = set(states)
    while waiting:
        ready = [
            s for s in waiting if not {side.input for _, side in cell.blocks[s - 2].sides} & waiting
        ]
        following = min(ready, key=lambda s: colours[s])
        order.append(following)
        waiting.remove(following)
    return order


def _refined(cell: Cell, colours: dict[int, str]) -> dict[int, str]:
    classes = len(set(colours.values()))
    while True:
        colours = {state: _colour(cell, colours, state) for state in colours}
        if len(set(colours.values())) == classes:
            return colours
        classes = len(set(colours.values()))


def _colour(cell: Cell, colours: dict[int, str], state: int) -> str:
    """One step of refinement: the colours around a state, hashed."""
    made_of = []
    if state >= 2:
        block = cell.blocks[state - 2]
        made_of = [block.combine, sorted([colours[s.input], s.operation] for _, s in block.sides)]
    used_in = sorted(
        [colours[b + 2], side.operation]
        for b, block in enumerate(cell.blocks)
        for _, side in block.sides
        if side.input == state
    )
    return _digest([colours[state], made_of, used_in, state in cell.concat])
