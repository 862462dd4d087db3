"""COCO's result files: what was found, in the words of COCO's tools."""

from __future__ import annotations

import os
from typing import Any

from cells.support.files import json_text, write_atomically
from detection.data.categories import Categories
from detection.data.masks import run_lengths
from detection.inference.detector import Detections


def to_coco(
    image_id: int,
    detections: Detections,
    categories: Categories,
    size: tuple[int, int],
    **more: Any,
) -> list[dict[str, Any]]:
    """The entries of one image.

    Args:
        image_id: the data set's number of the image.
        detections: what was found in it.
        categories: of the detector.
        size: height and width of the image.
        **more: further fields of each entry, which COCO's tools pass over.

    Returns:
        Dictionaries of `image_id`, `category_id` (the data set's own), `bbox` (x, y, width,
        height in pixels of the original image), `score`, and, of a detector with masks,
        `segmentation` (COCO's run lengths).
    """
    entries = [
        {
            "image_id": int(image_id),
            "category_id": categories.ids[label],
            "bbox": [round(float(number), 4) for number in box],
            "score": round(float(score), 7),
            **more,
        }
        for box, label, score in zip(
            detections.boxes, detections.labels, detections.scores, strict=True
        )
    ]
    if detections.masks is not None:
        outlines = run_lengths(detections.masks, detections.boxes, *size)
        for entry, outline in zip(entries, outlines, strict=True):
            entry["segmentation"] = outline
    return entries


def write(entries: list[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Writes the file that `pycocotools.coco.COCO.loadRes` reads, complete or not at all.

    Raises:
        UserError: a number is not finite, since the training has diverged.
    """
    write_atomically(path, json_text(entries, indent=None).encode())
