"""`cell-detect --mode=convert`: annotations and images to a folder of boxes, or to a COCO file."""

from __future__ import annotations

from typing import Any

from cells.support.errors import UserError, printable
from detection.conversion import annotation_formats, image_files
from detection.conversion.contents import described
from detection.conversion.convert import convert as write


def convert(flags: Any) -> None:
    """Converts, and prints what came of it.

    Raises:
        UserError: see `detection.conversion.annotation_formats.read` and
            `detection.conversion.convert`.
    """
    images = image_files.open_images(flags.images) if flags.images else None
    annotations = annotation_formats.read(flags.annotations, images, flags.classes)
    for line in annotations.notes:
        print(printable(line))
    if flags.output.endswith(".json"):
        annotation_formats.write_json(annotations, flags.output)
        objects = sum(map(len, annotations.objects.values()))
        print(
            f"{len(annotations.images):,} images with {objects:,} objects of "
            f"{len(annotations.categories)} classes, as they stand; written to "
            f"{printable(flags.output)}"
        )
        return
    if images is None:
        raise UserError("--images: is needed here; give the folder or zip file of the images")
    found = write(annotations, images, flags.output, shards=flags.shards, with_masks=flags.masks)
    for line in described(found):
        print(printable(line))
