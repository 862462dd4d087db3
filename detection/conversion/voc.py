"""Pascal VOC's XML files, one an image, as a COCO file has them.

Corners are numbers of pixels from 1, both of them inside the box, as VOC defines it; so x is
`xmin - 1` and the width `xmax - xmin + 1`. Objects that VOC calls difficult are objects as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from cells.support.errors import UserError
from cells.support.files import expanded
from detection.conversion import names

#: VOC's own have a few thousand.
_MOST_BYTES = 2**24


def read(folder: Path, files: Sequence[Path], class_names: str | None = None) -> dict[str, Any]:
    """The values of a COCO file.

    Args:
        folder: of the annotations, for messages.
        files: the XML files.
        class_names: a file of names, see `detection.conversion.names`; by default those that occur,
            in alphabetical order. Categories are numbered from 1 as COCO's are.

    Raises:
        UserError: a file is damaged, or names a class that the list has not.
    """
    roots = [parse(path) for path in files]
    known = names.read(expanded(class_names)) if class_names else None
    if known is None:
        known = sorted({_text(item, "name", f) for f, r in _objects(files, roots) for item in r})
    if not known:
        raise UserError(f"{folder}: no file has an object, so nobody knows the classes")
    numbers = {name: number for number, name in enumerate(known, 1)}
    file_names = [
        root.findtext("filename", "").strip() or f"{path.stem}.jpg"
        for path, root in zip(files, roots, strict=True)
    ]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for path, root, file_name, image_id in zip(
        files, roots, file_names, names.image_ids(file_names), strict=True
    ):
        image: dict[str, Any] = {"id": image_id, "file_name": file_name}
        if root.find("size/height") is not None and root.find("size/width") is not None:
            image["height"] = int(_number(root, "size/height", path))
            image["width"] = int(_number(root, "size/width", path))
        # Some tools write 0 where they did not look.
        if not image.get("height") or not image.get("width"):
            image = {"id": image_id, "file_name": file_name}
        images.append(image)
        for item in root.iter("object"):
            name = _text(item, "name", path)
            if name not in numbers:
                raise UserError(f"{path}: {name!r} is none of the classes of {class_names}")
            left, top, right, bottom = (
                _number(item, f"bndbox/{key}", path) for key in ("xmin", "ymin", "xmax", "ymax")
            )
            width, height = right - left + 1, bottom - top + 1
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": numbers[name],
                    "bbox": [left - 1, top - 1, width, height],
                    "area": max(width, 0) * max(height, 0),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def parse(path: Path) -> Element:
    """The root of an XML file from a stranger.

    A document that declares anything of its own (`<!DOCTYPE`) is refused before it is read:
    entities could grow without bound or name other files.

    Args:
        path: of the file.

    Raises:
        UserError: it is no XML, declares something, or is none of an annotation.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path}: larger than {_MOST_BYTES:,} bytes, so this is no annotation")
        parser.Parse(path.read_bytes(), True)
        root = builder.close()
    except _DeclaresError:
        raise UserError(f"{path}: declares a document type, which an annotation must not") from None
    except (expat.ExpatError, OSError, LookupError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as XML ({error})") from None
    if root.tag != "annotation":
        raise UserError(f"{path}: is no annotation of Pascal VOC: its root is <{root.tag[:40]}>")
    return root


class _DeclaresError(Exception):
    pass


def _refuse(*_: object) -> None:
    raise _DeclaresError


def _objects(files: Sequence[Path], roots: Sequence[Element]) -> list[tuple[Path, list[Element]]]:
    return [(path, list(root.iter("object"))) for path, root in zip(files, roots, strict=True)]


def _text(element: Element, key: str, path: Path) -> str:
    text = (element.findtext(key) or "").strip()
    if not text:
        raise UserError(f"{path}: an <object> has no <{key}>")
    return text


def _number(element: Element, key: str, path: Path) -> float:
    text = _text(element, key, path) if element.tag == "object" else element.findtext(key) or ""
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{path}: <{key}> is {text[:40]!r}, which is no number") from None
