"""YOLO's text files, one an image, as a COCO file has them.

A line is `class x y width height`, the middle and the size of a box as parts of the image, or
`class x1 y1 x2 y2 x3 y3 ...`, a polygon. Where the data set's YAML file has `kpt_shape: [n, d]`, it
is a box with n keypoints of d numbers, which are left out. An image without a file, or with an
empty one, has no objects. Categories keep YOLO's numbers, which begin at 0.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from cells.data import image_files
from cells.support import files
from cells.support.errors import UserError, cut
from cells.support.files import expanded
from detection.conversion import names, numbers
from detection.conversion.image_files import ImageFiles
from detection.conversion.numbers import shown

_File = TypeVar("_File", str, Path)

#: Where tools write the names of the classes, beside the labels or above them.
NAME_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names")

#: Numbers are parts of the image; larger ones are faults of programs.
_MOST = 10_000

#: A photograph with a thousand polygons of a hundred corners takes two million.
_MOST_BYTES = 2**26

_BOX, _POLYGON = "boxes", "polygons"


@dataclass(frozen=True)
class _Line:
    """What a line says.

    Attributes:
        category: the class.
        points: x, y, width, height of a box, or the corners of a polygon.
        kind: what it was taken for.
    """

    category: int
    points: list[float]
    kind: str


@dataclass(frozen=True)
class _Shape:
    """How many keypoints each object has, and of how many numbers each is.

    Attributes:
        count, numbers: `kpt_shape`.
        source: the file that says so.
    """

    count: int
    numbers: int
    source: Path

    @property
    def kind(self) -> str:
        """What a line is taken for."""
        return f"boxes with {self.count} keypoints, which are left out"


def is_label_file(path: Path) -> bool:
    """Whether a file holds labels, by its name."""
    return path.suffix.lower() == ".txt" and path.name not in NAME_FILES


def read(
    folder: Path, paths: Sequence[Path], images: ImageFiles, class_names: str | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The values of a COCO file, and what was taken for what.

    Args:
        folder: of the labels.
        paths: the text files.
        images: all of which belong to the set.
        class_names: a file of names, see `detection.conversion.names`; by default `data.yaml`,
            `classes.txt` or `obj.names` in the folder of the labels or the one above.

    Raises:
        UserError: a line is no box, a class has no name, a file no image, or lines of one file are
            of different kinds.
    """
    name_file = expanded(class_names) if class_names else _beside(folder, NAME_FILES)
    if name_file is None:
        raise UserError(
            f"--classes: is needed: there is no {', '.join(NAME_FILES)} beside {folder}; give a "
            "file with the name of a class in each line"
        )
    known = names.read(name_file)
    shape = _keypoints(name_file if names.is_yaml(name_file) else _beside(folder, NAME_FILES[:2]))
    by_stem = _by_stem(images.names, images.source)
    labels = _by_stem(paths, folder)
    stray = next((path for stem, path in labels.items() if stem not in by_stem), None)
    if stray is not None:
        raise UserError(
            f"{stray}: there is no image {stray.stem}.* in {images.source}; move away what is no "
            "file of labels"
        )
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    kinds: Counter[str] = Counter()
    image_ids = names.image_ids(images.names)
    for (stem, name), image_id in zip(by_stem.items(), image_ids, strict=True):
        height, width = _size(images, name)
        entries.append({"id": image_id, "file_name": name, "height": height, "width": width})
        if stem not in labels:
            continue
        for line in _lines(labels[stem], len(known), shape):
            kinds[line.kind] += 1
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": line.category,
                    "iscrowd": 0,
                    **_outline(line, height, width),
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(known)]
    notes = [f"lines taken for {kind}: {count:,}" for kind, count in kinds.items()]
    return {"images": entries, "annotations": annotations, "categories": categories}, notes


