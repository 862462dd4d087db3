"""Outlines of objects as pictures of zeros and ones, as Model Garden's records hold them."""

from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np

from detection.conversion.boxes import Corners
from detection.conversion.numbers import is_in_reach

#: Farther from the image's corner pycocotools, written in C, cannot count.
_FARTHEST = 2**24

#: Pixels that a polygon may measure around: each takes pycocotools 240 bytes, inside the image or
#: not, so that these are 60 MB.
_MOST_AROUND = 2**18


class Outline(enum.Enum):
    """What an object's mask was made of.

    Attributes:
        DRAWN: its outline.
        NONE: its box, since it has no outline.
        DAMAGED: its box, since its outline is none that can be drawn.
    """

    DRAWN = enum.auto()
    NONE = enum.auto()
    DAMAGED = enum.auto()


def draw(box: Corners, height: int, width: int) -> tuple[bytes, Outline]:
    """The mask of an object.

    Args:
        box: the object in its image.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        A PNG file of the size of the image, and what it was made of.
    """
    from official.vision.data import tfrecord_lib

    try:
        mask = outlined(box.kept.segmentation, height, width)
        outline = Outline.NONE if mask is None else Outline.DRAWN
    except ValueError:
        mask, outline = None, Outline.DAMAGED
    if mask is None:
        ymin, xmin, ymax, xmax = box.corners
        mask = np.zeros((height, width), np.uint8)
        rows = slice(math.floor(ymin * height), math.ceil(ymax * height))
        mask[rows, math.floor(xmin * width) : math.ceil(xmax * width)] = 1
    return tfrecord_lib.encode_mask_as_png(mask), outline


def outlined(segmentation: Any, height: int, width: int) -> np.ndarray | None:
    """COCO's polygons or run lengths as uint8 `(height, width)`; None where there are none.

    Args:
        segmentation: JSON values: polygons, or run lengths, packed or not.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Raises:
        ValueError: they are neither, do not fill the image, or reach too far out of it.
    """
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            raise ValueError("the run lengths are of an image of another size")
        counts = segmentation.get("counts")
        runs = _unpacked(counts) if isinstance(counts, str) else _runs(counts)
        return _filled(runs, height, width)
    if not isinstance(segmentation, list):
        raise ValueError("neither polygons nor run lengths")
    polygons = [points for points in map(_points, segmentation) if len(points) >= 6]
    if not polygons:
        return None
    if sum(map(_around, polygons)) > _MOST_AROUND:
        raise ValueError("the polygons are too large")
    from pycocotools import mask as coco_masks

    runs = coco_masks.frPyObjects([points.tolist() for points in polygons], height, width)
    return coco_masks.decode(coco_masks.merge(runs))


def _runs(counts: Any) -> np.ndarray:
    if not isinstance(counts, list) or not all(map(is_in_reach, counts)):
        raise ValueError("the run lengths are not numbers")
    runs = np.array(counts, np.float64)
    if (runs != np.floor(runs)).any():
        raise ValueError("the run lengths are not whole numbers")
    return runs.astype(np.int64)


def _unpacked(text: str) -> np.ndarray:
    """The run lengths that COCO's tools pack into text.

    A character holds five bits of a number, the lowest first, and whether more follow; the last
    one's highest bit is the sign. From the fourth on, a number is the difference to the last but
    one. pycocotools itself does not ask whether the numbers end where the text ends.
    """
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(codes & 32 == 0)
    if not len(ends) or ends[-1] != len(codes) - 1 or codes.min() < 0 or codes.max() > 63:
        raise ValueError("the packed run lengths are cut short or no such text")
    begins = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - begins + 1
    if lengths.max() > 7:
        raise ValueError("a packed run length is too large")
    places = np.arange(len(codes)) - np.repeat(begins, lengths)
    runs = np.add.reduceat((codes & 31) << (5 * places), begins)
    runs -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _filled(runs: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture of runs of zeros and ones in turn, column by column."""
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError("the run lengths do not fill the image")
    pixels = np.repeat((np.arange(len(runs)) % 2).astype(np.uint8), runs)
    return pixels.reshape((height, width), order="F")


def _points(polygon: Any) -> np.ndarray:
    """x and y in turn; less than three points have no area."""
    within = isinstance(polygon, list) and all(is_in_reach(n, _FARTHEST) for n in polygon)
    if not within or len(polygon) % 2:
        raise ValueError("a polygon is not a list of x and y in turn near the image")
    return np.array(polygon, np.float64)


def _around(points: np.ndarray) -> float:
    sides = np.abs(np.diff(points.reshape(-1, 2), axis=0, append=points[:2].reshape(1, 2)))
    return float(sides.max(axis=1).sum())
