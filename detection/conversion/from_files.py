"""Boxes from files to files, as `cell-detect` and Python users convert them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cells.checks.arguments import checked
from cells.support.errors import UserError
from cells.support.files import FilePath
from detection.conversion import annotation_formats, image_files
from detection.conversion.convert import convert as write
from detection.data.records import Records


@dataclass(frozen=True)
class ConversionResult:
    """What a conversion has written.

    Attributes:
        path: the folder of boxes, or the COCO file.
        images, objects: how many it holds.
        classes: names of the classes.
        records: what the folder says of itself; None of a COCO file.
        notes: what lines and classes were taken for, for people.

    Example:
        >>> result = detection.convert("boxes.json", "again.json")
        >>> result.classes
        ('red', 'green')
    """

    path: str
    images: int
    objects: int
    classes: tuple[str, ...]
    records: Records | None
    notes: tuple[str, ...] = ()


@checked
def convert(
    annotations: FilePath,
    output: FilePath,
    images: FilePath | None = None,
    *,
    classes: FilePath | None = None,
    shards: int | None = None,
    masks: bool = False,
) -> ConversionResult:
    """Makes a folder of boxes that the trainer reads, or a COCO file, of annotations and images.

    An interrupted conversion goes on with the next call.

    Args:
        annotations: COCO file, or folder of Pascal VOC's XML or of YOLO's text files.
        output: the folder, or a COCO file where it ends in `.json`, with the annotations as they
            stand.
        images: folder or zip file of the images; a COCO file needs them of YOLO's only.
        classes: names of YOLO's or VOC's classes: YAML, or one a line.
        shards: number of record files; by default one for 1,000 images.
        masks: whether to keep the outlines of objects, for Mask R-CNN.

    Returns:
        What was written.

    Raises:
        UserError: annotations or images cannot be read or do not fit, or `output` holds something
            else or cannot be written.

    Example:
        >>> result = detection.convert("boxes.json", "boxes", "photos")
        >>> result.images, result.objects
        (2, 3)
    """
    opened = image_files.open_images(images) if images else None
    read = annotation_formats.read(annotations, opened, os.fspath(classes) if classes else None)
    output = os.fspath(output)
    if output.endswith(".json"):
        annotation_formats.write_json(read, output)
        objects = sum(map(len, read.objects.values()))
        names = read.categories.names
        return ConversionResult(output, len(read.images), objects, names, None, read.notes)
    if opened is None:
        raise UserError("--images: is needed here; give the folder or zip file of the images")
    found = write(read, opened, output, shards=shards, with_masks=masks)
    held = found.info["contents"]
    names = found.categories.names
    return ConversionResult(output, held["images"], held["objects"], names, found, read.notes)
