"""Primitives as layers of a Keras namespace: `keras` (Keras 3) or `tf_keras` (Keras 2).

The layers used have the same names and arguments in both, so there is one definition of every
network. Of what differs between the two, only the order of the weights inside a layer is relied
on (`cells.weights.by_layer`).
"""

from __future__ import annotations

from collections.abc import Callable
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
        """Arguments of a fully connected layer.

        TF-slim scales these by fan-out, too; with ten classes the first loss is then several
        times log(10), so heads start from Keras's default.
        """
        return {"kernel_regularizer": self._l2(), "dtype": "float32"}

    def _l2(self) -> Any:
        return self.keras.regularizers.L2(self.l2) if self.l2 else None


def apply(node_name: str, primitive: p.Primitive, inputs: list[Any], context: LayerContext) -> Any:
    """Applies a primitive to Keras tensors; its layer is named `node_name`.

    Args:
        node_name: of the layer.
        primitive: what it computes.
        inputs: Keras tensors, `(batch, height, width, channels)` or `(batch, channels)`.
        context: what all layers of the network share.
    """
    return _LAYERS[type(primitive)](node_name, primitive, inputs, context)


def _relu(name: str, _: p.Relu, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.Activation("relu", name=name)(inputs[0])


def _batch_norm(name: str, _: p.BatchNorm, inputs: list, context: LayerContext) -> Any:
    layer = context.keras.layers.BatchNormalization(
        momentum=context.batch_norm_momentum,
        epsilon=context.batch_norm_epsilon,
        synchronized=context.synchronized_batch_norm,
        name=name,
    )
    return layer(inputs[0])


def _conv(name: str, conv: p.Conv, inputs: list, context: LayerContext) -> Any:
    layer = context.keras.layers.Conv2D(
        conv.filters,
        conv.kernel,
        strides=conv.stride,
        padding=conv.padding,
        use_bias=False,
        name=name,
        **context.kernel("kernel"),
    )
    return layer(inputs[0])


def _separable_conv(name: str, conv: p.SeparableConv, inputs: list, context: LayerContext) -> Any:
    layer = context.keras.layers.SeparableConv2D(
        conv.filters,
        conv.kernel,
        strides=conv.stride,
        padding=conv.padding,
        dilation_rate=conv.dilation,
        use_bias=False,
        name=name,
        **context.kernel("depthwise", "pointwise"),
    )
    return layer(inputs[0])


def _pool(name: str, pool: p.Pool, inputs: list, context: LayerContext) -> Any:
    layers = context.keras.layers
    kind = layers.AveragePooling2D if pool.mean else layers.MaxPooling2D
    x, padding = inputs[0], pool.padding
    if pool.counts_zeros:
        # The size is static here: `cells.network.stack.check` refuses these rules without one.
        zeros = pool.zeros((x.shape[1], x.shape[2]))
        x = layers.ZeroPadding2D(zeros, name=f"{name}_pad")(x)
        padding = "valid"
    return kind(pool.kernel, strides=pool.stride, padding=padding, name=name)(x)


def _pad(name: str, pad: p.Pad, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.ZeroPadding2D(pad.zeros, name=name)(inputs[0])


def _pad_to(name: str, pad: p.PadTo, inputs: list, context: LayerContext) -> Any:
    zeros = pad.zeros((inputs[0].shape[1], inputs[0].shape[2]))
    return context.keras.layers.ZeroPadding2D(zeros, name=name)(inputs[0])


def _resize(name: str, resize: p.Resize, inputs: list, context: LayerContext) -> Any:
    layers, (rows, columns) = context.keras.layers, resize.crop
    # The last layer that there is has the node's name.
    steps = [
        (resize.up > 1, layers.UpSampling2D, (resize.up,), {"interpolation": "nearest"}),
        (max(resize.crop) > 0, layers.Cropping2D, (((0, rows), (0, columns)),), {}),
        (resize.down > 1, layers.AveragePooling2D, (1, resize.down, "same"), {}),
    ]
    steps = [step for step in steps if step[0]] or [(True, layers.Activation, ("linear",), {})]
    x = inputs[0]
    for number, (_, layer, arguments, more) in enumerate(steps, 1 - len(steps)):
        x = layer(*arguments, **more, name=f"{name}_{-number}" if number else name)(x)
    return x


def _fit_channels(name: str, fit: p.FitChannels, inputs: list, context: LayerContext) -> Any:
    # Padded and cropped like rows, since that needs no weights, which somebody could train.
    layers, x = context.keras.layers, inputs[0]
    more = fit.filters - x.shape[-1]
    change = layers.ZeroPadding2D if more > 0 else layers.Cropping2D
    x = layers.Permute((3, 1, 2), name=f"{name}_first")(x)
    x = change(((0, abs(more)), (0, 0)), name=f"{name}_fit")(x)
    return layers.Permute((2, 3, 1), name=name)(x)


def _shift(name: str, _: p.Shift, inputs: list, context: LayerContext) -> Any:
    layers = context.keras.layers
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(inputs[0])
    return layers.Cropping2D(((1, 0), (1, 0)), name=name)(x)


def _add(name: str, _: p.Add, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.Add(name=name)(inputs)


def _concat(name: str, _: p.Concat, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.Concatenate(axis=-1, name=name)(inputs)


def _drop_path(name: str, drop: p.DropPath, inputs: list, context: LayerContext) -> Any:
    layer = scheduled_drop_path(context.keras)(
        drop.keep, context.drop_path_progress, context.step_seed, name=name
    )
    return layer(inputs[0])


def _dropout(name: str, dropout: p.Dropout, inputs: list, context: LayerContext) -> Any:
    if context.step_seed is None:
        layer = context.keras.layers.Dropout(dropout.rate, name=name)
    else:
        layer = step_seed.dropout(context.keras)(dropout.rate, context.step_seed, name=name)
    return layer(inputs[0])


def _global_pool(name: str, _: p.GlobalPool, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.GlobalAveragePooling2D(name=name)(inputs[0])


def _flatten(name: str, _: p.Flatten, inputs: list, context: LayerContext) -> Any:
    return context.keras.layers.Flatten(name=name)(inputs[0])


def _dense(name: str, dense: p.Dense, inputs: list, context: LayerContext) -> Any:
    # float32 also under mixed precision: the loss takes these numbers.
    layer = context.keras.layers.Dense(
        dense.units, use_bias=dense.bias, name=name, **context.dense()
    )
    return layer(inputs[0])


_LAYERS: dict[type[p.Primitive], Callable[..., Any]] = {
    p.Relu: _relu,
    p.BatchNorm: _batch_norm,
    p.Conv: _conv,
    p.SeparableConv: _separable_conv,
    p.Pool: _pool,
    p.Pad: _pad,
    p.PadTo: _pad_to,
    p.Resize: _resize,
    p.FitChannels: _fit_channels,
    p.Shift: _shift,
    p.Add: _add,
    p.Concat: _concat,
    p.DropPath: _drop_path,
    p.Dropout: _dropout,
    p.GlobalPool: _global_pool,
    p.Flatten: _flatten,
    p.Dense: _dense,
}
