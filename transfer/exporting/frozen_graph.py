"""A network as a function whose weights are constants, so that TensorFlow optimises its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transfer.exporting.batch_norm_folding import readers


def frozen(model: Any) -> Callable[[Any], Any]:
    """A function to be traced for inference.

    With constants TensorFlow lays kernels out once, and it fuses convolutions with the bias, the
    sum and the relu behind them.

    Args:
        model: a functional Keras 3 model, each layer of which is called once.

    Returns:
        A function of a float32 tensor `(batch, height, width, channels)` that gives the model's
        output.
    """
    import tensorflow as tf

    model = _apart(model)
    variables = model.trainable_variables, model.non_trainable_variables
    values = [[v.numpy() for v in some] for some in variables]

    def function(images: Any) -> Any:
        constants = [[tf.constant(value) for value in some] for some in values]
        output, _ = model.stateless_call(*constants, images, training=False)
        return output

    return function


def _apart(model: Any) -> Any:
    """The same layers, with a node that does nothing behind sums that have several readers.

    The relu of such a sum is taken into the convolution before it by TensorFlow's graph optimizer
    (2.20, `remapper`), which then misses the sum for the others, and leaves the graph as it was.
    """
    import keras
    import tensorflow as tf

    read = readers(model)
    sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    shared = {layer.name for layer in sums if read[id(layer.output)] > 1}

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        x = layer(*args, **kwargs)
        if layer.name in shared:
            x = keras.layers.Lambda(lambda x: tf.ensure_shape(x, x.shape))(x)
        return x

    return keras.models.clone_model(model, clone_function=lambda x: x, call_function=called)
