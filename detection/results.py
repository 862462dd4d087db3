"""COCO's result files: what was found, in the words of COCO's tools."""

from __future__ import annotations

import json
import os
from typing import Any

from cells.files import write_atomically
from detection.categories import Categories
from detection.detector import Detections


def to_coco(
    image_id: int, detections: Detections, categories: Categories, **more: Any
) -> list[dict[str, Any]]:
    """The entries of one image.

    Args:
        image_id: the data set's number of the image.
        detections: what was found in it.
        categories: of the detector.
        **more: further fields of each entry, which COCO's tools pass over.

    Returns:
        Dictionaries of `image_id`, `category_id` (the data set's own), `bbox` (x, y, width,
        height in pixels of the original image) and `score`.
    """
    return [
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


def write(entries: list[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Writes the file that `pycocotools.coco.COCO.loadRes` reads, complete or not at all."""
    write_atomically(path, (json.dumps(entries, ensure_ascii=False) + "\n").encode())
