"""Primitives as plain TensorFlow functions of tensors: no layers, no variables.

The second reading of the same graph that `cells.network.keras_layers` turns into a Keras model.
Weights come as arguments, in Keras's order and layout, so what is compiled from these functions
serves every network that has such a piece.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from cells.network.depthwise import depthwise
from cells.operations import primitives as p


@dataclass
class Pass:
    """One pass through primitives.

    Attributes:
        training: batch statistics, drop path and dropout on.
        epsilon: of every batch norm.
        progress: scalar in [0, 1], the part of training that is over (`cells.network.drop_path`).
        seed: int32 `(2,)`, of what is dropped; may be left out where nothing is.
        statistics: (mean, variance) of the batch for every batch norm passed, in order; the
            variance is that of the values (divided by n), as Keras keeps it.
    """

    training: bool
    epsilon: float = 1e-5
    progress: Any = None
    seed: Any = None
    statistics: list[tuple[Any, Any]] = field(default_factory=list)


def apply(primitive: p.Primitive, inputs: list[Any], weights: list[Any], now: Pass) -> Any:
    """Applies a primitive.

    Args:
        primitive: what to compute.
        inputs: `(batch, height, width, channels)` tensors of one floating type.
        weights: float32, shaped as `primitive.weight_shapes` says; those of convolutions are
            cast to the type of the input. Batch norms in training need only scale and shift.
        now: the pass.

    Returns:
        A tensor of the type of the inputs; of a fully connected layer float32.
    """
    return _FUNCTIONS[type(primitive)](primitive, inputs, weights, now)


def _relu(_: p.Relu, inputs: list, weights: list, now: Pass) -> Any:
    return tf.nn.relu(inputs[0])


def _batch_norm(_: p.BatchNorm, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    if x.dtype == tf.float64:
        return _exact_batch_norm(x, weights, now)
    scale, shift, *moved = weights
    mean, variance = ([], []) if now.training else moved
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=shift,
        mean=mean,
        variance=variance,
        epsilon=now.epsilon,
        is_training=now.training,
    )
    if now.training:
        # What the fused kernel gives for the moving average is divided by n - 1, Keras's by n.
        n = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        now.statistics.append((mean, variance * ((n - 1.0) / n)))
    return y


def _exact_batch_norm(x: Any, weights: list, now: Pass) -> Any:
    """For comparisons in float64, which the fused kernel does not know."""
    scale, shift, *moved = (tf.cast(w, x.dtype) for w in weights)
    mean, variance = tf.nn.moments(x, (0, 1, 2)) if now.training else moved
    if now.training:
        now.statistics.append((tf.cast(mean, tf.float32), tf.cast(variance, tf.float32)))
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, now.epsilon)


def _conv(conv: p.Conv, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    kernel = tf.cast(weights[0], x.dtype)
    return tf.nn.conv2d(x, kernel, conv.stride, conv.padding.upper())


def _separable_conv(conv: p.SeparableConv, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    spatial, pointwise = (tf.cast(w, x.dtype) for w in weights)
    x = depthwise(x, spatial, conv.stride, conv.padding.upper(), conv.dilation)
    return tf.nn.conv2d(x, pointwise, 1, "VALID")


def _pool(pool: p.Pool, inputs: list, weights: list, now: Pass) -> Any:
    x, padding = inputs[0], pool.padding.upper()
    if pool.counts_zeros:
        rows, columns = pool.zeros((x.shape[1], x.shape[2]))
        x, padding = tf.pad(x, [(0, 0), rows, columns, (0, 0)]), "VALID"
    kind = tf.nn.avg_pool2d if pool.mean else tf.nn.max_pool2d
    return kind(x, pool.kernel, pool.stride, padding)


def _pad(pad: p.Pad, inputs: list, weights: list, now: Pass) -> Any:
    rows, columns = pad.zeros
    return tf.pad(inputs[0], [(0, 0), (rows, rows), (columns, columns), (0, 0)])


def _pad_to(pad: p.PadTo, inputs: list, weights: list, now: Pass) -> Any:
    rows, columns = pad.zeros((inputs[0].shape[1], inputs[0].shape[2]))
    return tf.pad(inputs[0], [(0, 0), rows, columns, (0, 0)])


def _resize(resize: p.Resize, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    rows, columns = (n * resize.up for n in x.shape[1:3])
    if resize.up > 1:
        x = tf.raw_ops.ResizeNearestNeighbor(images=x, size=[rows, columns])
    if max(resize.crop):
        x = tf.slice(x, [0] * 4, [-1, rows - resize.crop[0], columns - resize.crop[1], -1])
    # A pool and not an index, whose gradient is an order slower on a CPU.
    return tf.nn.avg_pool2d(x, 1, resize.down, "SAME") if resize.down > 1 else x


def _fit_channels(fit: p.FitChannels, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    more = fit.filters - x.shape[-1]
    if more > 0:
        return tf.pad(x, [(0, 0)] * 3 + [(0, more)])
    return tf.slice(x, [0] * 4, [-1, -1, -1, fit.filters])


def _shift(_: p.Shift, inputs: list, weights: list, now: Pass) -> Any:
    # `tf.slice` and not an index: the gradient of an index is an order slower on a CPU.
    moved = tf.slice(inputs[0], [0, 1, 1, 0], [-1, -1, -1, -1])
    return tf.pad(moved, [(0, 0), (0, 1), (0, 1), (0, 0)])


def _add(_: p.Add, inputs: list, weights: list, now: Pass) -> Any:
    return tf.add_n(inputs)


def _weighted_sum(_: p.WeightedSum, inputs: list, weights: list, now: Pass) -> Any:
    factors = tf.unstack(tf.cast(weights[0], inputs[0].dtype), num=len(inputs))
    return tf.add_n([factor * x for factor, x in zip(factors, inputs, strict=True)])


def _concat(_: p.Concat, inputs: list, weights: list, now: Pass) -> Any:
    return tf.concat(inputs, axis=-1)


def _drop_path(drop: p.DropPath, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    if not now.training:
        return x
    keep = 1.0 - now.progress * (1.0 - drop.keep)
    draw = tf.random.stateless_uniform([tf.shape(x)[0], 1, 1, 1], now.seed)
    return x * tf.cast(tf.floor(keep + draw) / keep, x.dtype)


def _dropout(dropout: p.Dropout, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    return tf.nn.experimental.stateless_dropout(x, dropout.rate, now.seed) if now.training else x


def _global_pool(_: p.GlobalPool, inputs: list, weights: list, now: Pass) -> Any:
    return tf.reduce_mean(inputs[0], axis=(1, 2))


def _flatten(_: p.Flatten, inputs: list, weights: list, now: Pass) -> Any:
    x = inputs[0]
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])


def _dense(dense: p.Dense, inputs: list, weights: list, now: Pass) -> Any:
    y = tf.matmul(tf.cast(inputs[0], tf.float32), weights[0])
    return y + weights[1] if dense.bias else y


_FUNCTIONS: dict[type[p.Primitive], Callable[..., Any]] = {
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
    p.WeightedSum: _weighted_sum,
    p.Concat: _concat,
    p.DropPath: _drop_path,
    p.Dropout: _dropout,
    p.GlobalPool: _global_pool,
    p.Flatten: _flatten,
    p.Dense: _dense,
}
