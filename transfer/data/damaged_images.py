"""Images that cannot be decoded: passed over, named and counted, up to a limit."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cells.support.errors import UserError, first_line

#: Decoded at the same time; as many threads as TensorFlow has take part.
_PARALLEL = 16

_TOLD = re.compile(r"<bad data>(.*?)</bad data>", re.DOTALL)


def pass_over(
    dataset: tf.data.Dataset,
    decode: Callable[[tf.Tensor], tf.Tensor],
    *,
    image_key: str,
    name_key: str,
    shape: tuple[int | None, int | None, int],
    limit: int,
    setting: str,
) -> tf.data.Dataset:
    """Decodes the images of examples, and leaves those out that cannot be decoded.

    Each is named once in a line on standard error, also where a training meets it again and again.

    Args:
        dataset: examples, dictionaries with an encoded image and a name (both text).
        decode: bytes of a file -> uint8 `(height, width, 3)`.
        image_key, name_key: where they are.
        shape: static shape of the images; None where it differs.
        limit: how many are passed over.
        setting: the key of the configuration that says so.

    Returns:
        The examples in their order, without the name. One image too many ends its iteration with
        an error that `explained` turns into a sentence.
    """

    def decoded(example: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        image = decode(example[image_key])
        image.set_shape(shape)
        return {**example, image_key: image}, True

    def whole_or_marked(example: dict[str, Any]) -> tf.data.Dataset:
        # A damaged image raises an error, which only a data set of its own can swallow.
        whole = tf.data.Dataset.from_tensors(example).map(decoded).ignore_errors()
        nothing = tf.zeros([n or 1 for n in shape], tf.uint8)
        marked = tf.data.Dataset.from_tensors(({**example, image_key: nothing}, False))
        return whole.concatenate(marked).take(1)

    def count(seen: tf.Tensor, example: dict[str, Any], whole: tf.Tensor) -> Any:
        name = example[name_key]
        known = whole | tf.reduce_any(seen == name)
        seen = tf.cond(known, lambda: seen, lambda: _told(seen, name, limit, setting))
        return seen, (example, whole)

    dataset = dataset.interleave(
        whole_or_marked, cycle_length=_PARALLEL, num_parallel_calls=_PARALLEL, deterministic=True
    )
    dataset = dataset.scan(tf.zeros([0], tf.string), lambda seen, given: count(seen, *given))
    dataset = dataset.filter(lambda example, whole: whole)

    def finished(example: dict[str, Any], _: tf.Tensor) -> dict[str, Any]:
        image = tf.ensure_shape(example[image_key], shape)
        return {key: value for key, value in example.items() if key != name_key} | {
            image_key: image
        }

    return dataset.map(finished)


def _told(seen: tf.Tensor, name: tf.Tensor, limit: int, setting: str) -> tf.Tensor:
    seen = tf.concat([seen, [name]], axis=0)
    number = tf.size(seen)
    count = tf.strings.as_string(number)
    parts = ["passed over ", name, f", which cannot be decoded: {setting} ", count, f" of {limit}"]
    line = tf.print(tf.strings.join(parts), output_stream=sys.stderr)
    with tf.control_dependencies([line]):
        enough = require(
            number <= limit,
            f"{setting}: more than {limit} images cannot be decoded (each is named above); mend "
            "the data, or raise it",
        )
    with tf.control_dependencies([enough]):
        return tf.identity(seen)


def require(holds: tf.Tensor, sentence: str) -> tf.Operation:
    """Ends the iteration of a data set where something does not hold; see `explained`."""
    return tf.debugging.Assert(holds, [f"<bad data>{sentence}</bad data>"])


def explained(error: tf.errors.OpError) -> UserError | None:
    """What the data are to blame for, in one sentence; None for any other error."""
    found = _TOLD.search(error.message)
    if found:
        return UserError(found[1])
    if isinstance(error, tf.errors.DataLossError):
        return UserError(
            f"the data cannot be read to their end ({first_line(error)}); restore the files, or "
            "prepare them anew"
        )
    return None
