"""The functions of `cells.recurrent`: recurrent cells by name or file, and files of them."""

from __future__ import annotations

from cells.recurrent import catalogue as published
from cells.recurrent import recurrent_file
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError
from cells.support.files import FilePath, write_atomically


def names() -> list[str]:
    """The names of the published recurrent cells.

    Returns:
        The names in alphabetical order; `cells` on the command line calls them `recurrent:NAME`.

    Example:
        >>> recurrent.names()
        ['darts_v1', 'darts_v2', 'enas', 'enas_paper', 'lstm', 'nas']
    """
    return published.names()


def load(cell: FilePath) -> RecurrentGenotype:
    """Loads a recurrent cell by its name, or from a file.

    Args:
        cell: one of `names`; or the path of a file, which ends in `.json` or has a separator.

    Returns:
        The cell.

    Raises:
        UserError: there is no such cell, or its file is malformed.

    Example:
        >>> recurrent.load("nas").cell.nodes[3]
        Node(combine='mult', activation='relu')
    """
    return published.load(cell)


def save(cell: RecurrentGenotype, file: FilePath) -> None:
    """Writes a recurrent cell to a file, complete or not at all.

    Args:
        cell: the cell.
        file: the file, usually `*.json`; missing folders are made.

    Raises:
        UserError: the file cannot be written.

    Example:
        >>> recurrent.save(recurrent.load("nas"), "mine.json")
    """
    if not isinstance(cell, RecurrentGenotype):
        raise UserError(f"cell: {cell!r:.60} is not a cells.recurrent.RecurrentGenotype")
    write_atomically(file, recurrent_file.dumps(cell).encode())
