"""The images of a search: a training part and a held-out part of one split, in memory."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.data import turned
from cells.data.preprocessing import resize, with_channels
from cells.support.errors import UserError
from cells.support.files import expanded
from cells.support.settings import setting

#: Images are cached as uint8 in each process that trains children.
MAX_BYTES = 8 * 2**30

#: Of a split, and pixels of a side.
MAX_IMAGES, MAX_SIZE = 2**40, 4096


@dataclass(frozen=True)
class ImageSettings:
    """Which images a child is trained on and scored with; the same for all children.

    Attributes:
        name: a data set of TFDS, the folder of a prepared one, or a folder of image files
            (`CLASS/*` or `SPLIT/CLASS/*`).
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
    held_out: int = setting(5000, least=1, most=MAX_IMAGES)
    training: int = setting(0, least=0, most=MAX_IMAGES)
    size: int = setting(0, least=0, most=MAX_SIZE)
    seed: int = setting(0, least=0, most=2**32 - 1)


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

    The labels alone decide on the division. Then the images that train and score are decoded and
    kept; the others of a big split are not.

    Raises:
        UserError: the set is unknown or not one of labelled images, the split cannot be divided
            as asked or is that of the test images, or its images do not fit into memory.
    """
    from cells import data

    builder = builder_of(settings)
    classes = data.image_classes(builder)
    data.split_size(builder, settings.split)  # Whether there is such a part of it.
    height, width, resized = _size(settings, classes.image_shape)
    labels = data.read_labels(builder, settings.split, classes)
    training, held_out = divide(labels, settings, classes.num_classes)
    count = len(training) + len(held_out)
    if count * height * width * 3 > MAX_BYTES:
        raise UserError(
            f"images.training: {count:,} images of {height}x{width} (training and held-out ones) "
            f"do not fit into the {MAX_BYTES // 2**30} GiB that a process may keep; use fewer, or "
            "a smaller images.size"
        )
    parts = _read(builder, settings.split, classes, (height, width), (training, held_out), resized)
    mean, deviation = _statistics(parts[0])
    return Images(
        training=(parts[0], labels[training]),
        held_out=(parts[1], labels[held_out]),
        num_classes=classes.num_classes,
        mean=mean,
        deviation=deviation,
        training_indices=training,
        held_out_indices=held_out,
        resized=resized,
    )


@functools.lru_cache(maxsize=1)
def facts(settings: ImageSettings) -> Mapping[str, Any]:
    """What a genotype's provenance says of the images: which, and what was done to them.

    Returns:
        `set`, `split`, `size` (as the children see them), `original_size` (None where they
        differ), `resized`, `grey` (whether one channel became three).

    Raises:
        UserError: the set is unknown, not one of labelled images, or needs a size.
    """
    from cells import data

    builder = builder_of(settings)
    shape = data.image_classes(builder).image_shape
    height, width, resized = _size(settings, shape)
    return types.MappingProxyType(
        {
            "set": builder.info.full_name,
            "split": settings.split,
            "size": [height, width],
            "original_size": None if None in shape[:2] else list(shape[:2]),
            "resized": resized,
            "grey": shape[2] in (1, 2),
        }
    )


@functools.lru_cache(maxsize=1)
def size_and_classes(settings: ImageSettings) -> tuple[tuple[int, int], int]:
    """Height and width as the children see images, and the number of classes; reads no image.

    Raises:
        UserError: as in `facts`.
    """
    from cells import data

    height, width = facts(settings)["size"]
    return (height, width), data.image_classes(builder_of(settings)).num_classes


def transfer_name(settings: ImageSettings) -> str:
    """The set for the later stages: its name, or where it lies if it was given as a folder."""
    if expanded(settings.name).is_dir():
        return str(os.path.abspath(builder_of(settings).data_dir))
    return settings.name


def builder_of(settings: ImageSettings) -> Any:
    """The TFDS builder of the set.

    Raises:
        UserError: the set is unknown, cannot be prepared, or has no such split to search with.
    """
    from cells import data

    def accept(name: str, splits: Collection[str]) -> None:
        data.require_split(name, splits, settings.split)
        test = data.test_split(splits)
        if test and data.names_split(settings.split, test):
            raise UserError(
                f"images.split: {settings.split!r} holds the images of {settings.name} that test "
                f"the winner ({test!r}), which no search may see; use another split, such as "
                "'train'"
            )

    data_dir = settings.data_dir or os.environ.get("CELLS_DATA_DIR") or None
    return data.builder(settings.name, data_dir, accept)


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
            f"is out of range; hold out at least one for each of the {num_classes} classes, and "
            "leave some to train on"
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
    builder: Any,
    split: str,
    classes: Any,
    size: tuple[int, int],
    parts: tuple[np.ndarray, ...],
    resized: bool,
) -> list[np.ndarray]:
    """The images at some sorted places of a split, uint8 `(n, *size, 3)` for each part."""
    import tensorflow as tf

    from cells import data

    @tf.autograph.experimental.do_not_convert
    def convert(example: dict) -> tuple[Any, Any]:
        image = with_channels(example[classes.image_key], 3)
        # Those of an oblong set may have been turned.
        if resized or image.shape[:2] != size:
            image = tf.round(resize(image, size))
            image = tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.uint8)
        return example["index"], image

    arrays = [np.empty((len(part), *size, 3), np.uint8) for part in parts]
    with turned.counted():
        examples = data.examples_at(builder, split, classes, np.concatenate(parts))
        batches = examples.map(convert, num_parallel_calls=tf.data.AUTOTUNE).batch(512).prefetch(1)
        try:
            for indices, images in batches.as_numpy_iterator():
                for part, array in zip(parts, arrays, strict=True):
                    here = np.isin(indices, part, assume_unique=True)
                    array[np.searchsorted(part, indices[here])] = images[here]
        except tf.errors.OpError as error:
            raise data.damaged(builder, split, error) from error
    return arrays


def _statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (at least 1) of each channel, float32 `(3,)`.

    From histograms: numpy would make eight bytes of each of the array's.
    """
    counts = np.zeros((3, 256))
    for start in range(0, len(pixels), 512):
        for channel in range(3):
            values = pixels[start : start + 512, ..., channel]
            counts[channel] += np.bincount(values.ravel(), minlength=256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ np.arange(256)
    squares = np.square(np.arange(256) - mean[:, None])
    deviation = np.sqrt(np.sum(shares * squares, axis=1))
    return mean.astype(np.float32), np.maximum(deviation, 1.0).astype(np.float32)
