"""Synaptic flow: how much passes through a network of positive weights (Tanaka et al. 2020)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe


def synflow(probe: Probe) -> float:
    """Logarithm of the sum over all kernels of |w * dR/dw|, where R is the sum of the logits of an
    image of ones, with the absolute values of all weights (Tanaka et al. 2020, section 5).

    Batch norms are left out, as in Abdelfattah et al. 2021. In float64: sums of products along
    the paths of a network with a hundred layers are beyond float32. One image goes through the
    primitives as they are, since compiling them without batch norms would cost more.

    Args:
        probe: the child at initialisation.
    """
    import tensorflow as tf

    from cells.network import functions
    from cells.operations.primitives import BatchNorm, Dense

    child = probe.child
    absolute = np.abs(child.trained.numpy()).astype(np.float64)
    weights = [[[tf.constant(w) for w in ws] for ws in place] for place in probe.weights(absolute)]
    kernels = [w for place in weights for ws in place for w in ws if w.shape.rank > 1]
    now = functions.Pass(training=False)
    states = {child.image: tf.ones([1, *probe.images.shape[1:]], tf.float64)}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(kernels)
        for place, of_place in zip(child.places, weights, strict=True):
            read = [states[name] for name in place.reads]
            for primitive, own in zip(place.piece.primitives, of_place, strict=True):
                if isinstance(primitive, Dense):
                    # Its plain function is float32 always.
                    read = [tf.matmul(read[0], own[0])]
                elif not isinstance(primitive, BatchNorm):
                    read = [functions.apply(primitive, read, own, now)]
            (states[place.gives],) = read
        flow = tf.reduce_sum(states[child.outputs[0]])
    gradients = tape.gradient(flow, kernels, unconnected_gradients="zero")
    total = sum(
        float(np.sum(kernel.numpy() * gradient.numpy()))
        for kernel, gradient in zip(kernels, gradients, strict=True)
    )
    if not math.isfinite(total):
        raise FloatingPointError("synflow is beyond float64; use fewer cells or filters")
    return math.log(total)
