"""Data sets, all by way of TensorFlow Datasets (TFDS): the one way for pictures to come in.

    from cells.data import builder, image_classes, split_size

    digits = builder("digits")
    digits.as_dataset(split="train[:90%]")

Importing this package imports neither TensorFlow nor TFDS; the functions do when they are called.
"""

from __future__ import annotations

from cells.data.features import DetectionClasses, ImageClasses, detection_classes, image_classes
from cells.data.splits import (
    damaged,
    examples_at,
    names_split,
    read_labels,
    require_split,
    split_size,
    test_split,
)
from cells.data.tfds_sets import EMBEDDED, builder

__all__ = [
    "EMBEDDED",
    "DetectionClasses",
    "ImageClasses",
    "builder",
    "damaged",
    "detection_classes",
    "examples_at",
    "image_classes",
    "names_split",
    "read_labels",
    "require_split",
    "split_size",
    "test_split",
]
