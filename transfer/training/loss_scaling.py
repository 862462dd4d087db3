"""Moving averages together with the loss scaling that float16 takes."""

from __future__ import annotations

from typing import Any

import tf_keras
from official.modeling import optimization


class ScaledAverages(
    optimization.ExponentialMovingAverage, tf_keras.mixed_precision.LossScaleOptimizer
):
    """Moving averages around loss scaling.

    Model Garden puts loss scaling around the averages, where its trainer does not find them: none
    are made, and the first step fails. The other way round, both the trainer's checks for averages
    and its training step's check for loss scaling see what they look for.

    A step whose gradients are infinite changes no weights, so averages only come nearer to them.
    """

    @property
    def inner_optimizer(self) -> Any:
        """The optimizer with loss scaling."""
        return self._optimizer

    @property
    def learning_rate(self) -> Any:
        """A number or a schedule, of the innermost optimizer."""
        return self._optimizer.learning_rate

    def get_scaled_loss(self, loss: Any) -> Any:
        """See `tf_keras.mixed_precision.LossScaleOptimizer`."""
        return self._optimizer.get_scaled_loss(loss)

    def get_unscaled_gradients(self, grads: Any) -> Any:
        """See `tf_keras.mixed_precision.LossScaleOptimizer`."""
        return self._optimizer.get_unscaled_gradients(grads)

    def _create_all_weights(self, var_list: Any) -> None:
        self._optimizer._create_all_weights(var_list)


def with_averages(create: Any, settings: Any, runtime: Any = None, *more: Any) -> Any:
    """An optimizer as Model Garden creates it, except for float16 with averages.

    Args:
        create: `create_optimizer` of Model Garden's task.
        settings: `trainer.optimizer_config`.
        runtime: `runtime` of a configuration; may be None.
        more: further arguments of `create`.
    """
    averages = settings.ema
    if averages is None or runtime is None or runtime.mixed_precision_dtype != "float16":
        return create(settings, runtime, *more)
    return ScaledAverages(create(settings.replace(ema=None), runtime, *more), **averages.as_dict())
