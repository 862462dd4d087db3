"""Images and their boxes as COCO's JSON has them, checked as far as that needs no pixel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cells.support.errors import UserError, listed
from detection.conversion.numbers import MOST_PIXELS, is_in_reach, is_number, shown, whole
from detection.data.categories import Categories

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
        box: x, y, width, height in pixels, finite.
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
        notes: what was taken for what, for people.
    """

    source: str
    categories: Categories
    images: tuple[AnnotatedImage, ...]
    objects: Mapping[int, tuple[AnnotatedObject, ...]]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def objects_of(self, image: AnnotatedImage) -> tuple[AnnotatedObject, ...]:
        """The objects of an image; none for an image without."""
        return self.objects.get(image.image_id, ())


def from_coco(
    values: Any, source: str, fingerprint: str | None = None, notes: Sequence[str] = ()
) -> Annotations:
    """Annotations out of the values of a COCO file.

    Args:
        values: what `json.load` gives.
        source: of the file, for messages.
        fingerprint: of what they were read from; by default one of the values.
        notes: what was taken for what, for people.

    Raises:
        UserError: a part is missing, a number is given twice or names nothing, two classes have one
            name.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source}: is not a COCO file: it holds no object with 'images'")
    categories = _categories(values, source)
    images = tuple(_images(values, source))
    objects: dict[int, list[AnnotatedObject]] = {image.image_id: [] for image in images}
    known = set(categories.ids)
    seen: set[int] = set()
    for place, entry in enumerate(_entries(values, "annotations", source)):
        at = f"{source}: annotations[{place}]"
        object_id = whole(entry.get("id", place + 1), f"{at}.id")
        at = f"{source}: annotation {object_id}"
        _require_new(object_id, seen, at)
        image_id = whole(_field(entry, "image_id", at), f"{at}: image_id")
        if image_id not in objects:
            raise UserError(f"{at}: image_id {image_id} is not among the images; add it there")
        category_id = whole(_field(entry, "category_id", at), f"{at}: category_id")
        if category_id not in known:
            named = categories.by_id.items()
            declared = listed((f"{number} ({name})" for number, name in named), 5)
            raise UserError(
                f"{at}: category_id {category_id} is not declared; the categories are {declared}"
            )
        objects[image_id].append(
            AnnotatedObject(
                object_id=object_id,
                category_id=category_id,
                box=_box(_field(entry, "bbox", at), at),
                crowd=_is_crowd(entry.get("iscrowd"), at),
                area=_area(entry.get("area"), at),
                segmentation=entry.get("segmentation"),
            )
        )
    if fingerprint is None:
        fingerprint = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    with_objects = {image_id: tuple(found) for image_id, found in objects.items() if found}
    used = {item.category_id for found in objects.values() for item in found}
    unused = [f"{n} ({name})" for n, name in categories.by_id.items() if n not in used]
    if unused:
        notes = [*notes, f"classes without an object: {len(unused):,}, such as {unused[0]}"]
    return Annotations(source, categories, images, with_objects, fingerprint, tuple(notes))


def _categories(values: Mapping[str, Any], source: str) -> Categories:
    named: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for place, entry in enumerate(_entries(values, "categories", source)):
        at = f"{source}: categories[{place}]"
        number = whole(_field(entry, "id", at), f"{at}.id")
        name = _field(entry, "name", at)
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{at}.name: {shown(name)} is not a name")
        if number in named:
            raise UserError(f"{at}: the id {number} is given to {named[number]!r} already")
        if name in numbers:
            raise UserError(
                f"{at}: the categories {numbers[name]} and {number} are both called {name!r}; give "
                "each a name of its own, or make them one"
            )
        named[number], numbers[name] = name, number
    if not named:
        raise UserError(f"{source}: has no categories")
    ids = tuple(sorted(named))
    return Categories(ids, tuple(named[number] for number in ids))


def _images(values: Mapping[str, Any], source: str) -> Iterator[AnnotatedImage]:
    seen: set[int] = set()
    count = 0
    for count, entry in enumerate(_entries(values, "images", source), 1):
        at = f"{source}: images[{count - 1}]"
        image_id = whole(_field(entry, "id", at), f"{at}.id")
        _require_new(image_id, seen, f"{source}: image {image_id}")
        file_name = _field(entry, "file_name", at)
        if not isinstance(file_name, str) or not file_name:
            raise UserError(f"{at}.file_name: {shown(file_name)} is not a name of a file")
        size = None
        if entry.get("height") is not None and entry.get("width") is not None:
            height, width = (whole(entry[key], f"{at}.{key}") for key in ("height", "width"))
            size = (height, width)
        yield AnnotatedImage(image_id, file_name.replace("\\", "/"), size)
    if not count:
        raise UserError(f"{source}: has no images")


def _entries(values: Mapping[str, Any], key: str, source: str) -> Iterator[dict[str, Any]]:
    entries = values.get(key)
    if not isinstance(entries, list):
        what = "is not a list" if key in values else "is missing"
        raise UserError(
            f"{source}: {key!r} {what}; a COCO file for detection has 'images', 'annotations' and "
            "'categories'"
        )
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{source}: {key}[{place}] is not an object but {shown(entry)}")
        yield entry


def _field(entry: Mapping[str, Any], key: str, at: str) -> Any:
    if key not in entry:
        raise UserError(f"{at}: has no {key!r}")
    return entry[key]


def _require_new(number: int, seen: set[int], at: str) -> None:
    if number in seen:
        raise UserError(f"{at}: the id is given twice; give each a number of its own")
    seen.add(number)


def _box(value: Any, at: str) -> Box:
    if not isinstance(value, list) or len(value) != 4 or not all(map(is_number, value)):
        raise UserError(f"{at}: bbox {shown(value)} is not [x, y, width, height]")
    if not all(map(is_in_reach, value)):
        raise UserError(f"{at}: bbox {shown(value)} is not a place in an image; mend or remove it")
    x, y, width, height = map(float, value)
    return x, y, width, height


def _is_crowd(value: Any, at: str) -> bool:
    if value not in (0, 1, None):
        raise UserError(f"{at}: iscrowd: {shown(value)} is neither 0 nor 1")
    return bool(value)


def _area(value: Any, at: str) -> float | None:
    """In pixels; None where it is not known, for which some tools write -1."""
    if value is not None and not is_in_reach(value, MOST_PIXELS**2):
        raise UserError(f"{at}: area: {shown(value)} is not a number of pixels; mend or remove it")
    return None if value is None or value < 0 else float(value)
