"""Splits of a prepared set: their sizes, which of them is for the end, and parts of one.

Parts come in the split's own order: its labels, which are cheap, and the examples that are wanted.
So a big set can be divided by class without holding, or even decoding, all of its images.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from cells.data.features import ImageClasses
from cells.support.errors import UserError, first_line, nearest

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

_BATCH = 4096


def split_size(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """Returns how many examples the split holds: at least 1.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.
        split: a split as TFDS writes it: `train`, `train[:90%]`, `train[100:200]`, `train+test`.

    Raises:
        UserError: for a split that the set lacks, that TFDS cannot read, that reaches beyond the
            examples, or that holds none.
    """
    splits = builder.info.splits
    try:
        size = int(splits[split].num_examples)
    except (ValueError, KeyError) as error:
        require_split(builder.info.full_name, splits, split)
        raise UserError(
            f"split {split!r} of {builder.info.full_name} cannot be read: {_sizes(splits)}, "
            "and a part is written such as 'train[:90%]' or 'train[100:200]'"
        ) from error
    # TFDS counts a part whose end lies before its beginning as negative.
    if size <= 0:
        raise UserError(
            f"split {split!r} of {builder.info.full_name} holds no example: {_sizes(splits)}"
        )
    return size


def require_split(name: str, splits: Collection[str], split: str) -> None:
    """Raises a UserError where a split is of none that a set has.

    Args:
        name: of the set.
        splits: that it has.
        split: as TFDS writes it; parts of one are not looked at.
    """
    unknown = sorted(_named(split) - {*splits, _ALL})
    if unknown:
        raise UserError(
            f"{name} has no split {split!r}: {nearest(unknown[0], splits)}it has "
            f"{', '.join(splits)}, and parts of them such as 'train[:90%]'"
        )


#: TFDS' word for all splits.
_ALL = "all"

#: Splits that score what is finished, the first that a set has.
_SCORING = ("test", "validation", "val", "valid", "dev")


def test_split(splits: Collection[str]) -> str | None:
    """Returns which of a set's splits scores what is finished, which no search may see.

    That is `test`; in a set that has none, such as imagenet2012, the one for validation; None
    where there is neither.
    """
    return next((name for name in _SCORING if name in splits), None)


def names_split(split: str, name: str) -> bool:
    """Returns whether `train[:90%]+test` and the like read from the split of that name."""
    return not _named(split).isdisjoint({name, _ALL})


def _named(split: str) -> set[str]:
    """The splits that a split reads from."""
    return {part.split("[")[0].strip() for part in split.split("+")}


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

    # There is nothing to convert, and looking for it takes a second of every process.
    @tf.autograph.experimental.do_not_convert
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
    return UserError(
        f"split {split!r} of {builder.info.full_name} cannot be read ({first_line(error)}): delete "
        f"its folder {builder.data_dir} or restore it"
    )


def _sizes(splits: tfds.core.splits.SplitDict) -> str:
    return ", ".join(f"{name} has {info.num_examples:,} examples" for name, info in splits.items())
