"""What a table is: a space, and an entry for each point of it or for some."""

from __future__ import annotations

import gzip
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cell_search.space.space import Space
from cells.support.errors import UserError


class Entry(NamedTuple):
    """What a table knows of a candidate.

    Attributes:
        valid: what the search sees; larger is better.
        test: what is reported of the chosen candidate; None where it was not measured.
        cost: of finding `valid` out, as a rule in seconds; None where it was not measured.
    """

    valid: float
    test: float | None = None
    cost: float | None = None


class Lookup(Protocol):
    """Anything that knows entries of the points of a space: a table or a model of one."""

    @property
    def space(self) -> Space:
        """What can be looked up."""
        ...

    def look_up(self, point: Mapping[str, Any]) -> Entry | None:
        """The entry of a candidate.

        Args:
            point: its decisions.

        Returns:
            None where there is none.
        """
        ...


@dataclass(frozen=True)
class Table:
    """Entries by the choices of a point, in the order of the decisions.

    Attributes:
        space: of the points; some may have no entry.
        entries: by choices.
    """

    space: Space
    entries: Mapping[tuple[Any, ...], Entry]

    def look_up(self, point: Mapping[str, Any]) -> Entry | None:
        """The entry of a candidate.

        Args:
            point: its decisions.

        Returns:
            None where there is none.
        """
        return self.entries.get(tuple(point[d.name] for d in self.space.decisions))


def data_file(data_dir: str | os.PathLike[str], name: str) -> pathlib.Path:
    """A file of the folder `nas_bench` below a data directory.

    Args:
        data_dir: "" stands for the environment variable `CELLS_DATA_DIR`.
        name: of the file.

    Raises:
        UserError: there is no such directory or file; says where to put it.
    """
    folder = data_dir or os.environ.get("CELLS_DATA_DIR", "")
    if not folder:
        raise UserError(
            f"--data_dir: not set, nor is CELLS_DATA_DIR; nas_bench/{name} lies below that folder"
        )
    path = pathlib.Path(folder).expanduser() / "nas_bench" / name
    if not path.is_file():
        raise UserError(f"{path}: there is no such table; --data_dir names the folder above it")
    return path


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file.

    Args:
        path: the file, which may be compressed (`.gz`).

    Raises:
        UserError: it cannot be read.
    """
    shown = os.fspath(path)
    try:
        data = pathlib.Path(path).read_bytes()
        return (gzip.decompress(data) if shown.endswith(".gz") else data).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{shown}: there is no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{shown}: is no text in UTF-8") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{shown}: cannot be read ({error})") from None
