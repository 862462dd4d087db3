"""Initial weights of a child, of the same distributions as those of the Keras network."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from cell_search.children.pieces import Piece
from cells.operations.primitives import BatchNorm, Dense, Primitive

#: Standard deviation of a standard normal variable that is cut off at two of them.
_CUT_OFF = 0.87962566103423978


def initial_weights(pieces: Iterable[Piece], seed: int) -> tuple[Any, Any]:
    """Trained weights and batch-norm statistics, one float32 vector each.

    Convolutions: variance scaling by fan-out, factor 2, truncated normal; fully connected layers:
    Glorot and Bengio 2010, uniform; batch norms: the identity. See `cells.network.keras_layers`.

    Args:
        pieces: in the order of computation.
        seed: of the draws.
    """
    normal: list[np.ndarray] = []
    uniform: list[np.ndarray] = []
    constant: list[np.ndarray] = []
    # Pieces need not have batch norms.
    moved: list[np.ndarray] = [np.zeros(0, np.float32)]
    for piece in pieces:
        for primitive, shapes, statistics in zip(
            piece.primitives, piece.trained, piece.moved, strict=True
        ):
            for number, shape in enumerate(shapes):
                size = math.prod(shape)
                for scales, scale in zip(
                    (normal, uniform, constant), _scales(primitive, shape, number), strict=True
                ):
                    scales.append(np.full(size, scale, np.float32))
            # Mean 0, variance 1.
            moved += [np.full(shape, i, np.float32) for i, shape in enumerate(statistics)]
    trained = np.concatenate(constant)
    key = np.random.SeedSequence(seed).generate_state(2).view("i4")
    return _drawn(trained, np.concatenate(normal), np.concatenate(uniform), key), tf.constant(
        np.concatenate(moved)
    )


def _scales(primitive: Primitive, shape: tuple[int, ...], number: int) -> tuple[float, ...]:
    """Standard deviation of a normal, half width of a uniform distribution, and constant."""
    if isinstance(primitive, BatchNorm):
        return 0.0, 0.0, 1.0 - number
    if len(shape) == 1:
        return 0.0, 0.0, 0.0
    if isinstance(primitive, Dense):
        return 0.0, math.sqrt(6.0 / (shape[0] + shape[1])), 0.0
    fan_out = math.prod(shape[:-2]) * shape[-1]
    return math.sqrt(2.0 / fan_out) / _CUT_OFF, 0.0, 0.0


@tf.function(
    autograph=False,
    input_signature=[*[tf.TensorSpec([None])] * 3, tf.TensorSpec([2], tf.int32)],
)
def _drawn(constant: Any, normal: Any, uniform: Any, key: Any) -> Any:
    size = tf.shape(constant)
    weights = constant + normal * tf.random.stateless_truncated_normal(size, key)
    return weights + uniform * tf.random.stateless_uniform(size, tf.add(key, [0, 1]), -1.0, 1.0)
