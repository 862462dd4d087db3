"""The images to look at: files, folders, or a split of a data set."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cells import data as datasets
from cells.data import image_files
from cells.data.image_files import read
from detection.data import dataset, videos


@dataclass(frozen=True)
class NamedImage:
    """An image to look at.

    Attributes:
        image_id: its number in result files.
        name: of its file, or None where a data set holds it.
        pixels: uint8 (height, width, 3), RGB.
        frame: its place in a video, from 0; None where it is none of one.
    """

    image_id: int
    name: str | None
    pixels: np.ndarray
    frame: int | None = None


def find_files(paths: Sequence[str]) -> list[Path]:
    """The images and videos among files and folders, those of a folder sorted by name.

    Raises:
        UserError: a path does not exist, or a folder has neither.
    """
    endings = (*image_files.ENDINGS, *videos.ENDINGS)
    return image_files.find_files(paths, endings, "images or videos")


def check_files(paths: Sequence[Path]) -> int:
    """Reads every image and a frame of every video: nothing is written where one is damaged.

    Returns:
        How many images are turned upright, as EXIF says.

    Raises:
        UserError: one cannot be read; names it.
    """
    for path in filter(videos.is_video, paths):
        next(videos.frames(path))
    return image_files.check_files(path for path in paths if not videos.is_video(path))


def from_files(paths: Sequence[Path]) -> Iterator[NamedImage]:
    """Reads image files and the frames of videos.

    Images are numbered as COCO numbers its files, by the number in the name, where every name is
    another number; else, and where there are videos, all images and frames from 1 in order.

    Raises:
        UserError: one cannot be read; names it.
    """
    if not any(map(videos.is_video, paths)):
        for image_id, path in zip(_image_ids(paths), paths, strict=True):
            yield NamedImage(image_id, os.fspath(path), read(path))
        return
    numbers = itertools.count(1)
    for path in paths:
        if videos.is_video(path):
            for frame, pixels in enumerate(videos.frames(path)):
                yield NamedImage(next(numbers), os.fspath(path), pixels, frame)
        else:
            yield NamedImage(next(numbers), os.fspath(path), read(path))


def from_data(side: Any) -> Iterator[NamedImage]:
    """The images of one side of the data, in the order in which they are stored.

    Args:
        side: Model Garden's data configuration, resolved.

    Raises:
        UserError: there is no such data set or split.
    """
    if not side.input_path:
        builder = datasets.builder(side.tfds_name, side.tfds_data_dir)
        datasets.split_size(builder, side.tfds_split)
    for example in dataset.decoded(side):
        yield NamedImage(int(example["source_id"].numpy()), None, example["image"].numpy())


def _image_ids(paths: Sequence[Path]) -> list[int]:
    stems = [path.stem for path in paths]
    if all(stem.isdecimal() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers) and max(numbers, default=0) < 2**53:
            return numbers
    return list(range(1, len(paths) + 1))
