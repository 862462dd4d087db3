"""Operation names of other code bases beside ours."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cells.genotype.genotype import MAX_BLOCKS, Block, Cell, Side
from cells.support.errors import UserError, cut, nearest


def ours(name: object, table: Mapping[str, str], where: str) -> str:
    """Our name of the operation that another code base calls `name`.

    Args:
        name: of the operation, as it is written there.
        table: from their names to ours.
        where: the place, for the error.

    Raises:
        UserError: the notation has no such operation; names the nearest.
    """
    if not isinstance(name, str):
        raise UserError(f"{where}: an operation must be a text, not a {type(name).__name__}")
    if name not in table:
        shown = cut(name)
        raise UserError(
            f"{where}: unknown operation {shown!r}; {nearest(shown, table)}"
            f"this notation has {', '.join(table)}"
        )
    return table[name]


def theirs(operation: str, table: Mapping[str, str], notation: str) -> str:
    """What another code base calls our `operation`.

    Args:
        operation: one of ours.
        table: from their names to ours.
        notation: its name, for the error.

    Raises:
        UserError: it has none that computes the same.
    """
    for name, known in table.items():
        if known == operation:
            return name
    raise UserError(
        f"{operation}: {notation} has no operation that computes the same; "
        f"it has {', '.join(table.values())}"
    )


def are_states(values: Iterable[object]) -> bool:
    """Whether all are numbers of states, or little more: no cell has larger ones."""
    return all(type(value) is int and abs(value) <= 10 * MAX_BLOCKS for value in values)


def only(condition: bool, notation: str, what: str) -> None:
    """Raises a UserError that says what a notation cannot hold, unless `condition`.

    Args:
        condition: what must hold.
        notation: its name.
        what: what it can hold.
    """
    if not condition:
        raise UserError(f"{notation} cannot hold this genotype: {what}; use the JSON format")


def only_sums(cell: Cell, notation: str) -> None:
    """Raises a UserError where blocks combine otherwise, for notations that do not say how.

    Args:
        cell: of a genotype.
        notation: its name.
    """
    for block in cell.blocks:
        only(block.combine == "add", notation, f"a block combines by {block.combine!r}")


def parsed(text: str, mode: str, fault: str) -> Any:
    """The body of what Python calls a text, which is never run.

    Args:
        text: from anybody.
        mode: `eval` or `exec`, as of `ast.parse`.
        fault: what is told where it is no Python.

    Raises:
        UserError: it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode=mode).body  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(fault) from None


def in_pairs(sides: Sequence[Side]) -> tuple[Block, ...]:
    """Blocks that add two sides each, in their order.

    Args:
        sides: two for each block.
    """
    return tuple(Block(left, right) for left, right in zip(sides[::2], sides[1::2], strict=True))
