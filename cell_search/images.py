"""The images of a search: a training part and a held-out part of one split, in memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.errors import UserError
from cells.images import resize, with_channels

#: Images are cached as uint8 in each process that trains children.
MAX_BYTES = 8 * 2**30


@dataclass(frozen=True)
class ImageSettings:
    """Which images a child is trained on and scored with; the same for all children.

    Attributes:
        name: a data set of TFDS, or the folder of a prepared one.
        data_dir: folder of the prepared sets; "" is the environment variable CELLS_DATA_DIR, or
            TFDS's own folder.
        split: the split that is divided into training and held-out images. The test images of a
            set have no place in a search.
        held_out: images that score the children; never trained on.
        training: images that train them, at most; 0 stands for all the others.
        size: height and width to which all images are brought; 0 keeps that of the set.
        seed: of the division, which keeps the classes' shares.
    """

    name: str = "cifar10"
    data_dir: str = ""
    split: str = "train"
    held_out: int = 5000
    training: int = 0
    size: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Images:
    """Training and held-out images.

    Attributes:
        training, held_out: uint8 RGB images `(n, height, width, 3)` and int32 labels `(n,)`.
        num_classes: number of classes.
        mean, deviation: float32 `(3,)`, of the training images' channels, in [0, 255].
        training_indices, held_out_indices: where they stand in the split.
        resized: whether the images were of another size.
    """

    training: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]
    num_classes: int
    mean: np.ndarray
    deviation: np.ndarray
    training_indices: np.ndarray
    held_out_indices: np.ndarray
    resized: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.training[0].shape[1:3]
        return height, width


@functools.lru_cache(maxsize=1)
def load(settings: ImageSettings) -> Images:
    """Reads and divides a split; once in a process.

    Raises:
        UserError: the set is unknown or not one of labelled images, or the split cannot be divided
            as asked.
    """
    from cells import datasets

    builder = builder_of(settings)
    classes = datasets.image_classes(builder)
    count = datasets.split_size(builder, settings.split)
    height, width, resized = _size(settings, classes.image_shape)
    if count * height * width * 3 > MAX_BYTES:
        raise UserError(
            f"images.split: {count:,} images of {height}x{width} do not fit into the "
            f"{MAX_BYTES // 2**30} GiB that a process may keep; use a part such as "
            "'train[:10%]', or a smaller images.size"
        )
    labels, pixels = _read(builder, settings.split, classes, (height, width), count, resized)
    training, held_out = divide(labels, settings, classes.num_classes)
    part = pixels[training]
    return Images(
        training=(part, labels[training]),
        held_out=(pixels[held_out], labels[held_out]),
        num_classes=classes.num_classes,
        mean=part.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32),
        deviation=np.maximum(part.std(axis=(0, 1, 2), dtype=np.float64), 1.0).astype(np.float32),
        training_indices=training,
        held_out_indices=held_out,
        resized=resized,
    )


def builder_of(settings: ImageSettings) -> Any:
    """The TFDS builder of the set.

    Raises:
        UserError: the set is unknown, or cannot be prepared.
    """
    import os

    from cells import datasets

    data_dir = settings.data_dir or os.environ.get("CELLS_DATA_DIR") or None
    return datasets.builder(settings.name, data_dir)


def divide(
    labels: np.ndarray, settings: ImageSettings, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divides a split by class, from a seed.

    Args:
        labels: int `(n,)`, of the whole split.
        settings: how many images are held out, and how many train.
        num_classes: classes of the set.

    Returns:
        Sorted indices of the training images and of the held-out ones; disjoint.

    Raises:
        UserError: there are not so many images, or too few of a class.
    """
    from sklearn.model_selection import train_test_split

    where, held_out, count = f"of {settings.name}", settings.held_out, len(labels)
    if not num_classes <= held_out < count:
        raise UserError(
            f"images.held_out: {held_out:,} of the {count:,} images of {settings.split!r} {where} "
            f"is no use; hold out at least one for each of the {num_classes} classes, and leave "
            "some to train on"
        )
    training = settings.training or count - held_out
    if not num_classes <= training <= count - held_out:
        raise UserError(
            f"images.training: {training:,} images are not between {num_classes} (the classes) "
            f"and {count - held_out:,} (what {settings.split!r} {where} leaves beside the "
            f"{held_out:,} held-out ones); 0 takes all"
        )
    try:
        parts = train_test_split(
            np.arange(count),
            test_size=held_out,
            train_size=training,
            stratify=labels,
            random_state=settings.seed,
        )
    except ValueError as error:
        raise UserError(
            f"images.split: {settings.split!r} {where} cannot be divided by class ({error})"
        ) from None
    return np.sort(parts[0]), np.sort(parts[1])


def _size(
    settings: ImageSettings, shape: tuple[int | None, int | None, int | None]
) -> tuple[int, int, bool]:
    height, width, _ = shape
    if settings.size:
        return settings.size, settings.size, (height, width) != (settings.size, settings.size)
    if height is None or width is None:
        raise UserError(
            f"images.size: the images of {settings.name} differ in size; give the height and "
            "width for the search, such as 32"
        )
    return height, width, False


def _read(
    builder: Any, split: str, classes: Any, size: tuple[int, int], count: int, resized: bool
) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    def convert(example: dict) -> tuple[Any, Any]:
        image = with_channels(example[classes.image_key], 3)
        if resized:
            image = tf.round(resize(image, size))
            image = tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.uint8)
        return image, example[classes.label_key]

    pixels = np.empty((count, *size, 3), np.uint8)
    labels = np.empty(count, np.int32)
    examples = builder.as_dataset(split=split, shuffle_files=False)
    batches = examples.map(convert, num_parallel_calls=tf.data.AUTOTUNE).batch(512).prefetch(1)
    at = 0
    for image_batch, label_batch in batches.as_numpy_iterator():
        pixels[at : at + len(label_batch)] = image_batch
        labels[at : at + len(label_batch)] = label_batch
        at += len(label_batch)
    return labels, pixels
