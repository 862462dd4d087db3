"""Which format annotations are in, and the same as a COCO file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from cells.data import listing
from cells.support import files, json_file
from cells.support.errors import UserError, about
from cells.support.files import expanded, json_text, write_atomically
from detection.conversion import voc, yolo
from detection.conversion.annotations import Annotations, Box, from_coco
from detection.conversion.image_files import ImageFiles

#: COCO's own largest file has 470 MB.
_MOST_BYTES = 2**32


def read(
    path: str | os.PathLike[str],
    images: ImageFiles | None = None,
    class_names: str | None = None,
) -> Annotations:
    """Reads annotations: a COCO file, a folder of Pascal VOC's XML, or one of YOLO's text files.

    Args:
        path: the file or folder.
        images: where the images are; YOLO's files need them, since they name no sizes.
        class_names: a file with the names of the classes; see `detection.conversion.yolo`.

    Raises:
        UserError: it is none of these, or says what cannot be; names file and field.
    """
    place = expanded(path)
    if place.is_dir():
        values, notes = _of_folder(place, images, class_names)
        return from_coco(values, os.fspath(place), notes=notes)
    text = files.read(place, "annotation", _MOST_BYTES)
    with about(place):
        values = json_file.loads(text, "COCO file")
    return from_coco(values, os.fspath(place), hashlib.sha256(text).hexdigest())


def write_json(annotations: Annotations, path: str | os.PathLike[str]) -> None:
    """Writes annotations as a COCO file, complete or not at all."""
    values = {
        "images": [
            {"id": image.image_id, "file_name": image.file_name}
            | (dict(zip(("height", "width"), image.size, strict=True)) if image.size else {})
            for image in annotations.images
        ],
        "annotations": [
            {
                "id": item.object_id,
                "image_id": image.image_id,
                "category_id": item.category_id,
                "bbox": list(item.box),
                "area": _area(item.box) if item.area is None else item.area,
                "iscrowd": int(item.crowd),
            }
            | ({"segmentation": item.segmentation} if item.segmentation else {})
            for image in annotations.images
            for item in annotations.objects_of(image)
        ],
        "categories": annotations.categories.entries,
    }
    write_atomically(path, json_text(values, indent=None).encode())


def _area(box: Box) -> float:
    return max(box[2], 0.0) * max(box[3], 0.0)


def _of_folder(
    folder: Path, images: ImageFiles | None, class_names: str | None
) -> tuple[dict[str, Any], list[str]]:
    found = listing.find(folder, (".xml", ".txt"))
    xml = [path for path in found if path.suffix.lower() == ".xml"]
    text = [path for path in found if yolo.is_label_file(path)]
    if xml and text:
        raise UserError(
            f"{folder}: holds both {xml[0].name} (Pascal VOC) and {text[0].name} (YOLO); give a "
            "folder of one kind"
        )
    if xml:
        return voc.read(folder, xml, images, class_names)
    if text:
        if images is None:
            raise UserError(f"--images: is needed for {folder}, since YOLO's files name no sizes")
        return yolo.read(folder, text, images, class_names)
    raise UserError(
        f"{folder}: has neither *.xml (Pascal VOC) nor *.txt (YOLO); a COCO file is given as a file"
    )
