"""Files that evaluators keep between requests: in a folder, or wherever fsspec can write."""

from __future__ import annotations

import contextlib
import os
import uuid

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
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem

        self.folder = os.fspath(folder).rstrip("/")
        if "://" not in self.folder:
            self._files, self._root = LocalFileSystem(), os.path.abspath(self.folder)
        else:
            try:
                self._files, self._root = url_to_fs(self.folder)
            except (ValueError, ImportError) as error:
                raise UserError(f"weights_dir: {self.folder} cannot be used ({error})") from None
        self._local = isinstance(self._files, LocalFileSystem)

    def write(self, name: str, data: bytes) -> None:
        """Keeps a file, complete or not at all; replaces what was there.

        Args:
            name: of the file.
            data: all of it.

        Raises:
            UserError: the folder cannot be written.
        """
        target = self._path(name)
        if self._local:
            write_atomically(target, data)
            return
        beside = self._path(f".{name}-{uuid.uuid4().hex[:8]}")
        try:
            self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(beside, data)
            self._files.mv(beside, target)
        except OSError as error:
            raise UserError(f"{self.folder}/{name}: cannot be written ({error})") from None

    def read(self, name: str) -> bytes | None:
        """Reads a file.

        Args:
            name: of the file.

        Returns:
            All of it; None where there is none.
        """
        try:
            return self._files.cat_file(self._path(name))
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Removes a file, if it is there.

        Args:
            name: of the file.
        """
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def names(self) -> list[str]:
        """The names of the files, sorted."""
        self._files.invalidate_cache(self._root)
        try:
            paths = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        names = (path.rsplit("/", 1)[-1] for path in paths)
        return sorted(name for name in names if not name.startswith("."))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
