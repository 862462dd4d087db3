"""Primitives as layers of a Keras namespace: `keras` (Keras 3) or `tf_keras` (Keras 2).

The layers used have the same names and arguments in both, so there is one definition of every
network. Of what differs between the two, only the order of the weights inside a layer is relied
on (`cells.weights.by_layer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cells.network import step_seed
from cells.network.drop_path import scheduled_drop_path
from cells.operations import primitives as p


@dataclass
class LayerContext:
    """What layers need to know beside their primitive.

    Attributes:
        keras: the module `keras` or `tf_keras`.
        batch_norm_momentum, batch_norm_epsilon: of every batch norm.
        synchronized_batch_norm: statistics over all replicas.
        l2: factor of the sum of squares of every kernel that is added to the loss (weight
            decay as TensorFlow's papers count it is twice this number).
        drop_path_progress: scalar variable in [0, 1], the part of training that is over.
        step_seed: what layers draw with in training (`cells.network.step_seed`); None: Keras's own.
    """

    keras: Any
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5
    synchronized_batch_norm: bool = False
    l2: float = 0.0
    drop_path_progress: Any = None
    step_seed: Any = None

    def kernel(self, *names: str) -> dict[str, Any]:
        """Initializer and regularizer arguments for the kernels `names` of one layer.

        Args:
            *names: as the arguments of the layer begin, such as `depthwise`.
        """
        arguments: dict[str, Any] = {}
        for name in names:
            # A new one for each kernel: Keras 3 gives equal values for a shared initializer.
            arguments[f"{name}_initializer"] = self.keras.initializers.VarianceScaling(
                scale=2.0, mode="fan_out", distribution="truncated_normal"
            )
            arguments[f"{name}_regularizer"] = self._l2()
        return arguments

    def dense(self) -> dict[str, Any]:
        """Arguments of a fully connected layer; float32 also under mixed precision, since the loss
        takes these numbers.

        TF-slim scales these by fan-out, too; with ten classes the first loss is then several
        times log(10), so heads start from Keras's default.
        """
        return {"kernel_regularizer": self._l2(), "dtype": "float32"}

    def _l2(self) -> Any:
        return self.keras.regularizers.L2(self.l2) if self.l2 else None


def apply(name: str, primitive: p.Primitive, inputs: list[Any], context: LayerContext) -> Any:
    """Applies a primitive to Keras tensors.

    Args:
        name: of its layer, or of the last one where it takes several.
        primitive: what it computes.
        inputs: Keras tensors, `(batch, height, width, channels)` or `(batch, channels)`.
        context: what all layers of the network share.
    """
    layers, x = context.keras.layers, inputs[0]
    match primitive:
        case p.Relu():
            return layers.Activation("relu", name=name)(x)
        case p.BatchNorm():
            return layers.BatchNormalization(
                momentum=context.batch_norm_momentum,
                epsilon=context.batch_norm_epsilon,
                synchronized=context.synchronized_batch_norm,
                name=name,
            )(x)
        case p.Conv(kernel, stride, padding, filters):
            return layers.Conv2D(
                filters,
                kernel,
                strides=stride,
                padding=padding,
                use_bias=False,
                name=name,
                **context.kernel("kernel"),
            )(x)
        case p.SeparableConv(kernel, stride, padding, filters, dilation):
            return layers.SeparableConv2D(
                filters,
                kernel,
                strides=stride,
                padding=padding,
                dilation_rate=dilation,
                use_bias=False,
                name=name,
                **context.kernel("depthwise", "pointwise"),
            )(x)
        case p.Pool():
            return _pool(name, primitive, x, context)
        case p.Pad(zeros):
            return layers.ZeroPadding2D(zeros, name=name)(x)
        case p.PadTo():
            return layers.ZeroPadding2D(primitive.zeros((x.shape[1], x.shape[2])), name=name)(x)
        case p.Resize():
            return _resize(name, primitive, x, context)
        case p.FitChannels(filters):
            return _fit_channels(name, filters, x, context)
        case p.Shift():
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
            return layers.Cropping2D(((1, 0), (1, 0)), name=name)(x)
        case p.Add():
            return layers.Add(name=name)(inputs)
        case p.Concat():
            return layers.Concatenate(axis=-1, name=name)(inputs)
        case p.DropPath(keep):
            drop_path = scheduled_drop_path(context.keras)
            return drop_path(keep, context.drop_path_progress, context.step_seed, name=name)(x)
        case p.Dropout(rate):
            if context.step_seed is None:
                return layers.Dropout(rate, name=name)(x)
            return step_seed.dropout(context.keras)(rate, context.step_seed, name=name)(x)
        case p.GlobalPool():
            return layers.GlobalAveragePooling2D(name=name)(x)
        case p.Flatten():
            return layers.Flatten(name=name)(x)
        case p.Dense(units, bias):
            return layers.Dense(units, use_bias=bias, name=name, **context.dense())(x)
    raise TypeError(f"{name}: {primitive} has no layer")


def _pool(name: str, pool: p.Pool, x: Any, context: LayerContext) -> Any:
    layers = context.keras.layers
    kind = layers.AveragePooling2D if pool.mean else layers.MaxPooling2D
    padding = pool.padding
    if pool.counts_zeros:
        # The size is static: `cells.network.stack_config.check` refuses these rules without one.
        zeros = pool.zeros((x.shape[1], x.shape[2]))
        x = layers.ZeroPadding2D(zeros, name=f"{name}_pad")(x)
        padding = "valid"
    return kind(pool.kernel, strides=pool.stride, padding=padding, name=name)(x)


def _resize(name: str, resize: p.Resize, x: Any, context: LayerContext) -> Any:
    layers, (rows, columns) = context.keras.layers, resize.crop
    # The last layer that there is has the node's name.
    steps = [
        (resize.up > 1, layers.UpSampling2D, (resize.up,), {"interpolation": "nearest"}),
        (max(resize.crop) > 0, layers.Cropping2D, (((0, rows), (0, columns)),), {}),
        (resize.down > 1, layers.AveragePooling2D, (1, resize.down, "same"), {}),
    ]
    steps = [step for step in steps if step[0]] or [(True, layers.Activation, ("linear",), {})]
    for number, (_, layer, arguments, more) in enumerate(steps, 1 - len(steps)):
        x = layer(*arguments, **more, name=f"{name}_{-number}" if number else name)(x)
    return x


def _fit_channels(name: str, filters: int, x: Any, context: LayerContext) -> Any:
    # Padded and cropped like rows, since that needs no weights, which somebody could train.
    layers = context.keras.layers
    more = filters - x.shape[-1]
    change = layers.ZeroPadding2D if more > 0 else layers.Cropping2D
    x = layers.Permute((3, 1, 2), name=f"{name}_first")(x)
    x = change(((0, abs(more)), (0, 0)), name=f"{name}_fit")(x)
    return layers.Permute((2, 3, 1), name=name)(x)
