"""Outlines of objects as pictures of zeros and ones, as Model Garden's records hold them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detection.conversion.boxes import Corners


def draw(box: Corners, height: int, width: int) -> tuple[bytes, bool]:
    """The mask of an object.

    Args:
        box: the object in its image.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        A PNG file of the size of the image, and whether the object had an outline. One without, or
        with one that is none, has its box as a mask.
    """
    from official.vision.data import tfrecord_lib

    mask = outlined(box.kept.segmentation, height, width)
    if mask is None:
        ymin, xmin, ymax, xmax = box.corners
        boxed = np.zeros((height, width), np.uint8)
        rows = slice(math.floor(ymin * height), math.ceil(ymax * height))
        boxed[rows, math.floor(xmin * width) : math.ceil(xmax * width)] = 1
        return tfrecord_lib.encode_mask_as_png(boxed), False
    return tfrecord_lib.encode_mask_as_png(mask), True


def outlined(segmentation: Any, height: int, width: int) -> np.ndarray | None:
    """COCO's polygons or run lengths as uint8 `(height, width)`; None for what is neither."""
    from pycocotools import mask as coco_masks

    if isinstance(segmentation, dict) and segmentation.get("size") == [height, width]:
        counts = segmentation.get("counts")
        if isinstance(counts, str):  # Packed; the library checks that they fill the picture.
            runs = {"size": [height, width], "counts": counts}
        elif _are_runs(counts, height * width):
            runs = coco_masks.frPyObjects(segmentation, height, width)
        else:
            return None
    elif isinstance(segmentation, list) and any(map(_is_polygon, segmentation)):
        polygons = [points for points in segmentation if _is_polygon(points)]
        runs = coco_masks.merge(coco_masks.frPyObjects(polygons, height, width))
    else:
        return None
    try:
        return coco_masks.decode(runs)
    except ValueError:
        return None


def _is_polygon(points: Any) -> bool:
    return (
        isinstance(points, list)
        and len(points) >= 6
        and len(points) % 2 == 0
        and all(isinstance(n, int | float) and math.isfinite(n) and abs(n) < 2**24 for n in points)
    )


def _are_runs(counts: Any, pixels: int) -> bool:
    """Whether run lengths fill the picture: pycocotools, written in C, does not ask."""
    return (
        isinstance(counts, list)
        and all(isinstance(n, int) and n >= 0 for n in counts)
        and sum(counts) == pixels
    )
