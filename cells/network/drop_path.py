"""ScheduledDropPath (Zoph et al. 2018, appendix A.5) as a layer of either Keras namespace."""

from __future__ import annotations

import functools
from typing import Any

from cells.network import step_seed
from cells.network.step_seed import step_variable


def progress_variable() -> Any:
    """A scalar float32 variable for the part of training that is over, in [0, 1].

    All drop-path layers of a network read this one. Whoever trains assigns to it from the real
    step, so a resumed run goes on where it was and nothing has to be saved.
    """
    return step_variable(0.0, "drop_path_progress")


def follow_training(model: Any, step: Any, steps: int) -> None:
    """Sets how far training is, in a model with drop path; nothing in one without.

    Args:
        model: as from `cells.network.build.build_network`.
        step: the optimizer's count of steps, so that a resumed run goes on where it was.
        steps: until the schedule has reached its end.
    """
    import tensorflow as tf

    if hasattr(model, "drop_path_progress"):
        done = tf.cast(step, tf.float32) / float(steps)
        model.drop_path_progress().assign(tf.minimum(done, 1.0))


@functools.cache
def scheduled_drop_path(keras: Any) -> type:
    """The layer class for the namespace `keras` (the module `keras` or `tf_keras`).

    Args:
        keras: the module `keras` or `tf_keras`.
    """
    import tensorflow as tf

    class ScheduledDropPath(keras.layers.Layer):
        """Drops whole paths of single examples in training, and scales those that are kept.

        The keep probability falls linearly from 1 to `keep` while `progress` goes from 0 to 1.

        Args:
            keep: probability of keeping a path at the end of training.
            progress: scalar variable, see `progress_variable`.
            seed: see `cells.network.step_seed.variable`; None draws with TensorFlow's own.

        Input shape: `(batch, height, width, channels)`, floating. Output shape: the same.
        """

        def __init__(self, keep: float, progress: Any, seed: Any = None, **kwargs: Any):
            super().__init__(**kwargs)
            self.keep = keep
            # Behind functions, since Keras would count attributes among the weights.
            self._progress = lambda: progress
            self._step_seed = lambda: seed

        def call(self, x: Any, training: bool | None = None) -> Any:
            if not training:
                return x
            keep = 1.0 - tf.clip_by_value(self._progress(), 0.0, 1.0) * (1.0 - self.keep)
            draw = self._draw([tf.shape(x)[0], 1, 1, 1])
            mask = tf.floor(keep + draw) / keep
            return x * tf.cast(mask, x.dtype)

        def _draw(self, shape: list[Any]) -> Any:
            seed = self._step_seed()
            if seed is None:
                return tf.random.uniform(shape)
            return tf.random.stateless_uniform(shape, step_seed.of_layer(seed, self.name))

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "keep": self.keep}

    return ScheduledDropPath
