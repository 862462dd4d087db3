"""How many images are turned upright while they are read, counted where they are decoded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from absl import logging

if TYPE_CHECKING:
    import tensorflow as tf

#: Hashes of the turned images of the block that counts; None outside of one.
_counted: set[int] | None = None


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Counts what is turned inside the block, each image once, and reports it at its end.

    That are the images of data sets that are made in the block, and read by this process. The
    outermost of several blocks counts.
    """
    global _counted
    if _counted is not None:
        yield
        return
    _counted = seen = set[int]()
    try:
        yield
    finally:
        _counted = None
    if seen:
        logging.warning("%s images were turned upright, as their EXIF data say", f"{len(seen):,}")


def note(data: bytes, turn: int) -> None:
    """Counts an image file's bytes whose orientation is `turn`, 1 to 8."""
    if _counted is not None and turn > 1:
        _counted.add(hash(data))


def noted(data: tf.Tensor, turn: tf.Tensor) -> list[tf.Tensor]:
    """As `note`, in a graph: what the pixels have to wait for."""
    import tensorflow as tf

    if _counted is None:
        return []
    seen = _counted

    def add(value: np.ndarray) -> np.bool_:
        seen.add(int(value))
        return np.True_

    def of_turned() -> tf.Tensor:
        return tf.numpy_function(add, [tf.strings.to_hash_bucket_fast(data, 2**62)], tf.bool)

    return [tf.cond(turn > 1, of_turned, lambda: False)]
