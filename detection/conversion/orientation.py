"""Photographs that EXIF would turn: which way their boxes lie.

A camera that is held on its side stores the picture as its sensor has it, and a tag that says how
to turn it. COCO's own tools, Pillow and TensorFlow's decoders see it as it is stored; browsers and
most tools that boxes are drawn with see it upright. The size that annotations give tells which of
the two their boxes mean, since a quarter turn swaps height and width.
"""

from __future__ import annotations

import enum
from typing import Any

from cells.data import image_files


class Turn(enum.Enum):
    """What is done with an image.

    Attributes:
        NONE: nothing, since EXIF says nothing.
        TURNED: its pixels are turned upright, since its annotations have the size of that.
        AS_STORED: it stays as it is stored, as COCO's tools see it: its annotations have that size,
            or none, or the same either way (half turns, mirrors, squares). Where it is read, it is
            turned together with its boxes (`detection.data.decoder`).
    """

    NONE = enum.auto()
    TURNED = enum.auto()
    AS_STORED = enum.auto()


def of(image: Any, annotated: tuple[int, int] | None) -> Turn:
    """What is done with an open Pillow image.

    Args:
        image: the image; its head is enough.
        annotated: height and width in its annotations, or None.
    """
    if image_files.orientation(image) == 1:
        return Turn.NONE
    stored = (image.height, image.width)
    upright = image_files.upright_size(image)
    return Turn.TURNED if annotated == upright != stored else Turn.AS_STORED
