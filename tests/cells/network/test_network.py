"""The built networks: both namespaces, any size, drop path, weights by name."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from genotype_strategies import random_genotypes
from hypothesis import HealthCheck, given, settings
from network_comparisons import randomise_statistics, relative

from cells.genotype import catalogue
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network import presets
from cells.network.build import build_network
from cells.network.stack import stack
from cells.operations.counts import summarize
from cells.weights.by_layer import move_weights, weighted_layers

NASNET = catalogue.load("nasnet_a")
PNASNET = catalogue.load("pnasnet_5")
#: The operations of NASNet-A's cells in three blocks, for what depends on these.
_BLOCKS = (
    Block(Side(0, "sep_conv_7x7"), Side(1, "max_pool_3x3")),
    Block(Side(1, "sep_conv_5x5"), Side(0, "avg_pool_3x3")),
    Block(Side(1, "sep_conv_3x3"), Side(0, "identity")),
)
OPERATIONS = Genotype("operations", Cell(_BLOCKS, (0, 2, 3, 4)), Cell(_BLOCKS, (2, 3, 4)))
#: Two blocks a cell, for what does not depend on them.
FEW = catalogue.load("hand_written")
SMALL = {"normal_cells": 1, "filters": 8}


@pytest.fixture(autouse=True)
def _fresh_session():
    yield
    # Building network after network costs memory each time unless the session is cleared.
    keras.utils.clear_session()
    tf_keras.backend.clear_session()


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


@pytest.mark.parametrize(
    ("genotype", "network"),
    [
        (NASNET, "cifar"),
        (NASNET, "cifar_pooled"),
        (NASNET, "cifar_transitions"),
        (FEW, "cifar_transitions, group 2 empty"),
        (NASNET, "imagenet_mobile"),
        (PNASNET, "imagenet_mobile"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_both_namespaces_give_equal_logits(genotype, network):
    network, _, empty = network.partition(", ")
    own = {**SMALL, "empty_group": 2 if empty else 0, "image_size": (64, 64)}
    config = presets.configure(genotype, network, **own)
    ours = build_network(genotype, config, keras)
    randomise_statistics(ours)
    theirs = build_network(genotype, config, tf_keras)
    assert type(theirs).__module__.startswith("tf_keras")
    moved = move_weights(ours, theirs)
    assert not moved.missing and not moved.unused and not moved.unfit
    x = images(2, 64, 64, 3)
    assert relative(theirs(x), ours(x)) < 1e-5


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_genotypes(max_blocks=3))
def test_random_genotypes_agree_in_both_namespaces_and_with_the_count(genotype):
    config = presets.configure(genotype, "cifar", image_size=(33, 47), **SMALL)
    ours = build_network(genotype, config, keras)
    randomise_statistics(ours)
    theirs = build_network(genotype, config, tf_keras)
    move_weights(ours, theirs)
    x = images(1, 33, 47, 3)
    assert relative(theirs(x), ours(x)) < 1e-5
    counts = summarize(stack(genotype, config), ("logits",), None)
    trainable = sum(int(np.prod(w.shape)) for w in ours.trainable_weights)
    assert (trainable, ours.count_params()) == (counts.trainable, counts.total)
    keras.utils.clear_session()
    tf_keras.backend.clear_session()


def test_multiply_adds_equal_those_of_the_traced_graph():
    config = presets.configure(NASNET, "imagenet_mobile", image_size=(75, 96), **SMALL)
    model = build_network(NASNET, config, keras)
    traced = tf.function(lambda x: model(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, 75, 96, 3))
    )
    products = 0
    for op in traced.graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative"):
            height, width, channels = op.inputs[1].shape[:3]
            filters = op.inputs[1].shape[3]
            products += int(np.prod(op.outputs[0].shape[1:3])) * height * width * channels * filters
        elif op.type == "MatMul":
            products += int(np.prod(op.inputs[1].shape))
    counted = summarize(stack(NASNET, config), ("logits",), (75, 96))
    assert products == counted.multiply_adds


@pytest.mark.parametrize(
    "network", ["cifar", "cifar_pooled", "cifar_transitions", "imagenet_mobile"]
)
def test_any_size_has_one_list_of_weights_and_equals_the_static_build(network):
    config = presets.configure(OPERATIONS, network, **SMALL)
    dynamic = build_network(OPERATIONS, config.replace(image_size=None), keras)
    randomise_statistics(dynamic)
    shapes = [(w.path, tuple(w.shape)) for w in dynamic.weights]
    # Even and odd sides together at every reduction.
    for size in [(32, 32), (33, 47), (47, 64), (130, 75)]:
        static = build_network(OPERATIONS, config.replace(image_size=size), keras)
        assert [(w.path, tuple(w.shape)) for w in static.weights] == shapes, size
        static.set_weights(dynamic.get_weights())
        x = images(1, *size, 3)
        assert relative(dynamic(x), static(x)) < 1e-5, size


def test_drop_path_follows_its_progress_and_spares_inference():
    config = presets.configure(FEW, "cifar", drop_path_keep=0.5, **SMALL)
    x = images(4, 32, 32, 3)
    for namespace in (keras, tf_keras):
        model = build_network(FEW, config, namespace)
        plain = build_network(FEW, config.replace(drop_path_keep=1.0), namespace)
        # Nothing is added to the weights. Their order over the whole model differs, since Keras
        # sorts layers by depth: weights go by layer name.
        assert len(model.weights) == len(plain.weights)
        moved = move_weights(model, plain)
        assert not moved.missing and not moved.unused and not moved.unfit
        assert relative(model(x, training=False), plain(x, training=False)) < 1e-6
        before = model.get_weights()
        assert relative(model(x, training=True), model(x, training=True)) < 1e-5
        model.set_weights(before)
        model.drop_path_progress().assign(1.0)
        assert relative(model(x, training=True), model(x, training=True)) > 1e-3


def test_drop_path_keeps_the_mean_and_drops_whole_examples():
    from cells.network.drop_path import progress_variable, scheduled_drop_path

    progress = progress_variable()
    layer = scheduled_drop_path(keras)(0.6, progress)
    x = tf.ones((20_000, 2, 2, 3))
    for part, keep in ((0.0, 1.0), (0.5, 0.8), (1.0, 0.6), (7.0, 0.6)):
        progress.assign(part)
        y = layer(x, training=True).numpy()
        per_example = y.reshape(len(y), -1)
        assert (per_example.min(axis=1) == per_example.max(axis=1)).all()
        assert set(np.round(np.unique(y), 4)) <= {0.0, np.round(np.float32(1 / keep), 4)}
        # Three standard errors of a Bernoulli mean.
        error = 3 * np.sqrt(keep * (1 - keep) / len(y)) + 1e-6
        assert abs((per_example[:, 0] > 0).mean() - keep) <= error


def test_weights_cross_heads_by_name():
    config = presets.configure(FEW, "cifar", auxiliary_head=True, num_classes=10, **SMALL)
    source = build_network(FEW, config, tf_keras)
    config = presets.configure(FEW, "cifar", num_classes=7, **SMALL)
    target = build_network(FEW, config, keras)
    moved = move_weights(source, target)
    assert moved.unfit == ("logits",) and not moved.missing
    assert moved.unused and all(n.startswith("auxiliary_") for n in moved.unused)
    theirs = {layer.name: layer for layer in weighted_layers(source)}
    for layer in weighted_layers(target):
        if layer.name != "logits":
            for a, b in zip(layer.get_weights(), theirs[layer.name].get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_saved_network_predicts_the_same_in_keras(tmp_path):
    config = presets.configure(NASNET, "cifar", **SMALL)
    model = build_network(NASNET, config, keras)
    randomise_statistics(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = images(2, 32, 32, 3)
    assert relative(again(x), model(x)) < 1e-6


def test_l2_is_in_the_losses_of_every_kernel():
    config = presets.configure(FEW, "cifar", **SMALL)
    for namespace in (keras, tf_keras):
        model = build_network(FEW, config, namespace, l2=0.5)
        kernels = [w for w in model.trainable_weights if len(w.shape) > 1]
        expected = 0.5 * sum(float(tf.reduce_sum(tf.square(w))) for w in kernels)
        assert float(tf.add_n(model.losses)) == pytest.approx(expected, rel=1e-4)
