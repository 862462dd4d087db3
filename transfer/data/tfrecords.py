"""TFRecord files: whether they hold what the configuration says, told before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cells.support.errors import UserError, first_line
from transfer.config import schema

_KINDS = {"bytes_list": "bytes", "int64_list": "whole numbers", "float_list": "numbers"}


def check(data: schema.DataConfig, at: str) -> None:
    """Looks at the first record of the first file.

    Args:
        data: one side of the data, with `input_path`.
        at: where in the configuration it is.

    Raises:
        UserError: no file matches, there is no record, it is damaged, or it lacks an encoded image
            or a label under the names that the configuration gives.
    """
    import tensorflow as tf
    from official.core import input_reader

    if not isinstance(data.input_path, str | Sequence):
        return  # Several sets, mixed by Model Garden.
    try:
        files = input_reader.match_files(data.input_path)
        # No data set: it would start TensorFlow's devices, which a strategy has to do.
        first = next(tf.compat.v1.io.tf_record_iterator(files[0]), None)
    except (ValueError, tf.errors.NotFoundError) as error:
        raise UserError(f"{at}.input_path: no file is found ({first_line(error)})") from None
    except tf.errors.OpError as error:
        raise UserError(
            f"{files[0]}: is damaged, or no TFRecord file ({first_line(error)})"
        ) from None
    if first is None:
        raise UserError(f"{files[0]}: holds no record; leave it out of {at}.input_path")
    example = tf.train.Example()
    try:
        example.ParseFromString(first)
    # protobuf's DecodeError, whose module moves between its versions.
    except Exception:
        raise UserError(f"{files[0]}: its records are not tf.train.Example") from None
    _check_features(example, data, at, files[0])


def _check_features(example: Any, data: schema.DataConfig, at: str, file: str) -> None:
    found = {name: value.WhichOneof("kind") for name, value in example.features.feature.items()}
    for setting, kind in (("image_field_key", "bytes_list"), ("label_field_key", "int64_list")):
        name = getattr(data, setting)
        if found.get(name) == kind:
            continue
        has = ", ".join(f"{key} ({_KINDS.get(of, 'nothing')})" for key, of in sorted(found.items()))
        raise UserError(
            f"{file}: its records have no {name!r} of {_KINDS[kind]}, but {has or 'nothing'}; name "
            f"the feature in {at}.{setting}"
        )
