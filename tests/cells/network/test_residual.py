"""The residual yardstick: its counts, and one network in Keras 3 and tf_keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras
from network_comparisons import randomise_statistics, relative
from precision import both_in_float64

from cells.network.build import build_graph
from cells.network.residual import ResidualConfig, residual
from cells.operations.counts import summarize
from cells.support.errors import UserError
from cells.weights.by_layer import weighted_layers


def by_hand(config: ResidualConfig, size):
    """The network as one writes it in Keras, for comparison."""
    layers = keras.layers

    def block(x, filters):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(epsilon=1e-5)(x)
        return layers.ReLU()(x)

    image = keras.Input((*size, 3))
    x = block(image, config.filters)
    for stage in (1, 2, 3):
        x = layers.MaxPooling2D(2, padding="same")(block(x, config.filters * 2**stage))
        if stage != 2:
            x = x + block(block(x, x.shape[-1]), x.shape[-1])
    return keras.Model(image, layers.Dense(config.num_classes)(layers.GlobalAveragePooling2D()(x)))


@pytest.fixture
def float64():
    with both_in_float64():
        yield


def test_counts_are_those_of_the_network_that_the_yardstick_was_measured_with():
    graph = residual(ResidualConfig())
    counts = summarize(graph, ("logits",), (32, 32))
    assert counts.total == 414_074
    assert by_hand(ResidualConfig(), (32, 32)).count_params() == counts.total
    # The widely known network has four times the width and, with 10 classes, 6.6 million.
    assert summarize(residual(ResidualConfig(filters=64)), ("logits",), None).trainable == (
        9 * (3 * 64 + 64 * 128 + 2 * 128**2 + 128 * 256 + 256 * 512 + 2 * 512**2)
        + 2 * (64 + 3 * 128 + 256 + 3 * 512)
        + 512 * 10
        + 10
    )


@pytest.mark.parametrize("size", [(32, 32), (13, 22)])
def test_one_network_in_both_namespaces(size, float64):
    config = ResidualConfig(filters=4, image_size=size, num_classes=3)
    graph = residual(config)
    expected = by_hand(config, size)
    randomise_statistics(expected)
    x = np.random.default_rng(0).uniform(-1, 1, (4, *size, 3))
    logits = np.asarray(expected(x, training=False))
    assert np.ptp(logits, axis=0).min() > 0.0
    for namespace in (keras, tf_keras):
        model = build_graph(graph, config, namespace, name="residual")
        for layer, giver in zip(weighted_layers(model), weighted_layers(expected), strict=True):
            layer.set_weights(giver.get_weights())
        # Heads are float32 always.
        assert relative(model(x, training=False), logits) < 1e-6


def test_sizes_of_the_maps_are_halved_three_times():
    for size, last in (((32, 32), (4, 4)), ((96, 64), (12, 8)), ((5, 9), (1, 2))):
        graph = residual(ResidualConfig(image_size=size))
        assert graph.sizes(size)["stage_3_add"] == last
        assert graph.nodes["stage_3_add"].output.channels == 128
    dynamic = build_graph(
        residual(ResidualConfig(image_size=None)), ResidualConfig(image_size=None), keras, name="r"
    )
    assert dynamic(np.zeros((1, 17, 40, 3), "float32")).shape == (1, 10)


def test_what_cannot_be_is_told():
    with pytest.raises(UserError, match=r"image_size: 4x32 .* at least 5x5"):
        residual(ResidualConfig(image_size=(4, 32)))
    with pytest.raises(UserError, match="filters: 0 is too small"):
        residual(ResidualConfig(filters=0))
    with pytest.raises(UserError, match=r"dropout: 1.0 is not in \[0, 1\)"):
        residual(ResidualConfig(dropout=1.0))
