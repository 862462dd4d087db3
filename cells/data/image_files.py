"""Image files as they come: found in folders, read upright as colour of 8 bits."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from cells.data import listing, turned
from cells.support.errors import UserError
from cells.support.files import reason

#: What JPEG and PNG files begin with.
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

#: What a folder is searched for; a file that is named may have any ending.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def find_files(
    paths: Sequence[str], endings: Sequence[str] = ENDINGS, noun: str = "images"
) -> list[Path]:
    """The image files among files and folders, those of a folder sorted by name.

    Hidden files are not looked at; what is passed over is told, by kind.

    Args:
        paths: files and folders.
        endings: of the files that a folder is searched for.
        noun: what these are, for messages.

    Raises:
        UserError: a path does not exist or is no file, or a folder has no image.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = listing.find(path, endings)
            if not inside:
                raise UserError(f"{path}: has no {noun} ({', '.join(endings)})")
            found += inside
        elif is_special(path):
            raise UserError(f"{path}: is a device or a pipe, not a file of {noun}")
        elif path.exists():
            found.append(path)
        else:
            raise UserError(f"{path}: there is no such image or folder")
    return list(dict.fromkeys(found))


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether it is a pipe, a socket or a device, which may never end: something, but no file."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def check_files(paths: Iterable[Path]) -> int:
    """Reads every file once, so that nothing is written where one is damaged.

    Returns:
        How many of them are turned upright, as EXIF says; a line of the log tells it.

    Raises:
        UserError: one cannot be read; names it.
    """
    turns = [_read(path)[1] for path in paths]
    turned = sum(turn > 1 for turn in turns)
    if turned:
        logging.warning("%s", turned_line(turned, len(turns)))
    return turned


def turned_line(turned: int, count: int) -> str:
    """What is told of images that are turned."""
    return f"{turned:,} of {count:,} images are turned upright, as their EXIF data say"


def read(path: str | os.PathLike[str]) -> np.ndarray:
    """An image file as uint8 (height, width, 3), turned upright where the file says how.

    Of 16 bits the upper 8 are kept, as TensorFlow's decoders do; CMYK becomes RGB, and alpha is
    left out; of an animation the first picture counts. `cells.data.decoding` reads encoded images
    to the same pixels.

    Args:
        path: of the file.

    Raises:
        UserError: it is no image, a damaged one, or one too large to be meant.
    """
    return _read(path)[0]


def _read(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """The pixels, and how they lie in the file."""
    from PIL import Image

    if is_special(path):
        raise UserError(f"{os.fspath(path)}: is a device or a pipe, not an image file")
    try:
        with Image.open(path) as file:
            turn = orientation(file)
            return upright(file), turn
    except Image.DecompressionBombError as error:
        raise UserError(f"{os.fspath(path)}: is too large ({error})") from None
    # Pillow's readers raise errors of many types over damaged files.
    except Exception as error:
        raise UserError(
            f"{os.fspath(path)}: cannot be read as an image ({reason(error)})"
        ) from None


def decode(data: bytes) -> np.ndarray:
    """An image file's bytes as `read` gives its pixels; Pillow's errors come through."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as file:
        turned.note(data, orientation(file))
        return upright(file)


def orientation_of(data: bytes) -> np.int32:
    """`orientation` of an image file's bytes; 1 where it cannot be opened."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as file:
            return np.int32(orientation(file))
    except Exception:  # Whoever decodes it says what is wrong with it.
        return np.int32(1)


def upright(file: Any) -> np.ndarray:
    """The pixels of an open Pillow image, as `read` gives them."""
    from PIL import Image

    image, turn = _loaded(file)
    flip = Image.Transpose
    method = {
        2: flip.FLIP_LEFT_RIGHT,
        3: flip.ROTATE_180,
        4: flip.FLIP_TOP_BOTTOM,
        5: flip.TRANSPOSE,
        6: flip.ROTATE_270,
        7: flip.TRANSVERSE,
        8: flip.ROTATE_90,
    }.get(turn)
    return np.asarray(image if method is None else image.transpose(method))


def as_png(file: Any) -> bytes:
    """An open Pillow image as a PNG file of the same pixels in 8 bits that lies as it lies."""
    from PIL import ExifTags, Image

    image, turn = _loaded(file)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    data = io.BytesIO()
    image.save(data, "PNG", **({"exif": exif} if turn > 1 else {}))
    return data.getvalue()


def _loaded(file: Any) -> tuple[Any, int]:
    """The picture in colour of 8 bits as it is stored, and its orientation."""
    from PIL import Image

    # What stands behind the pixels does not count, and loading would find it.
    turn = orientation(file)
    file.load()
    if file.format == "TIFF":
        turn = orientation(file)  # Newer versions of Pillow have turned it.
    image = file
    if image.mode.startswith("I;16"):
        # Pillow's own conversion cuts off what is brighter than 255.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    image.info.clear()  # Which a PNG file would get.
    return image, turn


def upright_size(file: Any) -> tuple[int, int]:
    """Height and width that `upright` would give, from the head of a file other than TIFF."""
    width, height = file.size
    return (width, height) if orientation(file) >= 5 else (height, width)


def orientation(file: Any) -> int:
    """What EXIF says of how an open Pillow image lies: 1 to 8, 1 for as it is stored.

    Only EXIF counts, as in browsers: other notes (XMP, ImageMagick's) are read by few programs.
    """
    from PIL import ExifTags, Image

    exif = Image.Exif()
    try:
        if file.format == "TIFF":
            exif = file.getexif()
        elif "exif" in file.info:
            exif.load(file.info["exif"])
        found = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # Damaged ones end in errors of many types.
        return 1
    return found if isinstance(found, int) and found in range(1, 9) else 1
