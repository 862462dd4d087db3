"""Masks of objects: a few points inside each box, as a head gives them, and pixels of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def pasted(masks: np.ndarray, boxes: np.ndarray, height: int, width: int) -> Iterator[np.ndarray]:
    """The pixels of each object, one object at a time: all at once would fill the memory.

    Args:
        masks: float32 (n, side, side) in 0..1, spread over the boxes.
        boxes: float32 (n, 4): x, y, width, height in pixels.
        height: of the image.
        width: of the image.

    Yields:
        bool (height, width): where the mask is above 0.5.
    """
    from official.vision.ops import mask_ops

    for mask, box in zip(masks, boxes, strict=True):
        yield mask_ops.paste_instance_masks(mask[None], box[None], height, width)[0] > 0


def run_lengths(
    masks: np.ndarray, boxes: np.ndarray, height: int, width: int
) -> list[dict[str, Any]]:
    """The pixels of each object as COCO's run lengths, as JSON can hold them; see `pasted`."""
    from pycocotools import mask as coco_masks

    encoded = (
        coco_masks.encode(np.asfortranarray(whole, np.uint8))
        for whole in pasted(masks, boxes, height, width)
    )
    return [
        {"size": [int(n) for n in runs["size"]], "counts": runs["counts"].decode()}
        for runs in encoded
    ]
