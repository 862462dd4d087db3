"""What a table is: a space, and an entry for each point of it or for some."""

from __future__ import annotations

import gzip
import os
import pathlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cell_search.space.space import Space
from cells.support import files
from cells.support.errors import UserError
from cells.support.files import expanded

#: Shorter lines count as much, since each of them takes time.
_LEAST_ROW = 20

#: What is longer is no table: a thousand decisions and ten million rows.
MAX_LINE, MAX_CHARACTERS = 100_000, 2**31


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


#: Below `nas_bench`.
NB201, NB301 = "nb201.csv.gz", "nb301_yahpo_surrogate.npz"


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
    path = expanded(folder) / "nas_bench" / name
    if not path.is_file():
        raise UserError(f"{path}: there is no such table; data_dir names the folder above it")
    return path


#: When a file was changed, its size and its number on the disk.
State = tuple[int, int, int]


def state(path: str | os.PathLike[str]) -> State:
    """What differs as soon as a file is replaced, for caches.

    Raises:
        UserError: there is no such file.
    """
    found = files.require_file(path, "table").stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of a text file in UTF-8, which may be compressed (`.gz`), as they are read.

    Args:
        path: the file.

    Raises:
        UserError: it cannot be read, is damaged, or is larger than a table can be.
    """
    place, shown = files.require_file(path, "table"), os.fspath(path)
    packed = shown.endswith(".gz")
    text = gzip.open if packed else open
    size, most = 0, MAX_CHARACTERS
    if packed:  # Rows that differ do not become a hundredth.
        most = min(most, 100 * place.stat().st_size + 2**20)
    try:
        with text(place, "rt", encoding="utf-8-sig", newline="") as file:
            while line := file.readline(MAX_LINE + 1):
                size += max(len(line), _LEAST_ROW)
                if len(line) > MAX_LINE:
                    raise UserError(f"{shown}: a line is longer than {MAX_LINE:,} characters")
                if size > most:
                    raise UserError(f"{shown}: holds more than the {most:,} characters of a table")
                yield line
    except UnicodeDecodeError:
        raise UserError(f"{shown}: is not UTF-8 text") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{shown}: cannot be read ({files.reason(error)})") from None
