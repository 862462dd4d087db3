"""Data sets, all by way of TensorFlow Datasets (TFDS): the one way for pictures to come in.

    from cells.datasets import builder, image_classes, split_size

    digits = builder("digits")
    digits.as_dataset(split="train[:90%]")

Importing this package imports neither TensorFlow nor TFDS; the functions do when they are called.
"""

from __future__ import annotations

from cells.datasets.builders import EMBEDDED, builder
from cells.datasets.features import (
    DetectionClasses,
    ImageClasses,
    detection_classes,
    image_classes,
)
from cells.datasets.splits import split_size

__all__ = [
    "EMBEDDED",
    "DetectionClasses",
    "ImageClasses",
    "builder",
    "detection_classes",
    "image_classes",
    "split_size",
]
