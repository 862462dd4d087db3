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

from cells.support import files
from cells.support.errors import UserError, cut
from cells.support.files import expanded
from detection.conversion import names, numbers
from detection.conversion.image_files import ImageFiles

#: VOC's own have a few thousand.
_MOST_BYTES = 2**24


def read(
    folder: Path,
    paths: Sequence[Path],
    images: ImageFiles | None = None,
    class_names: str | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """The values of a COCO file, and what was taken for what.

    Args:
        folder: of the annotations, for messages.
        paths: the XML files.
        images: where an image's file is looked for that is named without its ending or not at all.
        class_names: a file of names, see `detection.conversion.names`; by default those that occur,
            in alphabetical order. Categories are numbered from 1 as COCO's are.

    Raises:
        UserError: a file is damaged, or names a class that the list has not.
    """
    roots = [parse(path) for path in paths]
    notes = []
    if class_names:
        known = names.read(expanded(class_names))
    else:
        known = sorted({_text(item, "name", f) for f, r in _objects(paths, roots) for item in r})
        notes.append(
            f"classes, since there is no --classes: the {len(known):,} that these files name, in "
            "alphabetical order; list them all where other files of the set name more"
        )
    if not known:
        raise UserError(f"{folder}: no file has an object, so nobody knows the classes")
    ids = {name: number for number, name in enumerate(known, 1)}
    file_names = [_file_name(*pair, images) for pair in zip(paths, roots, strict=True)]
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for path, root, file_name, image_id in zip(
        paths, roots, file_names, names.image_ids(file_names), strict=True
    ):
        height, width = _sides(root, path)
        # Some tools write 0 where they did not look.
        size = {"height": height, "width": width} if height and width else {}
        entries.append({"id": image_id, "file_name": file_name, **size})
        for item in root.iter("object"):
            name = _text(item, "name", path)
            if name not in ids:
                raise UserError(f"{path}: {cut(name)!r} is none of the classes of {class_names}")
            left, top, right, bottom = (
                _number(item, f"bndbox/{key}", path) for key in ("xmin", "ymin", "xmax", "ymax")
            )
            box = [left - 1, top - 1, right - left + 1, bottom - top + 1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": ids[name],
                    "bbox": box,
                    "area": max(box[2], 0) * max(box[3], 0),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    return {"images": entries, "annotations": annotations, "categories": categories}, notes


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
    text = files.read(path, "annotation", _MOST_BYTES, usual="one takes a few thousand")
    try:
        parser.Parse(text, True)
        root = builder.close()
    except _DeclaresError:
        raise UserError(f"{path}: declares a document type, which an annotation must not") from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as XML ({files.reason(error)})") from None
    if root.tag != "annotation":
        raise UserError(
            f"{path}: is not an annotation of Pascal VOC: its root is <{root.tag[:40]}>"
        )
    return root


class _DeclaresError(Exception):
    pass


def _refuse(*_: object) -> None:
    raise _DeclaresError


def _objects(paths: Sequence[Path], roots: Sequence[Element]) -> list[tuple[Path, list[Element]]]:
    return [(path, list(root.iter("object"))) for path, root in zip(paths, roots, strict=True)]


def _file_name(path: Path, root: Element, images: ImageFiles | None) -> str:
    given = root.findtext("filename", "").strip()
    return (images and images.find(given or path.stem)) or given or f"{path.stem}.jpg"


def _sides(root: Element, path: Path) -> tuple[int, int]:
    """Height and width in pixels; 0 where there are none."""
    sides = []
    for key in ("size/height", "size/width"):
        side = _number(root, key, path) if root.find(key) is not None else 0
        if side < 0 or side != int(side):
            raise UserError(f"{path}: <{key}> is {side}, which is not a number of pixels")
        sides.append(int(side))
    return sides[0], sides[1]


def _text(element: Element, key: str, path: Path) -> str:
    text = (element.findtext(key) or "").strip()
    if not text:
        raise UserError(f"{path}: an <{element.tag}> has no <{key}>")
    return text


def _number(element: Element, key: str, path: Path) -> float:
    text = _text(element, key, path)
    number = numbers.written(text, numbers.MOST_PIXELS / 4)
    if number is None:
        raise UserError(f"{path}: <{key}> is {cut(text, 40)!r}, which is not a number of pixels")
    return number
