"""Files written beside and renamed, so that a reader never meets half a file."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from cells.support.errors import UserError

#: What public functions take as a path, and as one or several.
FilePath = str | os.PathLike[str]
FilePaths = FilePath | Sequence[FilePath]


def as_paths(paths: FilePaths) -> list[str]:
    """One or several paths, as a list of texts."""
    if isinstance(paths, str | os.PathLike):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Says in one sentence what the operating system has against a file.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(f"{path}: cannot be written ({os.strerror(error.errno)})") from error


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`, renamed to it when the block ends well.

    The temporary name keeps the ending, since Keras and matplotlib choose a format by it.
    On an error the temporary file is removed and what stood at `path` stays.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    target = pathlib.Path(path)
    temporary: pathlib.Path | None = None
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
            )
            os.close(handle)
            temporary = pathlib.Path(name)
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            # mkstemp makes files that only the owner may read; a result is an ordinary file.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(target)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path`, complete or not at all; makes missing folders."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON for people and programs to `path`, complete or not at all."""
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
