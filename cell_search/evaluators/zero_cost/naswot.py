"""NASWOT: how differently ReLUs see different images (Mellor et al. 2021, section 3)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe


def naswot(probe: Probe) -> float:
    """Logarithm of |det K|; K_ij is in how many units the codes of images i and j are equal.

    The code of an image has one binary digit for each unit in front of a ReLU: whether it is
    positive. Where two images have one code, K is singular and the score is minus infinity.

    Args:
        probe: the child at initialisation.
    """
    kernel = sum(_agreements()(state).numpy().astype(np.float64) for state in probe.activated)
    return float(np.linalg.slogdet(kernel)[1])


@functools.cache
def _agreements() -> Any:
    """Compiled: equal digits of each pair of images, float32 `(batch, batch)`; whole numbers up to
    2^24 are exact."""
    import tensorflow as tf

    def count(state: Any) -> Any:
        codes = tf.reshape(tf.cast(state > 0, tf.float32) * 2.0 - 1.0, [tf.shape(state)[0], -1])
        units = tf.cast(tf.shape(codes)[1], tf.float32)
        # The product of two signs is 1 where they are equal, else -1.
        return (tf.matmul(codes, codes, transpose_b=True) + units) / 2.0

    return tf.function(count, autograph=False, reduce_retracing=True)
