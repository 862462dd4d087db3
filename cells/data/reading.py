"""Parts of a split in its own order: its labels, which are cheap, and the examples that are wanted.

So a big set can be divided by class without holding, or even decoding, all of its images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cells.data.downloads import first_line
from cells.data.features import ImageClasses
from cells.support.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

_BATCH = 4096


def read_labels(
    builder: tfds.core.DatasetBuilder, split: str, classes: ImageClasses
) -> np.ndarray[Any, Any]:
    """Returns the labels of a split, int32 `(n,)`; no image is read.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.
        split: as TFDS writes it.
        classes: what the set holds, as from `cells.data.image_classes`.

    Raises:
        UserError: a record is damaged, or a label is none of the classes.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    decoders = tfds.decode.PartialDecoding({classes.label_key: True})
    examples = builder.as_dataset(split=split, shuffle_files=False, decoders=decoders)
    batches = examples.map(lambda example: example[classes.label_key]).batch(_BATCH)
    try:
        labels = np.concatenate([*batches.as_numpy_iterator()]).astype(np.int32)
    except tf.errors.OpError as error:
        raise damaged(builder, split, error) from error
    beyond = np.flatnonzero((labels < 0) | (labels >= classes.num_classes))
    if len(beyond):
        raise UserError(
            f"{len(beyond):,} of the {len(labels):,} examples of split {split!r} of "
            f"{builder.info.full_name} have labels beyond its {classes.num_classes} classes, such "
            f"as {labels[beyond[0]]} (example {beyond[0]}); use another split, or mend the set"
        )
    return labels


def examples_at(
    builder: tfds.core.DatasetBuilder, split: str, classes: ImageClasses, indices: np.ndarray
) -> tf.data.Dataset:
    """Returns some examples of a split with `index`, their place in it; only they are decoded.

    Their images are upright, as `cells.data.decoding` reads them.

    Args:
        builder, split, classes: as in `read_labels`.
        indices: int `(n,)`, the places that are wanted; the examples come in ascending order.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from cells.data import decoding

    image, label = classes.image_key, classes.label_key
    examples = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(
            {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
        ),
    )
    wanted = np.zeros(int(builder.info.splits[split].num_examples), bool)
    wanted[indices] = True
    pixels = decoding.decoder(classes.image_shape)

    def decode(index: Any, example: dict[str, Any]) -> dict[str, Any]:
        return {
            "index": index,
            image: pixels(example[image]),
            label: example[label],
        }

    chosen = examples.enumerate().filter(lambda index, _: tf.constant(wanted)[index])
    return chosen.map(decode, num_parallel_calls=tf.data.AUTOTUNE)


def damaged(builder: tfds.core.DatasetBuilder, split: str, error: Exception) -> UserError:
    """Returns the error for a split that cannot be read to its end."""
    # The iterator's name stands before what went wrong.
    why = first_line(error).rpartition("}} ")[2]
    return UserError(
        f"split {split!r} of {builder.info.full_name} cannot be read ({why}): delete its folder "
        f"{builder.data_dir} or restore it"
    )
