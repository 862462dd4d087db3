"""Pictures with boxes, and COCO's result file, for images that a detector looks at."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cells.support.errors import about
from detection.data import videos
from detection.data.images import NamedImage
from detection.inference import coco_results as results
from detection.inference import pictures, tiling
from detection.inference.detector import Detections, Detector

RESULTS = "results.json"

#: Intersection over union from which on boxes of different classes are taken to be of one thing.
ONE_THING = 0.5


@dataclass(frozen=True)
class Predicted:
    """What `predict` wrote.

    Attributes:
        results: COCO's result file.
        pictures: folder of the pictures and videos with boxes.
        images, detections: how many; a frame of a video is an image.

    Example:
        >>> result = detection.predict("run", "photo.png", output="found", draw=False)
        >>> result.images
        1
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
    tile_size: int = 0,
    class_agnostic: bool = False,
    draw: bool = True,
) -> Predicted:
    """Looks at images and writes what is found.

    The frames of a video become a video again.

    Args:
        detector: a trained detector.
        images: what to look at.
        output: folder for `results.json` and `pictures/`; made where it is missing.
        score_threshold: detections below it are left out of both.
        tile_size: side in pixels of the parts that larger images are looked at in, too; 0 for
            none (`detection.inference.tiling`).
        class_agnostic: whether a thing has one box, also where it may be of several classes.
        draw: whether to write pictures.

    Raises:
        UserError: an image cannot be read, or the folder cannot be written.
    """
    entries: list[dict[str, Any]] = []
    count = 0
    folder = os.path.join(output, "pictures")
    names = _PictureNames()

    def look(image: NamedImage) -> Detections:
        nonlocal count, entries
        count += 1
        found = _detect(detector, image, tile_size).above(score_threshold)
        if class_agnostic:
            found = found.suppressed(ONE_THING, class_agnostic=True)
        more: dict[str, Any] = {"file_name": image.name} if image.name else {}
        if image.frame is not None:
            more["frame"] = image.frame
        size = (image.pixels.shape[0], image.pixels.shape[1])
        entries += results.to_coco(image.image_id, found, detector.categories, size, **more)
        return found

    def drawn(image: NamedImage) -> Image.Image:
        return pictures.draw(image.pixels, look(image), detector.categories.names)

    # The frames of a video come one behind the other.
    for video, group in itertools.groupby(images, lambda i: None if i.frame is None else i.name):
        if video is not None and draw:
            path = os.path.join(folder, names.of(video, ".mp4"))
            videos.write(map(drawn, group), path, videos.frame_rate(video))
            continue
        for image in group:
            if not draw:
                look(image)
                continue
            picture = drawn(image)
            # JPEG files have no longer sides.
            ending = ".jpg" if max(picture.size) < 65_500 else ".png"
            name = names.of(image.name or f"{image.image_id:012d}", ending)
            pictures.save(picture, os.path.join(folder, name))
    path = os.path.join(output, RESULTS)
    results.write(entries, path)
    return Predicted(path, folder, count, len(entries))


def _detect(detector: Detector, image: NamedImage, tile_size: int) -> Detections:
    with about(image.name or f"image {image.image_id}"):
        if tile_size:
            return tiling.detect(detector, image.pixels, tile_size)
        return detector.detect(image.pixels)


class _PictureNames:
    """File names for pictures: the image's own, with a number where two are called the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, image: str, ending: str) -> str:
        stem = Path(image).stem
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        name = next(name for name in names if name not in self._given)
        self._given.add(name)
        return f"{name}{ending}"
