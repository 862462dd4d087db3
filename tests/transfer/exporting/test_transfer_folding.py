"""Batch norms folded into convolutions: the same function as the network as it was trained."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from cells.genotype import catalogue
from cells.network import presets
from cells.network.build import build_network
from transfer.exporting import batch_norm_folding, frozen_graph

LAYERS = keras.layers


def with_random_norms(model):
    """A fresh batch norm does almost nothing, so one left out would not show."""
    rng = np.random.default_rng(0)
    for norm in norms(model):
        norm.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in norm.get_weights()])
        norm.moving_mean.assign(rng.normal(0.0, 0.1, norm.moving_mean.shape))
    return model


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, LAYERS.BatchNormalization)]


def assert_same(folded, model):
    shape = (3, *model.input_shape[1:])
    images = np.random.default_rng(1).uniform(-1, 1, shape).astype("float32")
    expected = np.asarray(model(images, training=False))
    assert np.ptp(expected) > 0
    given = np.asarray(folded(images))
    assert np.max(np.abs(given - expected)) <= 1e-5 * np.max(np.abs(expected))


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("nasnet_a", "imagenet_mobile"),
        ("pnasnet_5", "cifar"),
        ("amoebanet_d", "cifar"),
        ("darts_v2", "cifar"),
        ("enas", "cifar"),
    ],
)
def test_networks_of_the_catalogue_keep_no_batch_norm_and_their_logits(name, network):
    genotype = catalogue.load(name)
    size = (32, 32) if network == "cifar" else (64, 64)
    small = {"normal_cells": 1, "filters": 8, "stem_filters": 8, "num_classes": 7}
    config = presets.configure(genotype, network, image_size=size, **small)
    model = with_random_norms(build_network(genotype, config, keras))
    before = [layer.get_weights() for layer in model.layers]
    folded = batch_norm_folding.fold(model)
    assert norms(model) and not norms(folded)
    assert folded.count_params() < model.count_params()
    assert_same(folded, model)
    if name == "nasnet_a":  # It has sums that are read by a relu and by others.
        assert_same(tf.function(frozen_graph.frozen(folded)), model)
    for layer, weights in zip(model.layers, before, strict=True):
        np.testing.assert_equal(layer.get_weights(), weights)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_every_kind_of_batch_norm_and_convolution(scale, center, bias):
    x = image = keras.Input((8, 8, 3))
    for layer in (
        LAYERS.Conv2D(4, 3, use_bias=bias, bias_initializer="ones"),
        LAYERS.SeparableConv2D(5, 3, use_bias=bias, bias_initializer="ones"),
    ):
        norm = LAYERS.BatchNormalization(scale=scale, center=center, epsilon=0.1)
        x = LAYERS.Activation("relu")(norm(layer(x)))
    model = with_random_norms(keras.Model(image, LAYERS.Flatten()(x)))
    folded = batch_norm_folding.fold(model)
    assert not norms(folded)
    assert_same(folded, model)


def test_batch_norms_that_convolutions_cannot_take_stay():
    image = keras.Input((8, 8, 3))
    norm = LAYERS.BatchNormalization

    def conv(name, **settings):
        return LAYERS.Conv2D(4, 1, name=name, **settings)

    read_twice = conv("read_twice")(image)
    beside = conv("beside")(image)
    joined = LAYERS.Concatenate()([beside, LAYERS.MaxPooling2D(1)(conv("pooled")(image))])
    given = conv("given")(image)
    maps = [
        norm(name="of_two_readers")(read_twice),
        read_twice,
        norm(name="of_relu")(conv("activated", activation="relu")(image)),
        norm(name="of_half_a_concatenation")(joined),
        norm(name="of_an_output")(given),
        norm(name="of_a_convolution")(conv("alone")(image)),
        norm(name="of_the_image")(image),
    ]
    model = with_random_norms(
        keras.Model(image, [LAYERS.Flatten()(LAYERS.Concatenate()(maps)), given])
    )
    folded = batch_norm_folding.fold(model)
    assert {n.name for n in norms(model)} - {n.name for n in norms(folded)} == {"of_a_convolution"}
    pixels = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    for ours, theirs in zip(folded(pixels), model(pixels, training=False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
