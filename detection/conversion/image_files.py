"""The image files that annotations name, in a folder or in a zip file."""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path, PurePosixPath

from cells.support.errors import UserError
from cells.support.files import expanded

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
"""Of the files that are images, in any case of letters."""

#: A file that is larger is no photograph; the members of a zip file may grow without bound.
MOST_BYTES = 2**29


class ImageFiles:
    """Images by name. Use `open_images`.

    Names in annotations are looked up among the files that are there and are never opened as
    paths, so that a stranger's file cannot name others.

    Attributes:
        source: of folder or zip file, for messages.
        names: of all images, with `/`, sorted.
    """

    def __init__(self, source: str, sizes: dict[str, int]):
        self.source = source
        self.names = sorted(sizes)
        self._sizes = sizes
        self._by_last: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            self._by_last[PurePosixPath(name).name].append(name)

    def find(self, file_name: str) -> str | None:
        """The file that annotations name: by its path, else the only one whose path ends so.

        Raises:
            UserError: several files fit.
        """
        if file_name in self._sizes:
            return file_name
        # Annotations may know the images by another, longer path, or by none at all.
        wanted = PurePosixPath(file_name)
        fitting = [
            name
            for name in self._by_last.get(wanted.name, [])
            if f"/{file_name}".endswith(f"/{name}") or f"/{name}".endswith(f"/{file_name}")
        ]
        if len(fitting) > 1:
            raise UserError(
                f"{self.source}: has several files that could be {file_name!r}, such as "
                f"{fitting[0]} and {fitting[1]}; give the folder of one of them"
            )
        return fitting[0] if fitting else None

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
        sizes = {}
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if name.lower().endswith(ENDINGS) and path.is_file():
                    sizes[path.relative_to(root).as_posix()] = path.stat().st_size
        super().__init__(os.fspath(root), sizes)
        self._root = root

    def _read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Zip(ImageFiles):
    def __init__(self, path: Path):
        try:
            self._file = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: cannot be read as a zip file ({error})") from None
        infos = self._file.infolist()
        found = [i for i in infos if not i.is_dir() and i.filename.lower().endswith(ENDINGS)]
        super().__init__(os.fspath(path), {info.filename: info.file_size for info in found})
        self._lock = threading.Lock()

    def _read(self, name: str) -> bytes:
        try:
            with self._lock, self._file.open(name) as file:
                # Not beyond the size that the directory says, whatever is packed.
                return file.read(self._sizes[name])
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise OSError(None, str(error)) from error


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
