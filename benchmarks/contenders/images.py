"""The images of a comparison: the same for all contenders, drawn by seed."""

from __future__ import annotations

import functools
import pathlib
from dataclasses import dataclass

import numpy as np

from benchmarks.contenders.task import Task
from benchmarks.record import lists

#: Height and width to which all images are brought, before anybody gets them.
SIZE = 32


@dataclass(frozen=True)
class Source:
    """A prepared data set.

    Attributes:
        name: as TFDS has it.
        mirror: whether a mirrored image is of the same class.
        part: of `benchmarks.record.lists`, from which training images are drawn: no search of the
            record and no weights of the package have seen them. "": all of the split.
    """

    name: str
    mirror: bool
    part: str = ""


#: By the name of `--dataset`.
SOURCES = {
    "cifar10": Source("cifar10", mirror=True, part="comparison"),
    "signs": Source("sign_language_digits", mirror=False),
    "bangla": Source("cmaterdb", mirror=False),
}


@dataclass(frozen=True)
class Images:
    """Some images of a split.

    Attributes:
        pixels: uint8 (n, 32, 32, 3).
        labels: int32 (n,).
        numbers: their places in the split.
    """

    pixels: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def draw(pool: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """So many of these numbers, each at most once; all where there are no more."""
    return np.sort(np.random.default_rng(seed).permutation(pool)[:wanted])


def read(dataset: str, data_dir: str, split: str, wanted: int, seed: int) -> Images:
    """Images of a split: `wanted` of them, drawn by `seed`."""
    pixels, labels = _whole(dataset, data_dir, split)
    part = SOURCES[dataset].part if split == "train" else ""
    numbers = draw(lists.numbers(part) if part else np.arange(len(labels)), wanted, seed)
    return Images(pixels[numbers], labels[numbers], numbers)


def class_names(dataset: str, data_dir: str) -> tuple[str, ...]:
    """Names in the order of the labels."""
    from cells import data

    return data.image_classes(data.builder(SOURCES[dataset].name, data_dir)).class_names


@functools.cache
def _whole(dataset: str, data_dir: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    from cells import data
    from cells.data.preprocessing import resize, with_channels

    builder = data.builder(SOURCES[dataset].name, data_dir)
    classes = data.image_classes(builder)

    def prepared(example):
        image = resize(with_channels(example[classes.image_key], 3), (SIZE, SIZE))
        pixels = tf.cast(tf.round(tf.cast(image, tf.float32)), tf.uint8)
        return pixels, tf.cast(example[classes.label_key], tf.int32)

    batches = builder.as_dataset(split=split, shuffle_files=False).map(prepared).batch(500)
    pixels, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def write_files(task: Task, test_labels: np.ndarray, names: tuple[str, ...], folder: pathlib.Path):
    """Writes the images as `train/CLASS/*.png` and `test/CLASS/*.png`, losslessly."""
    import PIL.Image

    for split, pixels, labels in (
        ("train", task.images, task.labels),
        ("test", task.test, test_labels),
    ):
        for name in names:
            (folder / split / name).mkdir(parents=True)
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            path = folder / split / names[label] / f"{number:05}.png"
            PIL.Image.fromarray(image).save(path, compress_level=1)