def _beside(folder: Path, file_names: Sequence[str]) -> Path | None:
    """The first file of these names in a folder or the two above it."""
    places = [folder, *list(folder.resolve().parents)[:2]]
    paths = (place / name for place in places for name in file_names)
    return next((path for path in paths if path.is_file()), None)


def _keypoints(path: Path | None) -> _Shape | None:
    given = names.settings(path).get("kpt_shape") if path else None
    if path is None or given is None:
        return None
    if isinstance(given, list) and len(given) == 2 and given[1] in ("2", "3"):
        count = given[0]
        if isinstance(count, str) and re.fullmatch("[1-9][0-9]{0,3}", count):
            return _Shape(int(count), int(given[1]), path)
    raise UserError(f"{path}: kpt_shape: {shown(given)} is not [keypoints, 2 or 3 numbers of each]")


def _by_stem(paths: Iterable[_File], source: object) -> dict[str, _File]:
    """Files by what images and their labels have in common."""
    found: dict[str, _File] = {}
    for file in paths:
        stem = PurePosixPath(file).stem
        if stem in found:
            raise UserError(
                f"{source}: {found[stem]} and {file} would belong together with one file, "
                f"{stem}.*; give a folder of one of them"
            )
        found[stem] = file
    return found


def _lines(path: Path, classes: int, shape: _Shape | None) -> list[_Line]:
    text = files.read_text(path, "label", _MOST_BYTES)
    found: list[_Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            continue
        at = f"{path}: line {number}:"
        points = [numbers.written(word, _MOST) for word in words]
        read = [point for point in points if point is not None]
        kind = _kind(len(read) - 1, shape) if len(read) == len(points) else None
        if kind is None:
            raise UserError(f"{at} {cut(line.strip())!r} is {_wanted(shape)}")
        category = int(read[0])
        if category != read[0] or not 0 <= category < classes:
            raise UserError(f"{at} class {words[0]} has no name, since there are {classes}, from 0")
        if found and kind != found[0].kind:
            raise UserError(
                f"{at} is one of {kind}, those before it of {found[0].kind}; a file holds one kind"
            )
        found.append(_Line(category, read[1:] if kind == _POLYGON else read[1:5], kind))
    return found


def _kind(count: int, shape: _Shape | None) -> str | None:
    """What a line of so many numbers behind its class is taken for."""
    if shape is not None:
        return shape.kind if count == 4 + shape.count * shape.numbers else None
    if count == 4:
        return _BOX
    return _POLYGON if count >= 6 and count % 2 == 0 else None


def _wanted(shape: _Shape | None) -> str:
    if shape is None:
        return (
            "neither 'class x y width height' nor a polygon 'class x1 y1 x2 y2 x3 y3 ...'; "
            "keypoints need kpt_shape in data.yaml"
        )
    return (
        f"not 'class x y width height' with {shape.count} keypoints of {shape.numbers} numbers, "
        f"which kpt_shape of {shape.source} asks for"
    )


def _outline(line: _Line, height: int, width: int) -> dict[str, Any]:
    """Box, area and polygon in pixels."""
    more: dict[str, Any] = {}
    if line.kind == _POLYGON:
        scaled = [part * (height if i % 2 else width) for i, part in enumerate(line.points)]
        left, top = min(scaled[0::2]), min(scaled[1::2])
        box = [left, top, max(scaled[0::2]) - left, max(scaled[1::2]) - top]
        more = {"segmentation": [scaled]}
    else:
        x, y, w, h = line.points
        box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
    return {"bbox": box, "area": max(box[2], 0.0) * max(box[3], 0.0), **more}


def _size(images: ImageFiles, name: str) -> tuple[int, int]:
    """Height and width as YOLO's tools see the image, upright, from the head of the file."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(images.read(name))) as image:
            return image_files.upright_size(image)
    except Exception as error:  # Pillow's readers raise errors of many types.
        why = files.reason(error)
        raise UserError(f"{images.source}: {name} cannot be read as an image ({why})") from None
