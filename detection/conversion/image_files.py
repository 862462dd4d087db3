"""The image files that annotations name, in a folder or in a zip file."""

from __future__ import annotations

import lzma
import os
import struct
import threading
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cells.data import listing
from cells.support.errors import UserError
from cells.support.files import expanded, is_text, reason, require_file

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
"""Of the files that are images, in any case of letters."""

#: A file that is larger is no photograph; the members of a zip file may grow without bound.
MOST_BYTES = 2**29

#: What Python's module raises over damaged, locked and unusual archives.
_ZIP_ERRORS = (
    *(OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, lzma.LZMAError),
    zipfile.BadZipFile,
)


class ImageFiles:
    """Images by name. Use `open_images`.

    Names in annotations are looked up among the files that are there and are never opened as
    paths, so that a stranger's file cannot name others.

    Attributes:
        source: of folder or zip file, for messages.
        names: of all images, with `/`, sorted.
    """

    def __init__(self, source: str, sizes: dict[str, int]):
        for name in sizes:
            if not is_text(name):
                raise UserError(f"{source}: {name!a} is not a name in UTF-8; rename the file")
        self.source = source
        self.names = sorted(sizes)
        self._sizes = sizes
        self._by_last: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            self._by_last[PurePosixPath(name).name].append(name)
            self._by_stem[PurePosixPath(name).stem].append(name)

    def find(self, file_name: str) -> str | None:
        """The file that annotations name: by its path, else the only one whose path ends so.

        A name without the ending of an image is that of the file but for its ending.

        Raises:
            UserError: several files fit.
        """
        if file_name in self._sizes:
            return file_name
        wanted = PurePosixPath(file_name)
        fitting = self._fitting(self._by_last.get(wanted.name, []), file_name)
        if not fitting and wanted.suffix.lower() not in ENDINGS:
            fitting = self._fitting(self._by_stem.get(wanted.name, []), file_name, cut=True)
        if len(fitting) > 1:
            raise UserError(
                f"{self.source}: has several files that could be {file_name!r}, such as "
                f"{fitting[0]} and {fitting[1]}; give the folder of one of them"
            )
        return fitting[0] if fitting else None

    @staticmethod
    def _fitting(names: Sequence[str], file_name: str, *, cut: bool = False) -> list[str]:
        """Of some names those whose path ends as the other, which may be the longer one."""
        # Annotations may know the images by another, longer path, or by none at all.
        paths = {name: f"/{os.path.splitext(name)[0] if cut else name}" for name in names}
        wanted = f"/{file_name}"
        return [n for n, path in paths.items() if wanted.endswith(path) or path.endswith(wanted)]

    def size(self, name: str) -> int:
        """The size of a file in bytes."""
        return self._sizes[name]

    def read(self, name: str) -> bytes:
        """The bytes of a file; may be called from several threads.

        Raises:
            OSError: it cannot be read.
        """
        if self._sizes[name] > MOST_BYTES:
            raise OSError(None, f"has {self._sizes[name]:,} bytes, more than an image should")
        return self._read(name)

    def _read(self, name: str) -> bytes:
        raise NotImplementedError


class _Folder(ImageFiles):
    def __init__(self, root: Path):
        found = listing.find(root, ENDINGS)
        sizes = {path.relative_to(root).as_posix(): path.stat().st_size for path in found}
        super().__init__(os.fspath(root), sizes)
        self._root = root

    def _read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Zip(ImageFiles):
    def __init__(self, path: Path):
        try:
            self._file = zipfile.ZipFile(require_file(path, "zip"))
        except _ZIP_ERRORS as error:
            raise UserError(f"{path}: cannot be read as a zip file ({reason(error)})") from None
        infos = {i.filename: i.file_size for i in self._file.infolist() if not i.is_dir()}
        found = listing.find_names(infos, ENDINGS, os.fspath(path))
        super().__init__(os.fspath(path), {name: infos[name] for name in found})
        self._lock = threading.Lock()

    def _read(self, name: str) -> bytes:
        try:
            with self._lock, self._file.open(name) as file:
                # Not beyond the size that the directory says, whatever is packed.
                return file.read(self._sizes[name])
        except _ZIP_ERRORS as error:
            raise OSError(None, reason(error)) from error


def open_images(path: str | os.PathLike[str]) -> ImageFiles:
    """The images of a folder, with all folders in it, or of a zip file.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such thing, or it has no images.
    """
    place = expanded(path)
    if not place.exists():
        raise UserError(f"{place}: there is no such folder or zip file of images")
    found: ImageFiles = _Folder(place) if place.is_dir() else _Zip(place)
    if not found.names:
        raise UserError(f"{place}: has no images ({', '.join(ENDINGS)})")
    return found
