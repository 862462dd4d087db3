"""Frames of video files, and video files of pictures, by OpenCV."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cells.support.errors import UserError
from cells.support.files import atomic_path

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
"""Of the files that are videos, in any case of letters."""


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video by its name.

    Args:
        path: of the file.
    """
    return Path(path).suffix.lower() in ENDINGS


def frames(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """The frames of a video, uint8 `(height, width, 3)`, RGB, in order.

    Args:
        path: of the file.

    Raises:
        UserError: it cannot be read; a damaged end is not noticed, the frames before it come out.
    """
    import cv2

    with _opened(path) as video:
        count = 0
        while True:
            there, frame = video.read()
            if not there:
                break
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    if not count:
        raise UserError(f"{os.fspath(path)}: has no frame that can be read")


def frame_rate(path: str | os.PathLike[str]) -> float:
    """Frames a second; 25 where the file does not say.

    Args:
        path: of the file.

    Raises:
        UserError: it cannot be read.
    """
    import cv2

    with _opened(path) as video:
        rate = float(video.get(cv2.CAP_PROP_FPS))
    return rate if 0.0 < rate < 1000.0 else 25.0


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    import cv2

    video = cv2.VideoCapture(os.fspath(path))
    try:
        if not video.isOpened():
            raise UserError(f"{os.fspath(path)}: cannot be read as a video")
        yield video
    finally:
        video.release()


def write(pictures: Iterator[Image.Image], path: str, rate: float) -> int:
    """Writes an MP4 file, complete or not at all.

    Args:
        pictures: of one size, at least one.
        path: ending in .mp4.
        rate: pictures a second.

    Returns:
        How many pictures there were.

    Raises:
        UserError: it cannot be written.
    """
    import cv2

    count, writer = 0, None
    with atomic_path(path) as temporary:
        try:
            for picture in pictures:
                if writer is None:
                    code = cv2.VideoWriter.fourcc(*"mp4v")
                    writer = cv2.VideoWriter(os.fspath(temporary), code, rate, picture.size)
                    if not writer.isOpened():
                        raise UserError(f"{path}: OpenCV cannot write MP4 files here")
                writer.write(cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR))
                count += 1
        finally:
            if writer is not None:
                writer.release()
    return count
