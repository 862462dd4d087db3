"""Addresses in the place of paths, such as `gs://bucket/run`: what TensorFlow's file systems know.

Model Garden reads and writes them by itself; this is for the small files beside its own.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

from cells.support.errors import UserError


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an address."""
    return "://" in os.fspath(path)


def exists(path: str) -> bool:
    """Whether there is a file or a folder.

    Raises:
        UserError: it cannot be asked for.
    """
    import tensorflow as tf

    with _told(path, "read"):
        return bool(tf.io.gfile.exists(path))


def read(path: str, noun: str, most: int) -> bytes | None:
    """The bytes of a file; None where it has more than `most`.

    Args:
        path: the address.
        noun: what the file holds.
        most: bytes that it may have.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    import tensorflow as tf

    with _told(path, "read"):
        if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
            raise UserError(f"{path}: there is no such {noun} file")
        if tf.io.gfile.stat(path).length > most:
            return None
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()


def upload(source: str | os.PathLike[str], path: str) -> None:
    """Puts a copy of a file at an address; readers see the old one or the whole new one.

    Args:
        source: a file of this machine.
        path: the address.

    Raises:
        UserError: it cannot be written.
    """
    import tensorflow as tf

    with _told(path, "written"):
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        # Not every file system empties what it overwrites.
        beside = f"{path}.{uuid.uuid4().hex[:8]}"
        tf.io.gfile.copy(os.fspath(source), beside)
        tf.io.gfile.rename(beside, path, overwrite=True)


@contextlib.contextmanager
def _told(path: str, done: str) -> Iterator[None]:
    """Says in one sentence what a file system has against an address."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.UnimplementedError:
        scheme = path.partition("://")[0]
        raise UserError(
            f"{path}: TensorFlow has no file system for {scheme}:// here; gs:// comes with "
            "'tensorflow[gcs-filesystem]'; or mount what it is, and give the folder"
        ) from None
    except tf.errors.OpError as error:
        why = (error.message or type(error).__name__).splitlines()[0][:200]
        raise UserError(f"{path}: cannot be {done} ({why})") from None
