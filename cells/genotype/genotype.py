"""A genotype: the Normal and the Reduction cell that a search found, as plain data.

Words and numbering follow Zoph et al. 2018. A cell sees two hidden states, the outputs of the
two cells before it: state 0 is h_{i-1}, the output of the cell before the previous one, state 1
is h_i, the output of the previous cell. Block b (from 0) makes state b + 2 out of two earlier
states. `Cell.concat` lists the states that are joined along channels to the cell's output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cells.operations import operations
from cells.operations.families import family_of
from cells.support.errors import UserError, require_known, unknown

#: How the results of a block's two sides are combined (Zoph et al. 2018, section 3.1, step 5).
COMBINATIONS = ("add", "concat")

#: Bounds: a genotype is data from strangers. The largest published cell has 5 blocks.
MAX_BLOCKS = 64
MAX_NAME_LENGTH = 100

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()@=,-]*")


@dataclass(frozen=True)
class Side:
    """One side of a block: the state that it reads, and the operation applied to it.

    Attributes:
        input: number of the state: 0 and 1 are the outputs of the two cells before, b + 2 is the
            state that block b makes.
        operation: name of the operation; `cells operations` lists them.

    Example:
        >>> cells.Side(input=0, operation="sep_conv_5x5")
        Side(input=0, operation='sep_conv_5x5')
    """

    input: int
    operation: str


@dataclass(frozen=True)
class Block:
    """Two sides and their combination; makes one new hidden state.

    Attributes:
        left, right: the sides.
        combine: `add` or `concat`.

    Example:
        >>> block = cells.Block(cells.Side(0, "sep_conv_3x3"), cells.Side(1, "identity"))
        >>> block.combine
        'add'
    """

    left: Side
    right: Side
    combine: str = "add"

    @property
    def sides(self) -> tuple[tuple[str, Side], tuple[str, Side]]:
        """The two sides with the names that errors and layer names use."""
        return ("left", self.left), ("right", self.right)


@dataclass(frozen=True)
class Cell:
    """Blocks in the order in which they are computed, and the states joined to the output.

    Attributes:
        blocks: at least one.
        concat: numbers of the states that are joined along channels.

    Example:
        >>> block = cells.Block(cells.Side(0, "sep_conv_3x3"), cells.Side(1, "identity"))
        >>> cells.Cell(blocks=(block,), concat=(2,)).unread
        (2,)
    """

    blocks: tuple[Block, ...]
    concat: tuple[int, ...]

    @property
    def unread(self) -> tuple[int, ...]:
        """The states that no block reads, cell inputs included, in ascending order."""
        read = {side.input for block in self.blocks for _, side in block.sides}
        return tuple(s for s in range(len(self.blocks) + 2) if s not in read)


@dataclass(frozen=True)
class Genotype:
    """A Normal and a Reduction cell with the rule by which they are stacked.

    Construction checks everything that must hold, so a `Genotype` that exists can be built.

    Attributes:
        name: letters, digits and ` ._+()@=,-`, at most 100 characters.
        normal: the cell that keeps height and width.
        reduction: the cell that halves them: operations that read state 0 or 1 have stride 2.
        stacking: the family of code whose rules stack it, see `cells.operations.families`.
        provenance: where it comes from (paper, or search settings and scores): JSON values,
            not part of a genotype's identity.

    Raises:
        UserError: names the cell, block and field at fault and what is allowed.

    Example:
        >>> block = cells.Block(cells.Side(0, "sep_conv_3x3"), cells.Side(1, "identity"))
        >>> cell = cells.Cell(blocks=(block,), concat=(2,))
        >>> genotype = cells.Genotype(name="mine", normal=cell, reduction=cell)
        >>> genotype.stacking
        'nasnet'
    """

    name: str
    normal: Cell
    reduction: Cell
    stacking: str = "nasnet"
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        family_of(self.stacking)
        for role, cell in self.cells:
            check_cell(cell, role)

    @property
    def cells(self) -> tuple[tuple[str, Cell], tuple[str, Cell]]:
        """The two cells with their roles, `normal` and `reduction`."""
        return ("normal", self.normal), ("reduction", self.reduction)


def check_name(name: str) -> None:
    """Raises a UserError where a genotype cannot have this name.

    Args:
        name: of the genotype.
    """
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise UserError(
            f"name: {name[:40]!r} is not a name; use 1 to {MAX_NAME_LENGTH} letters, "
            "digits and ' ._+()@=,-', beginning with a letter or a digit"
        )


@dataclass(frozen=True)
class Places:
    """What errors call the parts of a cell: the names of the notation that it was written in.

    Attributes:
        blocks: of the cell of a role.
        side: of a role, a block and `left` or `right`.
        concat: of the cell of a role.
        join: how a state is joined, such as `add it to concat`.
    """

    blocks: Callable[[str], str]
    side: Callable[[str, int, str], str]
    concat: Callable[[str], str]
    join: str


#: Those of this project's own files.
JSON_PLACES = Places(
    blocks="{}.blocks".format,
    side="{}.blocks[{}].{}.input".format,
    concat="{}.concat".format,
    join="add it to concat",
)


def check_cell(cell: Cell, role: str, places: Places = JSON_PLACES) -> None:
    """Raises a UserError that names the place where `cell` cannot be built.

    Args:
        cell: the blocks, and the states that are joined.
        role: `normal` or `reduction`.
        places: what the notation that it was written in calls its parts.
    """
    if not cell.blocks:
        raise UserError(f"{places.blocks(role)}: the cell is empty; it needs at least one block")
    if len(cell.blocks) > MAX_BLOCKS:
        raise UserError(
            f"{places.blocks(role)}: {len(cell.blocks):,} blocks; a cell has at most {MAX_BLOCKS}"
        )
    for b, block in enumerate(cell.blocks):
        for side_name, side in block.sides:
            if not 0 <= side.input < b + 2:
                raise UserError(
                    f"{places.side(role, b, side_name)}: state {side.input} does not exist before "
                    f"block {b} (a block reads earlier states only, here 0 to {b + 1})"
                )
            if not operations.OPERATIONS.knows(side.operation):
                where = f"{role}.blocks[{b}].{side_name}.operation"
                raise unknown(where, side.operation, operations.OPERATIONS, "operation")
        where = f"{role}.blocks[{b}].combine"
        require_known(where, block.combine, COMBINATIONS, "combination")
    _check_concat(cell, places.concat(role), places.join)


def _check_concat(cell: Cell, where: str, join: str) -> None:
    states = len(cell.blocks) + 2
    if not cell.concat:
        raise UserError(f"{where}: no state is joined; at least one must be")
    for state in cell.concat:
        if not 0 <= state < states:
            raise UserError(
                f"{where}: state {state} does not exist; this cell has 0 to {states - 1}"
            )
    if len(set(cell.concat)) != len(cell.concat):
        twice = next(s for s in cell.concat if cell.concat.count(s) > 1)
        raise UserError(f"{where}: state {twice} is joined twice; name each state once")
    lost = [s for s in cell.unread if s >= 2 and s not in cell.concat]
    if lost:
        raise UserError(
            f"{where}: state {lost[0]} is neither read by a block nor joined, so its block "
            f"would do nothing; {join} or take the block out"
        )
