"""Image files as a data set keeps them."""

from __future__ import annotations

import io
from dataclasses import dataclass

from cells.data import image_files
from cells.support.errors import first_line


@dataclass(frozen=True)
class Encoded:
    """An image as a data set keeps it.

    Attributes:
        data: a JPEG or PNG file.
        size: height and width, as it is stored in there.
        turn: how EXIF says in there that it lies, 1 to 8.
    """

    data: bytes
    size: tuple[int, int]
    turn: int


def encoded(data: bytes) -> Encoded:
    """A file as it is kept: JPEG and PNG, the formats of TFDS, byte for byte, others as PNG.

    It is decoded once, but only after Pillow has looked at its head: what a few bytes unfold to may
    not fit into memory, and TensorFlow's readers of rarer formats are not safe.

    Raises:
        Exception: it is damaged, too large, or no image; of many types, see `reason`.
    """
    import tensorflow as tf
    from PIL import Image

    with Image.open(io.BytesIO(data)) as file:
        turn = image_files.orientation(file)
        if not data.startswith((image_files.JPEG, image_files.PNG)):
            return Encoded(image_files.as_png(file), (file.height, file.width), turn)
    with tf.device("CPU"):
        height, width, _ = tf.io.decode_image(data, 3, expand_animations=False).shape
    return Encoded(data, (int(height), int(width)), turn)


def reason(error: Exception) -> str:
    """Why an image could not be decoded, in a few words."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "is no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return first_line(error, 120)
