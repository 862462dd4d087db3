"""ENAS: the digits of a fixed arc, `input operation input operation` for each block.

First the Normal cell's blocks, then as many of the Reduction cell. Inputs are numbered as here: 0
is the earlier cell. The states that nothing reads are joined.
"""

from __future__ import annotations

from cells.genotype.genotype import MAX_BLOCKS, Cell, Genotype, Places, Side, check_cell
from cells.genotype.notations.names import in_pairs, only, only_sums
from cells.support.errors import UserError

#: In the order of their digits.
_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "identity")


def read(text: str) -> Genotype:
    """Reads the digits, separated by spaces.

    Args:
        text: in that notation.

    Raises:
        UserError: names the digit that is wrong, or the count.
    """
    words = text.split()
    if not words or len(words) % 8 or len(words) > 8 * MAX_BLOCKS:
        raise UserError(
            f"ENAS arc: has {len(words):,} numbers; two cells of B blocks take 8 B, at most "
            f"{8 * MAX_BLOCKS}"
        )
    for i, word in enumerate(words):
        if not (word.isdecimal() and len(word) <= 2):
            raise UserError(f"ENAS arc: number {i + 1} is {word[:20]!r}, which is not a number")
    numbers = [int(word) for word in words]
    half = len(numbers) // 2
    normal, reduction = _cell(numbers[:half], 0), _cell(numbers[half:], half)
    for role, cell, offset in (("normal", normal, 0), ("reduction", reduction, half)):
        check_cell(cell, role, _places(offset))
    return Genotype("enas", normal, reduction, "enas")


def _places(offset: int) -> Places:
    return Places(
        blocks=lambda role: f"ENAS arc: {role} cell",
        side=lambda role, block, side: (
            f"ENAS arc: number {offset + 4 * block + 2 * (side == 'right') + 1}"
        ),
        concat=lambda role: f"ENAS arc: {role} cell",
        join="read it",
    )


def write(genotype: Genotype) -> str:
    """The digits of a genotype of `enas` stacking.

    Args:
        genotype: the two cells.

    Raises:
        UserError: the notation cannot hold it.
    """
    notation = "An ENAS arc"
    only(genotype.stacking == "enas", notation, f"its stacking is {genotype.stacking!r}")
    sizes = {len(cell.blocks) for _, cell in genotype.cells}
    only(len(sizes) == 1, notation, "its cells have different numbers of blocks")
    numbers = []
    for role, cell in genotype.cells:
        only(
            cell.concat == cell.unread, notation, f"the {role} cell joins other than unread states"
        )
        only_sums(cell, notation)
        for block in cell.blocks:
            for _, side in block.sides:
                only(side.operation in _OPERATIONS, notation, f"it has no {side.operation}")
                numbers += [side.input, _OPERATIONS.index(side.operation)]
    return " ".join(map(str, numbers)) + "\n"


def _cell(numbers: list[int], offset: int) -> Cell:
    sides = []
    for i in range(0, len(numbers), 2):
        if numbers[i + 1] >= len(_OPERATIONS):
            raise UserError(
                f"ENAS arc: number {offset + i + 2} is {numbers[i + 1]}; operations are 0 to 4"
            )
        sides.append(Side(numbers[i], _OPERATIONS[numbers[i + 1]]))
    blocks = in_pairs(sides)
    return Cell(blocks, Cell(blocks, ()).unread)
