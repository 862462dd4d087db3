"""Large images in parts: what is small in the whole is large enough in a part."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from cells.support.errors import UserError
from detection.inference.detector import Detections, Detector

#: Of a part's side: how far neighbours reach into each other.
OVERLAP = 0.25

#: Boxes of one class that overlap more than this (IoU) are of one object.
SAME = 0.5


def tiles(height: int, width: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Parts that cover an image: top, left, bottom and right in pixels.

    Args:
        height: of the image.
        width: of the image.
        size: side of a part; smaller only where the image is.
    """
    for top in _starts(height, size):
        for left in _starts(width, size):
            yield top, left, min(top + size, height), min(left + size, width)


def _starts(length: int, size: int) -> list[int]:
    """As few as overlap enough, evenly spread."""
    if length <= size:
        return [0]
    count = math.ceil((length - size) / (size * (1 - OVERLAP))) + 1
    return [round(i * (length - size) / (count - 1)) for i in range(count)]


def detect(detector: Detector, image: np.ndarray, size: int) -> Detections:
    """Finds objects in an image and in its parts.

    What touches a border between parts is half an object and left to the neighbour, in which it is
    whole, or to the whole image. Of boxes of one object the surest stays.

    Args:
        detector: a trained detector.
        image: uint8 (height, width, 3), RGB.
        size: side of a part in pixels; a smaller image is looked at as it is.

    Raises:
        UserError: as `Detector.detect`, for an image that is not cut.
    """
    height, width = image.shape[:2]
    if max(height, width) <= size:
        return detector.detect(image)
    found = [_in_part(detector, image, part) for part in tiles(height, width, size)]
    # An image may be too narrow as a whole, which is what the parts are for.
    with contextlib.suppress(UserError):
        found.append(detector.detect(image))
    return _merged(found)


def _in_part(detector: Detector, image: np.ndarray, part: tuple[int, int, int, int]) -> Detections:
    top, left, bottom, right = part
    height, width = image.shape[:2]
    seen = detector.detect(np.ascontiguousarray(image[top:bottom, left:right]))
    boxes = seen.boxes + np.array([left, top, 0, 0], np.float32)
    x, y, w, h = boxes.T
    cut = (
        ((left > 0) & (x < left + 1))
        | ((top > 0) & (y < top + 1))
        | ((right < width) & (x + w > right - 1))
        | ((bottom < height) & (y + h > bottom - 1))
    )
    return dataclasses.replace(seen, boxes=boxes).only(~cut)


def _merged(found: list[Detections]) -> Detections:
    """Of boxes of one class that overlap, the surest; surest first."""
    boxes, labels, scores = (
        np.concatenate([getattr(f, name) for f in found]) for name in ("boxes", "labels", "scores")
    )
    masks = [f.masks for f in found if f.masks is not None]
    together = Detections(boxes, labels, scores, np.concatenate(masks) if masks else None)
    return together.suppressed(SAME)
