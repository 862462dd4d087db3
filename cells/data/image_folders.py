"""Folders of image files: what they hold, by the names of the files alone.

ROOT/CLASS/*         the classes; a test split is drawn when the folder is converted
ROOT/SPLIT/CLASS/*   the splits, too, as `tfds.ImageFolder` reads them
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from cells.data import listing
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
        passed_over: how many other files lie there, by kind.
    """

    root: Path
    files: tuple[ImageFile, ...]
    passed_over: Mapping[str, int]

    @property
    def ignored(self) -> int:
        """How many other files lie there that are not hidden."""
        return sum(count for kind, count in self.passed_over.items() if kind != "hidden")

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
        """The folder's name as TFDS takes names (`set_name`), with a letter before other names."""
        name = set_name(self.root.resolve().name)
        return name if name[:1].isalpha() else f"images_{name}".rstrip("_")


def set_name(name: str) -> str:
    """A name as TFDS takes names: lower-case letters, digits and `_` in the place of all others.

    Args:
        name: of a folder.

    Returns:
        What may begin with a digit, or be empty, which TFDS does not take.
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


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
    firsts, loose, others = _listed(folder)
    # Of no class, and so of no use.
    others += [f"{PurePath(name).suffix.lower()} outside of the classes" for name, _ in loose]
    for first in firsts:
        seconds, images, kinds = _listed(first)
        flat += [ImageFile(f"{first.name}/{name}", "", first.name, size) for name, size in images]
        others += kinds
        for second in seconds:
            below, images, kinds = _listed(second)
            at = f"{first.name}/{second.name}"
            deep += [
                ImageFile(f"{at}/{name}", first.name, second.name, size) for name, size in images
            ]
            others += [*kinds, *("folders below the classes" for _ in below)]
    if flat and deep:
        raise UserError(
            f"{folder}: holds images both as CLASS/* ({flat[0].path}) and as SPLIT/CLASS/* "
            f"({deep[0].path}); keep to one of the two"
        )
    if not flat and not deep:
        return None
    return ImageFolder(folder, tuple(sorted(flat or deep, key=lambda f: f.path)), Counter(others))


def _listed(folder: Path) -> tuple[list[Path], list[tuple[str, int]], list[str]]:
    """Folders in a folder, names and sizes of the images in it, and the kinds of other files."""
    folders, images, others = [], [], []
    for entry in os.scandir(folder):
        kind = listing.kind_of(PurePath(entry.name))
        if kind == "hidden":
            others.append(kind)
        elif entry.is_dir():
            folders.append(Path(entry.path))
        elif is_special(entry):
            others.append("pipes and devices")
        elif kind in ENDINGS:
            images.append((entry.name, _size(entry)))
        else:
            others.append(kind)
    return sorted(folders), images, others


def _size(entry: os.DirEntry[str]) -> int:
    # A link that leads nowhere counts: it will be found not to be readable, and told.
    return entry.stat().st_size if os.path.exists(entry.path) else 0
