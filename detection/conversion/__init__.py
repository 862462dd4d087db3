"""Boxes from strangers' files: COCO JSON, Pascal VOC and YOLO, to TFRecords that the trainer reads.

from detection.conversion import convert, read

annotations = read("instances.json")
convert(annotations, open_images("photos.zip"), "boxes/train")
"""

from __future__ import annotations

from detection.conversion.annotation_formats import read, write_json
from detection.conversion.annotations import Annotations
from detection.conversion.contents import described
from detection.conversion.convert import convert
from detection.conversion.image_files import ImageFiles, open_images

__all__ = [
    "Annotations",
    "ImageFiles",
    "convert",
    "described",
    "open_images",
    "read",
    "write_json",
]
