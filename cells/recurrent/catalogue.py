"""The published recurrent cells; elsewhere than here they are called `recurrent:NAME`."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from cells.genotype import catalogue, genotype_file
from cells.recurrent import recurrent_file
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError
from cells.support.registry import choose

#: What parts the names of recurrent cells from those of image cells, some of which are the same.
PREFIX = f"{genotype_file.RECURRENT}:"

_FOLDER = pathlib.Path(__file__).parent / "published"


def names() -> list[str]:
    """The names of all published recurrent cells, without the prefix."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load(cell: Any) -> RecurrentGenotype:
    """Loads a recurrent cell by its name, or from a file.

    Args:
        cell: a name of `names`, with or without the prefix; the path of a file, which ends in
            `.json` or has a separator; or a cell, which is returned.

    Raises:
        UserError: there is no such cell, its file is malformed, or holds something else.
    """
    if isinstance(cell, RecurrentGenotype):
        return cell
    if not isinstance(cell, str | os.PathLike):
        raise UserError(f"cell: {cell!r:.60} is neither the name of a recurrent cell nor a path")
    name = os.fspath(cell)
    if isinstance(cell, os.PathLike) or catalogue.is_path(name):
        return recurrent_file.read(cell)
    paths = {known: _FOLDER / f"{known}.json" for known in names()}
    return load(choose("recurrent cell", name.removeprefix(PREFIX), paths))
