"""YOLO's text files, one an image, as a COCO file has them.

A line is `class x y width height`, the middle and the size of a box as parts of the image, or
`class x1 y1 x2 y2 x3 y3 ...`, a polygon. An image without a file, or with an empty one, has no
objects. Categories keep YOLO's numbers, which begin at 0.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cells.data import image_files
from cells.support.errors import UserError
from cells.support.files import expanded
from detection.conversion import names
from detection.conversion.image_files import ImageFiles

#: Where tools write the names of the classes, beside the labels or above them.
NAME_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names")


def label_files(folder: Path) -> list[Path]:
    """The files of labels in a folder."""
    return sorted(path for path in folder.rglob("*.txt") if path.name not in NAME_FILES)


def read(
    folder: Path, files: Sequence[Path], images: ImageFiles, class_names: str | None = None
) -> dict[str, Any]:
    """The values of a COCO file.

    Args:
        folder: of the labels.
        files: the text files.
        images: all of which belong to the set.
        class_names: a file of names, see `detection.conversion.names`; by default `data.yaml`,
            `classes.txt` or `obj.names` in the folder of the labels or the one above.

    Raises:
        UserError: a line is no box, a class has no name, or a file no image.
    """
    known = names.read(_name_file(folder, class_names))
    by_stem: dict[str, str] = {}
    for name in images.names:
        stem = PurePosixPath(name).stem
        if stem in by_stem:
            raise UserError(
                f"{images.source}: {by_stem[stem]} and {name} would have the same labels, "
                f"{stem}.txt; give a folder of one of them"
            )
        by_stem[stem] = name
    labels = {path.stem: path for path in files}
    stray = next((path for stem, path in labels.items() if stem not in by_stem), None)
    if stray is not None:
        raise UserError(f"{stray}: there is no image {stray.stem}.* in {images.source}")
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    numbers = names.image_ids(images.names)
    for (stem, name), image_id in zip(by_stem.items(), numbers, strict=True):
        height, width = _size(images, name)
        entries.append({"id": image_id, "file_name": name, "height": height, "width": width})
        if stem not in labels:
            continue
        for category, points, is_box in _lines(labels[stem], len(known)):
            xs, ys = points[0::2], points[1::2]
            if is_box:
                (x, w), (y, h) = xs, ys
                box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
                more: dict[str, Any] = {}
            else:
                left, top = min(xs) * width, min(ys) * height
                box = [left, top, max(xs) * width - left, max(ys) * height - top]
                scaled = [p * (height if i % 2 else width) for i, p in enumerate(points)]
                more = {"segmentation": [scaled]}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": box,
                    "area": max(box[2], 0.0) * max(box[3], 0.0),
                    "iscrowd": 0,
                    **more,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(known)]
    return {"images": entries, "annotations": annotations, "categories": categories}


def _name_file(folder: Path, given: str | None) -> Path:
    if given:
        return expanded(given)
    places = [folder, *list(folder.resolve().parents)[:2]]
    for path in (place / name for place in places for name in NAME_FILES):
        if path.is_file():
            return path
    raise UserError(
        f"--classes: is needed: there is no {', '.join(NAME_FILES)} beside {folder}; give a file "
        "with the name of a class in each line"
    )


def _lines(path: Path, classes: int) -> list[tuple[int, list[float], bool]]:
    """Class, points, and whether they are of a box, of each line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as labels ({error})") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            category, points = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            category, points = -1, []
        is_box = len(points) == 4
        if not is_box and (len(points) < 6 or len(points) % 2):
            raise UserError(
                f"{path}: line {number}: {line[:60]!r} is neither 'class x y width height' nor a "
                "polygon"
            )
        if not 0 <= category < classes:
            raise UserError(
                f"{path}: line {number}: class {category} has no name, since there are {classes}"
            )
        found.append((category, points, is_box))
    return found


def _size(images: ImageFiles, name: str) -> tuple[int, int]:
    """Height and width as YOLO's tools see the image, upright, from the head of the file."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(images.read(name))) as image:
            return image_files.upright_size(image)
    except Exception as error:  # Pillow's readers raise errors of many types.
        raise UserError(f"{images.source}: {name} cannot be read as an image ({error})") from None
