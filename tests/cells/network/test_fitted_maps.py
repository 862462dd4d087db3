"""Maps that are brought to another map's size and channels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from cells.network import functions
from cells.network.keras_layers import LayerContext, apply
from cells.operations.graph import Graph
from cells.operations.primitives import FitChannels, Input, Primitive, Resize

#: A primitive, and the size of its input.
CASES = {
    "doubled": (Resize(up=2), (3, 2)),
    "quadrupled for an image of 13x10": (Resize(up=4, crop=(3, 2)), (4, 3)),
    "halved": (Resize(down=2), (5, 4)),
    "a quarter": (Resize(down=4), (13, 10)),
    "as it is": (Resize(), (3, 4)),
    "truncated": (FitChannels(2), (3, 4)),
    "filled up": (FitChannels(5), (3, 4)),
}


def in_numpy(primitive: Primitive, x: np.ndarray) -> np.ndarray:
    """Element by element."""
    batch, rows, columns, channels = x.shape
    if isinstance(primitive, FitChannels):
        y = np.zeros((batch, rows, columns, primitive.filters), x.dtype)
        for c in range(min(channels, primitive.filters)):
            y[..., c] = x[..., c]
        return y
    shape = [
        -(-(n * primitive.up - crop) // primitive.down)
        for n, crop in zip((rows, columns), primitive.crop, strict=True)
    ]
    y = np.empty((batch, *shape, channels), x.dtype)
    for i in range(shape[0]):
        for j in range(shape[1]):
            y[:, i, j] = x[
                :, i * primitive.down // primitive.up, j * primitive.down // primitive.up
            ]
    return y


@pytest.mark.parametrize("case", CASES)
def test_they_are_what_numpy_computes_in_all_three_readings_of_a_graph(case):
    primitive, size = CASES[case]
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    expected = in_numpy(primitive, x)
    for namespace in (keras, tf_keras):
        image = namespace.Input((*size, 3))
        model = namespace.Model(image, apply("fit", primitive, [image], LayerContext(namespace)))
        np.testing.assert_array_equal(model(x), expected)
        assert model.layers[-1].name == "fit" and model.count_params() == 0
    ours = functions.apply(primitive, [tf.constant(x)], [], functions.Pass(training=True))
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("case", CASES)
def test_shapes_strides_and_counts_need_no_tensor(case):
    primitive, size = CASES[case]
    expected = in_numpy(primitive, np.zeros((1, *size, 3))).shape
    assert (*primitive.out_size(size), primitive.out_channels((3,))) == expected[1:]
    assert primitive.trainable(3) == primitive.statistics(3) == 0
    assert primitive.multiply_adds(3, size) == 0


def test_a_map_that_was_resized_has_the_stride_of_the_other():
    graph = Graph()
    image = graph.add("image", Input())
    halved = graph.add("halved", Resize(down=4), image)
    doubled = graph.add("doubled", Resize(up=2, crop=(1, 1)), halved)
    assert (halved.stride, doubled.stride) == ((4, 4), (2, 2))
    sizes = graph.sizes((9, 9))
    assert (sizes["halved"], sizes["doubled"]) == ((3, 3), (5, 5))


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_a_pixel_is_what_was_made_of_it(case):
    primitive, size = CASES[case]
    x = np.random.default_rng(0).normal(size=(1, *size, 3))
    weights = np.random.default_rng(1).normal(size=in_numpy(primitive, x).shape)
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = functions.apply(primitive, [variable], [], functions.Pass(training=True))
        loss = tf.reduce_sum(weights * y)
    expected = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        one = np.zeros_like(x)
        one[at] = 1.0
        expected[at] = (weights * in_numpy(primitive, one)).sum()
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, atol=1e-12)
