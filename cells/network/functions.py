"""Primitives as plain TensorFlow functions of tensors: no layers, no variables.

The second reading of the same graph that `cells.network.keras_layers` turns into a Keras model.
Weights come as arguments, in Keras's order and layout, so what is compiled from these functions
serves every network that has such a piece.
"""

from __future__ import annotations

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
    x = inputs[0]
    match primitive:
        case p.Relu():
            return tf.nn.relu(x)
        case p.BatchNorm():
            norm = _exact_batch_norm if x.dtype == tf.float64 else _batch_norm
            return norm(x, weights, now)
        case p.Conv(_, stride, padding):
            return tf.nn.conv2d(x, tf.cast(weights[0], x.dtype), stride, padding.upper())
        case p.SeparableConv(_, stride, padding, _, dilation):
            spatial, pointwise = (tf.cast(w, x.dtype) for w in weights)
            x = depthwise(x, spatial, stride, padding.upper(), dilation)
            return tf.nn.conv2d(x, pointwise, 1, "VALID")
        case p.Pool():
            return _pool(primitive, x)
        case p.Pad((rows, columns)):
            return tf.pad(x, [(0, 0), (rows, rows), (columns, columns), (0, 0)])
        case p.PadTo():
            return tf.pad(x, [(0, 0), *primitive.zeros((x.shape[1], x.shape[2])), (0, 0)])
        case p.Resize():
            return _resize(primitive, x)
        case p.FitChannels(filters):
            more = filters - x.shape[-1]
            if more > 0:
                return tf.pad(x, [(0, 0)] * 3 + [(0, more)])
            return tf.slice(x, [0] * 4, [-1, -1, -1, filters])
        case p.Shift():
            # `tf.slice` and not an index: the gradient of an index is an order slower on a CPU.
            moved = tf.slice(x, [0, 1, 1, 0], [-1, -1, -1, -1])
            return tf.pad(moved, [(0, 0), (0, 1), (0, 1), (0, 0)])
        case p.Add():
            return tf.add_n(inputs)
        case p.WeightedSum():
            factors = tf.unstack(tf.cast(weights[0], x.dtype), num=len(inputs))
            return tf.add_n([factor * each for factor, each in zip(factors, inputs, strict=True)])
        case p.Concat():
            return tf.concat(inputs, axis=-1)
        case p.DropPath(last) if now.training:
            keep = 1.0 - now.progress * (1.0 - last)
            draw = tf.random.stateless_uniform([tf.shape(x)[0], 1, 1, 1], now.seed)
            return x * tf.cast(tf.floor(keep + draw) / keep, x.dtype)
        case p.Dropout(rate) if now.training:
            return tf.nn.experimental.stateless_dropout(x, rate, now.seed)
        case p.DropPath() | p.Dropout():
            return x
        case p.GlobalPool():
            return tf.reduce_mean(x, axis=(1, 2))
        case p.Flatten():
            return tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])
        case p.Dense(_, bias):
            y = tf.matmul(tf.cast(x, tf.float32), weights[0])
            return y + weights[1] if bias else y
    raise TypeError(f"{primitive} is no function")


def _batch_norm(x: Any, weights: list, now: Pass) -> Any:
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


def _pool(pool: p.Pool, x: Any) -> Any:
    padding = pool.padding.upper()
    if pool.counts_zeros:
        rows, columns = pool.zeros((x.shape[1], x.shape[2]))
        x, padding = tf.pad(x, [(0, 0), rows, columns, (0, 0)]), "VALID"
    kind = tf.nn.avg_pool2d if pool.mean else tf.nn.max_pool2d
    return kind(x, pool.kernel, pool.stride, padding)


def _resize(resize: p.Resize, x: Any) -> Any:
    rows, columns = (n * resize.up for n in x.shape[1:3])
    if resize.up > 1:
        x = tf.raw_ops.ResizeNearestNeighbor(images=x, size=[rows, columns])
    if max(resize.crop):
        x = tf.slice(x, [0] * 4, [-1, rows - resize.crop[0], columns - resize.crop[1], -1])
    # A pool and not an index, whose gradient is an order slower on a CPU.
    return tf.nn.avg_pool2d(x, 1, resize.down, "SAME") if resize.down > 1 else x
