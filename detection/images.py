"""The images to look at: files, folders, or a split of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from cells import datasets
from cells.errors import UserError
from detection import data

#: What a folder is searched for; a file that is named may have any ending.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class NamedImage:
    """An image to look at.

    Attributes:
        image_id: its number in result files.
        name: of its file, or None where a data set holds it.
        pixels: uint8 (height, width, 3), RGB.
    """

    image_id: int
    name: str | None
    pixels: np.ndarray


def find_files(paths: Sequence[str]) -> list[Path]:
    """The image files among files and folders, those of a folder sorted by name.

    Raises:
        UserError: a path does not exist, or a folder has no image.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS)
            if not inside:
                raise UserError(f"{path}: has no images ({', '.join(ENDINGS)})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise UserError(f"{path}: there is no such image or folder")
    return list(dict.fromkeys(found))


def check_files(paths: Sequence[Path]) -> None:
    """Reads every file once, so that nothing is written where one is damaged.

    Raises:
        UserError: one cannot be read; names it.
    """
    for path in paths:
        read(path)


def from_files(paths: Sequence[Path]) -> Iterator[NamedImage]:
    """Reads image files.

    They are numbered as COCO numbers its files, by the number in the name, where every name is
    another number; else from 1 in the order given.

    Raises:
        UserError: one cannot be read; names it.
    """
    for image_id, path in zip(_image_ids(paths), paths, strict=True):
        yield NamedImage(image_id, os.fspath(path), read(path))


def read(path: str | os.PathLike[str]) -> np.ndarray:
    """An image file as uint8 (height, width, 3), turned upright where the file says how.

    Raises:
        UserError: it is no image, a damaged one, or one too large to be meant.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Image.DecompressionBombError as error:
        raise UserError(f"{os.fspath(path)}: is too large ({error})") from None
    # Pillow's readers raise errors of many types over damaged files.
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{os.fspath(path)}: cannot be read as an image ({first})") from None


def from_data(side: Any) -> Iterator[NamedImage]:
    """The images of one side of the data, in the order in which they are stored.

    Args:
        side: Model Garden's data configuration, resolved.

    Raises:
        UserError: there is no such data set or split.
    """
    if not side.input_path:
        builder = datasets.builder(side.tfds_name, side.tfds_data_dir or None)
        datasets.split_size(builder, side.tfds_split)
    for example in data.decoded(side):
        yield NamedImage(int(example["source_id"].numpy()), None, example["image"].numpy())


def _image_ids(paths: Sequence[Path]) -> list[int]:
    stems = [path.stem for path in paths]
    if all(stem.isdecimal() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers) and max(numbers, default=0) < 2**53:
            return numbers
    return list(range(1, len(paths) + 1))
