"""Files that evaluators keep between requests: in a folder, or wherever fsspec can write."""

from __future__ import annotations

import os
import pathlib
import uuid
from typing import Any

from cells.support.errors import UserError
from cells.support.files import write_atomically


class Store:
    """Whole files by name. A reader meets the old file or the new one, and never half of one.

    Args:
        folder: a path, or a URL that fsspec knows, such as `gs://bucket/weights`.

    Raises:
        UserError: fsspec does not know the URL, or lacks a package for it.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = os.fspath(folder).rstrip("/")
        self._there: Any = None
        if "://" in self.folder:
            import fsspec

            try:
                self._there, self._root = fsspec.core.url_to_fs(self.folder)
            except (ValueError, ImportError) as error:
                raise UserError(f"weights_dir: {self.folder} cannot be used ({error})") from None

    def write(self, name: str, data: bytes) -> None:
        """Keeps `data` under a name, complete or not at all; replaces what was there.

        Raises:
            UserError: the folder cannot be written.
        """
        if self._there is None:
            write_atomically(pathlib.Path(self.folder) / name, data)
            return
        target = f"{self._root}/{name}"
        beside = f"{self._root}/.{name}-{uuid.uuid4().hex[:8]}"
        try:
            self._there.makedirs(self._root, exist_ok=True)
            self._there.pipe_file(beside, data)
            self._there.mv(beside, target)
        except OSError as error:
            raise UserError(f"{self.folder}/{name}: cannot be written ({error})") from None

    def read(self, name: str) -> bytes | None:
        """What is kept under a name; None where nothing is."""
        try:
            if self._there is None:
                return (pathlib.Path(self.folder) / name).read_bytes()
            return self._there.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Removes what is kept under a name, if anything is."""
        try:
            if self._there is None:
                (pathlib.Path(self.folder) / name).unlink()
            else:
                self._there.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            pass

    def names(self) -> list[str]:
        """The names under which something is kept, sorted."""
        try:
            if self._there is None:
                found = os.listdir(self.folder)
            else:
                self._there.invalidate_cache(self._root)
                found = [p.rsplit("/", 1)[-1] for p in self._there.ls(self._root, detail=False)]
        except FileNotFoundError:
            return []
        return sorted(name for name in found if not name.startswith("."))
