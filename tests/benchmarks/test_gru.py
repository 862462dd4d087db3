"""The GRU that recurrent cells are compared with."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks import gru


def test_it_is_that_of_keras() -> None:
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(size=shape).astype(np.float32) for name, shape in gru.shapes(5).items()
    }
    x, h = rng.normal(size=(2, 3, 5)).astype(np.float32)
    cell = keras.layers.GRUCell(5, use_bias=False, reset_after=False)
    cell.build((3, 5))
    cell.set_weights([weights["kernel"], weights["recurrent_kernel"]])
    known = cell(x, [h])[0]
    found = gru.step(weights, tf.constant(x) @ weights["kernel"], tf.constant(h))
    np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-6)
