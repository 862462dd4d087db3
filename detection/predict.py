"""Pictures with boxes, and COCO's result file, for images that a detector looks at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.errors import UserError
from detection import pictures, results
from detection.detector import Detections, Detector
from detection.images import NamedImage

RESULTS = "results.json"


@dataclass(frozen=True)
class Predicted:
    """What `predict` wrote.

    Attributes:
        results: COCO's result file.
        pictures: folder of the pictures with boxes.
        images, detections: how many.
    """

    results: str
    pictures: str
    images: int
    detections: int


def predict(
    detector: Detector,
    images: Iterable[NamedImage],
    output: str,
    *,
    score_threshold: float = 0.3,
    draw: bool = True,
) -> Predicted:
    """Looks at images and writes what is found.

    Args:
        detector: a trained detector.
        images: what to look at.
        output: folder for `results.json` and `pictures/`; made where it is missing.
        score_threshold: detections below it are left out of both.
        draw: whether to write pictures.

    Raises:
        UserError: an image cannot be read, or the folder cannot be written.
    """
    entries: list[dict[str, Any]] = []
    count = 0
    folder = os.path.join(output, "pictures")
    names = _PictureNames()
    for image in images:
        count += 1
        found = _detect(detector, image).above(score_threshold)
        more = {"file_name": image.name} if image.name else {}
        entries += results.to_coco(image.image_id, found, detector.categories, **more)
        if draw:
            picture = pictures.draw(image.pixels, found, detector.categories.names)
            pictures.save(picture, os.path.join(folder, names.of(image)))
    path = os.path.join(output, RESULTS)
    results.write(entries, path)
    return Predicted(path, folder, count, len(entries))


def _detect(detector: Detector, image: NamedImage) -> Detections:
    try:
        return detector.detect(image.pixels)
    except UserError as error:
        raise UserError(f"{image.name or f'image {image.image_id}'}: {error}") from None


class _PictureNames:
    """File names for pictures: the image's own, with a number where two are called the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, image: NamedImage) -> str:
        stem = Path(image.name).stem if image.name else f"{image.image_id:012d}"
        name = next(name for name in _variants(stem) if name not in self._given)
        self._given.add(name)
        return f"{name}.jpg"


def _variants(stem: str) -> Iterator[str]:
    yield stem
    number = 1
    while True:
        number += 1
        yield f"{stem}-{number}"
