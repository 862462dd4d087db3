"""A normal form for genotypes: what computes the same function has the same key.

Two genotypes compute the same function when they differ only in the order of independent blocks,
in which side of a block is the left one, or in the order in which states are joined (which
permutes channels). The weights of one then give the function of the other.
"""

from __future__ import annotations

import bisect
import collections
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cells.genotype.genotype import Block, Cell, Genotype, Side


def canonical(genotype: Genotype) -> Genotype:
    """The genotype with blocks, sides and joined states in a normal order.

    Args:
        genotype: the two cells.
    """
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

    Args:
        genotype: the two cells.
    """
    return _digest([genotype.stacking, *(_described(cell) for _, cell in genotype.cells)])


def cell_key(*cells: Cell) -> str:
    """The same for cells by themselves.

    Args:
        *cells: in the order of their roles.
    """
    return _digest([_described(cell) for cell in cells])


def canonical_cell(cell: Cell) -> Cell:
    """A cell with its blocks, sides and joined states in a normal order.

    Args:
        cell: a cell.
    """
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
    """The states that blocks make, in an order that does not depend on how they are listed."""
    reads = {
        s: [(side.input, side.operation) for _, side in block.sides]
        for s, block in enumerate(cell.blocks, 2)
    }
    combined = dict(enumerate(("", "", *(block.combine for block in cell.blocks))))
    return normal_order(reads, {s: (s in cell.concat, c) for s, c in combined.items()}, inputs=2)


def normal_order(
    reads: Mapping[int, Sequence[tuple[int, str]]], fixed: Mapping[int, Any], inputs: int
) -> list[int]:
    """States in an order that does not depend on how they are numbered.

    States are told apart by what they are made of and by what is made of them, refined until
    nothing changes. What is still equal then is interchangeable; one of it is marked, and the
    others are refined again.

    Args:
        reads: the states that a state is made of, each with how; none for an input.
        fixed: what else tells states apart; of every state.
        inputs: the first so many states are inputs, each different from all others.

    Returns:
        All states but the inputs, each behind what it is made of.
    """
    states = sorted(reads)
    readers: dict[int, list[tuple[int, str]]] = {s: [] for s in fixed}
    for state, sides in reads.items():
        for source, operation in sides:
            readers[source].append((state, operation))

    def refined(colours: dict[int, int]) -> dict[int, int]:
        """The coarsest colouring that tells apart whatever has other colours around it."""
        while True:
            around = {
                state: (
                    colour,
                    fixed[state],
                    sorted((colours[s], operation) for s, operation in reads.get(state, ())),
                    sorted((colours[s], operation) for s, operation in readers[state]),
                )
                for state, colour in colours.items()
            }
            ranked = _ranks(around)
            if max(ranked.values()) == max(colours.values()):
                return ranked
            colours = ranked

    colours = refined({s: min(s, inputs) for s in readers})
    while max(colours.values()) + 1 < len(colours):
        counts = collections.Counter(colours.values())
        twin = min(colour for colour, count in counts.items() if count > 1)
        marked = min(s for s, colour in colours.items() if colour == twin)
        # Between its twins and the next colour there is room for one more.
        doubled = {s: 2 * colour for s, colour in colours.items()}
        colours = refined(_ranks({**doubled, marked: 2 * twin + 1}))
    # A state comes after what it reads; among those that are ready, the colour decides.
    order: list[int] = []
    waiting = set(states)
    while waiting:
        ready = [s for s in waiting if waiting.isdisjoint(source for source, _ in reads[s])]
        following = min(ready, key=lambda s: colours[s])
        order.append(following)
        waiting.remove(following)
    return order


def _ranks(values: dict[int, Any]) -> dict[int, int]:
    """The rank of each value among the different ones: equal values, equal ranks."""
    ordered = [value for value, _ in itertools.groupby(sorted(values.values()))]
    return {key: bisect.bisect_left(ordered, value) for key, value in values.items()}
