"""Images and their boxes as COCO's JSON has them, checked as far as that needs no pixel."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cells.support.errors import UserError, listed
from detection.data.categories import Categories

#: Model Garden keeps numbers of images as 64 bits, but not all that reads COCO's files does.
MOST_ID = 2**53

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class AnnotatedImage:
    """An image that annotations name.

    Attributes:
        image_id: its number.
        file_name: relative to the folder of images, with `/`.
        size: height and width in pixels; None where the annotations do not say.
    """

    image_id: int
    file_name: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class AnnotatedObject:
    """An object that annotations name. Its box may be anything: `detection.conversion.boxes`.

    Attributes:
        object_id: its number.
        category_id: of its class; declared.
        box: x, y, width, height in pixels.
        crowd: whether the box holds a crowd.
        area: in pixels; None where the annotations do not say.
        segmentation: polygons or run lengths, as COCO writes them; None where there are none.
    """

    object_id: int
    category_id: int
    box: Box
    crowd: bool
    area: float | None
    segmentation: Any


@dataclass(frozen=True)
class Annotations:
    """Images with objects.

    Attributes:
        source: of the file or folder, for messages.
        categories: the classes, in the order of their numbers.
        images: in the order of the file.
        objects: of each image that has any, by its number.
        fingerprint: hexadecimal digits that change with anything that the annotations say.
    """

    source: str
    categories: Categories
    images: tuple[AnnotatedImage, ...]
    objects: Mapping[int, tuple[AnnotatedObject, ...]]
    fingerprint: str

    def objects_of(self, image: AnnotatedImage) -> tuple[AnnotatedObject, ...]:
        """The objects of an image; none for an image without."""
        return self.objects.get(image.image_id, ())


def from_coco(values: Any, source: str, fingerprint: str | None = None) -> Annotations:
    """Annotations out of the values of a COCO file.

    Args:
        values: what `json.load` gives.
        source: of the file, for messages.
        fingerprint: of what they were read from; by default one of the values.

    Raises:
        UserError: a part is missing, a number is given twice or names nothing, two classes have one
            name.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source}: is no COCO file: it holds no object with 'images'")
    categories = _categories(values, source)
    images = tuple(_images(values, source))
    objects: dict[int, list[AnnotatedObject]] = {image.image_id: [] for image in images}
    known = set(categories.ids)
    seen: set[int] = set()
    for place, entry in enumerate(_entries(values, "annotations", source)):
        at = f"{source}: annotations[{place}]"
        object_id = _whole(entry.get("id", place + 1), f"{at}.id")
        at = f"{source}: annotation {object_id}"
        _require_new(object_id, seen, at)
        image_id = _whole(_field(entry, "image_id", at), f"{at}: image_id")
        if image_id not in objects:
            raise UserError(f"{at}: image_id {image_id} is not among the images; add it there")
        category_id = _whole(_field(entry, "category_id", at), f"{at}: category_id")
        if category_id not in known:
            names = zip(categories.ids, categories.names, strict=True)
            declared = listed((f"{number} ({name})" for number, name in names), 5)
            raise UserError(
                f"{at}: category_id {category_id} is not declared; the categories are {declared}"
            )
        objects[image_id].append(
            AnnotatedObject(
                object_id=object_id,
                category_id=category_id,
                box=_box(_field(entry, "bbox", at), at),
                crowd=bool(entry.get("iscrowd", 0)),
                area=_area(entry.get("area")),
                segmentation=entry.get("segmentation"),
            )
        )
    if fingerprint is None:
        fingerprint = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    with_objects = {image_id: tuple(found) for image_id, found in objects.items() if found}
    return Annotations(source, categories, images, with_objects, fingerprint)


def _categories(values: Mapping[str, Any], source: str) -> Categories:
    named: dict[int, str] = {}
    for place, entry in enumerate(_entries(values, "categories", source)):
        at = f"{source}: categories[{place}]"
        number = _whole(_field(entry, "id", at), f"{at}.id")
        name = _field(entry, "name", at)
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{at}.name: {name!r} is no name")
        if number in named:
            raise UserError(f"{at}: the id {number} is given to {named[number]!r} already")
        other = next((known for known, used in named.items() if used == name), None)
        if other is not None:
            raise UserError(
                f"{at}: the categories {other} and {number} are both called {name!r}; give each "
                "a name of its own, or make them one"
            )
        named[number] = name
    if not named:
        raise UserError(f"{source}: has no categories")
    ids = tuple(sorted(named))
    return Categories(ids, tuple(named[number] for number in ids))


def _images(values: Mapping[str, Any], source: str) -> Iterator[AnnotatedImage]:
    seen: set[int] = set()
    count = 0
    for count, entry in enumerate(_entries(values, "images", source), 1):
        at = f"{source}: images[{count - 1}]"
        image_id = _whole(_field(entry, "id", at), f"{at}.id")
        _require_new(image_id, seen, f"{source}: image {image_id}")
        file_name = _field(entry, "file_name", at)
        if not isinstance(file_name, str) or not file_name:
            raise UserError(f"{at}.file_name: {file_name!r} is no name of a file")
        size = None
        if "height" in entry and "width" in entry:
            height, width = (_whole(entry[key], f"{at}.{key}") for key in ("height", "width"))
            size = (height, width)
        yield AnnotatedImage(image_id, file_name.replace("\\", "/"), size)
    if not count:
        raise UserError(f"{source}: has no images")


def _entries(values: Mapping[str, Any], key: str, source: str) -> Iterator[dict[str, Any]]:
    entries = values.get(key)
    if not isinstance(entries, list):
        what = "is no list" if key in values else "is missing"
        raise UserError(
            f"{source}: {key!r} {what}; a COCO file for detection has 'images', 'annotations' and "
            "'categories'"
        )
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{source}: {key}[{place}] is no object but {str(entry)[:40]!r}")
        yield entry


def _field(entry: Mapping[str, Any], key: str, at: str) -> Any:
    if key not in entry:
        raise UserError(f"{at}: has no {key!r}")
    return entry[key]


def _whole(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_ID:
        raise UserError(f"{at}: {str(value)[:40]!r} is no whole number from 0 to {MOST_ID - 1:,}")
    return value


def _require_new(number: int, seen: set[int], at: str) -> None:
    if number in seen:
        raise UserError(f"{at}: the id is given twice; give each a number of its own")
    seen.add(number)


def _box(value: Any, at: str) -> Box:
    numbers = isinstance(value, list) and all(
        isinstance(n, int | float) and not isinstance(n, bool) for n in value
    )
    if not numbers or len(value) != 4:
        raise UserError(f"{at}: bbox {str(value)[:60]} is not [x, y, width, height]")
    x, y, width, height = (_number(n) for n in value)
    return x, y, width, height


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _area(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = _number(value)
    return number if math.isfinite(number) and number >= 0 else None
