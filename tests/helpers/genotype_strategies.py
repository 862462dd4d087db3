"""Genotypes for the tests of `cells`."""

from __future__ import annotations

from hypothesis import strategies as st

from cells.genotype.genotype import COMBINATIONS, Block, Cell, Genotype, Side
from cells.operations.families import FAMILIES
from cells.operations.operations import OPERATIONS


@st.composite
def random_cells(draw: st.DrawFn, max_blocks: int = 5) -> Cell:
    blocks = []
    for b in range(draw(st.integers(1, max_blocks))):
        sides = [
            Side(draw(st.integers(0, b + 1)), draw(st.sampled_from(sorted(OPERATIONS))))
            for _ in range(2)
        ]
        blocks.append(Block(*sides, combine=draw(st.sampled_from(COMBINATIONS))))
    unread = Cell(tuple(blocks), ()).unread
    rest = [s for s in range(len(blocks) + 2) if s not in unread]
    extra = draw(st.lists(st.sampled_from(rest), unique=True)) if rest else []
    return Cell(tuple(blocks), tuple(draw(st.permutations([*unread, *extra]))))


@st.composite
def random_genotypes(draw: st.DrawFn, max_blocks: int = 5) -> Genotype:
    return Genotype(
        draw(st.sampled_from(["a", "Cell 1", "x_(2)"])),
        draw(random_cells(max_blocks)),
        draw(random_cells(max_blocks)),
        draw(st.sampled_from(sorted(FAMILIES))),
        {"score": draw(st.floats(allow_nan=False, allow_infinity=False))},
    )
