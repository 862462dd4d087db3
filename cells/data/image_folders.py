"""Folders of image files: what they hold, by the names of the files alone.

ROOT/CLASS/*         the classes; a test split is drawn when the folder is converted
ROOT/SPLIT/CLASS/*   the splits, too, as `tfds.ImageFolder` reads them
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cells.data.image_files import is_special
from cells.support.errors import UserError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""Of the files that are images, in any case of letters."""


@dataclass(frozen=True)
class ImageFile:
    """A file that is an image by its name.

    Attributes:
        path: relative to the folder, with `/`.
        split: the folder of its split; `""` where the folder has none.
        label: the folder of its class.
        size: in bytes.
    """

    path: str
    split: str
    label: str
    size: int


@dataclass(frozen=True)
class ImageFolder:
    """What a folder of images holds.

    Attributes:
        root: the folder.
        files: its images, sorted by path.
        ignored: how many other files lie beside them.
    """

    root: Path
    files: tuple[ImageFile, ...]
    ignored: int

    @property
    def classes(self) -> list[str]:
        """The classes of all splits in the order of their labels: sorted by name."""
        return sorted({file.label for file in self.files})

    @property
    def splits(self) -> list[str]:
        """The splits, sorted; none where the folder holds classes only."""
        return sorted({file.split for file in self.files if file.split})

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change with any name or size of a file, not with the place."""
        lines = (f"{file.path}\0{file.size}\n" for file in self.files)
        return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()

    @property
    def set_name(self) -> str:
        """The folder's name as TFDS takes names: lower-case letters, digits and `_`."""
        name = re.sub(r"[^a-z0-9]+", "_", self.root.resolve().name.lower()).strip("_")
        return name if name[:1].isalpha() else f"images_{name}".rstrip("_")


def find(folder: Path) -> ImageFolder | None:
    """Returns what a folder of images holds, or None where it is none. Opens no file.

    Hidden files and folders do not count.

    Raises:
        UserError: classes and splits are mixed, or a folder cannot be listed.
    """
    if not folder.is_dir():
        return None
    try:
        return _found(folder)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be listed ({error.strerror})") from error


def _found(folder: Path) -> ImageFolder | None:
    flat: list[ImageFile] = []
    deep: list[ImageFile] = []
    ignored = 0
    for first in _folders(folder):
        images, others = _images(first)
        flat += [ImageFile(f"{first.name}/{name}", "", first.name, size) for name, size in images]
        ignored += others
        for second in _folders(first):
            images, others = _images(second)
            at = f"{first.name}/{second.name}"
            deep += [
                ImageFile(f"{at}/{name}", first.name, second.name, size) for name, size in images
            ]
            ignored += others
    if flat and deep:
        raise UserError(
            f"{folder}: holds images both as CLASS/* ({flat[0].path}) and as SPLIT/CLASS/* "
            f"({deep[0].path}); keep to one of the two"
        )
    if not flat and not deep:
        return None
    return ImageFolder(folder, tuple(sorted(flat or deep, key=lambda f: f.path)), ignored)


def _folders(folder: Path) -> list[Path]:
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith(".")
    )


def _images(folder: Path) -> tuple[list[tuple[str, int]], int]:
    """Names and sizes of the images in a folder, and the number of other files."""
    images, others = [], 0
    for entry in os.scandir(folder):
        if entry.is_dir() or entry.name.startswith("."):
            continue
        if entry.name.lower().endswith(ENDINGS) and not is_special(entry):
            images.append((entry.name, _size(entry)))
        else:
            others += 1
    return images, others


def _size(entry: os.DirEntry[str]) -> int:
    # A link that leads nowhere counts: it will be found not to be readable, and told.
    return entry.stat().st_size if os.path.exists(entry.path) else 0
