"""The order in which training sees its images: a function of a seed and of the epoch.

So a resumed run goes on behind the last image that its checkpoint has seen, without reading the
epochs before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

#: Behind every fold of a seed stands what it is for.
_FILES, _SHUFFLE, _EXAMPLE = range(3)


@dataclass(frozen=True)
class Order:
    """An endless order of examples.

    Attributes:
        seed: the same for all input pipelines, so that they share files and not images.
        buffer: examples among which the next is drawn (`shuffle_buffer_size`).
        pipeline: number of this input pipeline.
        start: examples of this pipeline that were seen already.
    """

    seed: int
    buffer: int
    pipeline: int = 0
    start: int = 0

    @classmethod
    def of(cls, params: Any, context: tf.distribute.InputContext | None, step: int) -> Order:
        """The order of the training data that a configuration describes.

        Args:
            params: Model Garden's data configuration; without a seed it is another one each time.
            context: given by `tf.distribute`.
            step: training steps whose images were seen already.
        """
        pipelines = context.num_input_pipelines if context else 1
        return cls(
            seed=random.getrandbits(31) if params.seed is None else params.seed,
            buffer=params.shuffle_buffer_size,
            pipeline=context.input_pipeline_id if context else 0,
            start=step * params.global_batch_size // pipelines,
        )

    def epochs(
        self, read: Callable[[Any], tf.data.Dataset], size: Callable[[], int]
    ) -> tf.data.Dataset:
        """All epochs, each in an order of its own, from `start`.

        Args:
            read: the examples of one epoch; its seed (int64 scalar) is for the order of files.
            size: how many examples an epoch has; asked only if there is a `start`.

        Returns:
            Pairs of an example and its own seed, int32 `(2,)`, for augmentation.
        """
        first, behind = divmod(self.start, size()) if self.start else (0, 0)

        def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            examples = self.epoch(read, epoch)
            return examples.skip(tf.where(epoch == first, tf.constant(behind, tf.int64), 0))

        return tf.data.Dataset.range(first, tf.int64.max).flat_map(of_epoch)

    def epoch(
        self, read: Callable[[Any], tf.data.Dataset], number: Any, *, shuffled: bool = True
    ) -> tf.data.Dataset:
        """The examples of one epoch, as `epochs` gives them."""
        # Else the seeds below would be mixed with TensorFlow's global one, of this graph only.
        if not tf.executing_eagerly():
            tf.compat.v1.set_random_seed(1)
        files, shuffle = (_folded(self.seed, number, use)[0] for use in (_FILES, _SHUFFLE))
        examples = read(tf.cast(files, tf.int64))
        if shuffled:
            examples = examples.shuffle(
                self.buffer, seed=tf.cast(shuffle, tf.int64), reshuffle_each_iteration=False
            )
        own = _folded(self.seed, number, _EXAMPLE, self.pipeline)

        def with_seed(index: tf.Tensor, example: Any) -> tuple[Any, tf.Tensor]:
            return example, _fold(own, index)

        return examples.enumerate().map(with_seed)


def _folded(seed: int, *numbers: Any) -> tf.Tensor:
    key = tf.constant([seed % 2**31, 0], tf.int32)
    for number in numbers:
        key = _fold(key, number)
    return key


def _fold(key: tf.Tensor, number: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, tf.cast(number, tf.int32))
