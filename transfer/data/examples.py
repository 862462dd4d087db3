"""Stored examples, of one input pipeline: TFDS sets and TFRecord files."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from official.common import dataset_fn
from official.core import input_reader

#: Files that are read at the same time where a configuration leaves it open: TFDS's number, since
#: TensorFlow's would depend on the machine, and so would the order.
_CYCLE = 16


def examples(
    builder: Any,
    params: Any,
    context: tf.distribute.InputContext | None,
    *,
    add_tfds_id: bool = False,
) -> tf.data.Dataset:
    """The examples of a TFDS split, as Model Garden's reader would read them by name.

    It reads by name and folder only, and so cannot read a set that was given as a folder, or
    that lies somewhere else than in the folder asked for.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.
        params: Model Garden's data configuration, of classification or detection.
        context: given by `tf.distribute`.
        add_tfds_id: whether each example also gets `tfds_id`, a text that no other example has.
    """
    repeat = bool(params.is_training and not params.cache)
    return _read(
        builder,
        params,
        context,
        interleave_cycle_length=params.cycle_length,
        shuffle_seed=params.seed,
        repeat_filenames=repeat,
        assert_cardinality=not repeat,
        add_tfds_id=add_tfds_id,
    )


def _read(
    builder: Any, params: Any, context: tf.distribute.InputContext | None, **settings: Any
) -> tf.data.Dataset:
    import tensorflow_datasets as tfds

    by_files = _by_files(len(_files(builder, params)), context)
    skipped = [name.strip() for name in params.tfds_skip_decoding_feature.split(",") if name]
    dataset = builder.as_dataset(
        split=params.tfds_split,
        shuffle_files=bool(params.is_training),
        decoders={name: tfds.decode.SkipDecoding() for name in skipped} or None,
        read_config=tfds.ReadConfig(
            input_context=context if by_files else None,
            interleave_block_length=params.block_length,
            skip_prefetch=True,
            **settings,
        ),
    )
    return dataset if by_files else _share(dataset, context)


class TfdsEpochs:
    """The examples of a TFDS split, with `tfds_id`, once for each epoch.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.
        params: the training data's configuration.
        context: given by `tf.distribute`.
    """

    def __init__(
        self, builder: Any, params: Any, context: tf.distribute.InputContext | None = None
    ):
        self._builder, self._params, self._context = builder, params, context

    def read(self, seed: Any) -> tf.data.Dataset:
        """One epoch; its seed, an int64 scalar, is for the order of files."""
        return _read(
            self._builder,
            self._params,
            self._context,
            interleave_cycle_length=self._params.cycle_length or _CYCLE,
            shuffle_seed=seed,
            shuffle_reshuffle_each_iteration=False,
            # Nothing of an epoch is left for the next one.
            try_autocache=False,
            assert_cardinality=False,
            add_tfds_id=True,
        )

    def size(self) -> int:
        """How many examples an epoch has."""
        taken = [file.take for file in _files(self._builder, self._params)]
        return _share_of(taken, self._context)


class RecordEpochs:
    """The records of TFRecord files, once for each epoch.

    Args:
        params: the training data's configuration.
        records: files -> a data set of what is in them.
        context: given by `tf.distribute`.
    """

    def __init__(
        self, params: Any, records: Any, context: tf.distribute.InputContext | None = None
    ):
        self._params, self._records, self._context = params, records, context
        # A pattern finds them in any order, which may be another one on each worker.
        self._files = sorted(input_reader.match_files(params.input_path))

    def read(self, seed: Any) -> tf.data.Dataset:
        """One epoch; its seed, an int64 scalar, is for the order of files."""
        params = self._params
        by_files = _by_files(len(self._files), self._context)
        files = tf.data.Dataset.from_tensor_slices(self._files)
        if by_files:
            files = _share(files, self._context)
        files = files.shuffle(len(self._files), seed=seed, reshuffle_each_iteration=False)
        dataset = files.interleave(
            self._records,
            cycle_length=params.cycle_length or _CYCLE,
            block_length=params.block_length,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return dataset if by_files else _share(dataset, self._context)

    def size(self) -> int:
        """How many records an epoch has; all are read for that."""
        kind = dataset_fn.pick_dataset_fn(self._params.file_type)
        counts = [int(kind(file).reduce(0, lambda n, _: n + 1)) for file in self._files]
        return _share_of(counts, self._context)


def _files(builder: Any, params: Any) -> list[Any]:
    return builder.info.splits[params.tfds_split].file_instructions


def _by_files(files: int, context: tf.distribute.InputContext | None) -> bool:
    """Whether each pipeline reads files of its own; else each has a share of all examples."""
    return context is None or files >= context.num_input_pipelines


def _share(dataset: tf.data.Dataset, context: tf.distribute.InputContext | None) -> Any:
    if context is None:
        return dataset
    return dataset.shard(context.num_input_pipelines, context.input_pipeline_id)


def _share_of(counts: list[int], context: tf.distribute.InputContext | None) -> int:
    """How many of the examples in files of those sizes are a pipeline's."""
    if context is None:
        return sum(counts)
    pipelines, own = context.num_input_pipelines, context.input_pipeline_id
    if _by_files(len(counts), context):
        return sum(counts[own::pipelines])
    return len(range(own, sum(counts), pipelines))
