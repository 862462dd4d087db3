"""What a training step sets and draws, as a function of a seed and of the step.

TensorFlow's own generators go on from draw to draw, and begin anew in a resumed run. A network that
is built with a `variable` draws what it drops from this one instead, which whoever trains sets in
each step; so a run that was interrupted goes on like one that was not.
"""

from __future__ import annotations

import functools
import zlib
from typing import Any


def step_variable(value: Any, name: str) -> Any:
    """A TensorFlow variable that is no weight, and that all replicas set to the same.

    Args:
        value: at first; its shape and dtype stay.
        name: of the variable.
    """
    import tensorflow as tf

    return tf.Variable(
        value,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def variable() -> Any:
    """An int32 variable `(2,)`: the seed of the step, of all layers of a network."""
    return step_variable([0, 0], "step_seed")


def follow_training(model: Any, seed: int, step: Any) -> None:
    """Sets the seed of a step, in a model that was built with a variable for it.

    Args:
        model: as from `cells.network.build.build_network`.
        seed: of the training.
        step: the optimizer's count of steps.
    """
    import tensorflow as tf

    if hasattr(model, "step_seed"):
        key = tf.stack([seed % 2**31, tf.cast(step, tf.int32)])
        drawn = tf.random.stateless_uniform([2], key, None, None, tf.int32)
        model.step_seed().assign(drawn)


def of_layer(seed: Any, name: str) -> Any:
    """The seed of a layer, int32 `(2,)`, which differs from replica to replica.

    Args:
        seed: see `variable`.
        name: of the layer.
    """
    import tensorflow as tf

    replicas = tf.distribute.get_replica_context()
    replica = replicas.replica_id_in_sync_group if replicas else 0
    return seed + tf.stack([zlib.crc32(name.encode()) % 2**31, tf.cast(replica, tf.int32)])


@functools.cache
def dropout(keras: Any) -> type:
    """Keras's dropout drawn with the seed of the step, for the namespace `keras`.

    Args:
        keras: the module `keras` or `tf_keras`.
    """
    import tensorflow as tf

    class StepDropout(keras.layers.Dropout):
        """Drops single features in training.

        Args:
            rate: part of the features that is dropped.
            seed: see `variable`.

        Input shape: any, floating. Output shape: the same.
        """

        def __init__(self, rate: float, seed: Any, **kwargs: Any):
            super().__init__(rate, **kwargs)
            # Behind a function, since Keras would count an attribute among the weights.
            self._step_seed = lambda: seed

        def call(self, x: Any, training: bool | None = None) -> Any:
            if not training:
                return x
            own = of_layer(self._step_seed(), self.name)
            return tf.nn.experimental.stateless_dropout(x, self.rate, own)

    return StepDropout
