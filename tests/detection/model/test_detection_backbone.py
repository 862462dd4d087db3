"""Levels of any stack, weights of other libraries, and what stays as it is in training."""

from __future__ import annotations

import dataclasses
import logging
import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.vision.configs import common

from cells.genotype import catalogue, genotype_file
from cells.kinds import files as kinds
from cells.network import presets
from cells.network.build import build_network
from cells.network.stack import stack
from cells.operations.families import FAMILIES
from cells.support.errors import UserError
from cells.weights import import_weights, weights_file
from cells.weights.by_layer import weighted_layers
from detection.model import backbone_weights
from detection.training import complete
from detection.training.task import CellsRetinaNetTask
from transfer.config.cells_backbone import Backbone, CellBackbone, build_backbone, levels_of
from transfer.training import checkpoints


def randomise(model, seed):
    """Weights of the size that training leaves, so that no layer is without effect."""
    random = np.random.default_rng(seed)
    for layer in weighted_layers(model):
        if "BatchNorm" in type(layer).__name__:
            shape = layer.weights[0].shape
            draws = [random.uniform(0.8, 1.2, shape), *random.normal(0, 0.1, (2, *shape))]
            layer.set_weights([*draws, random.uniform(0.8, 1.2, shape)])


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """NASNet-A mobile of Keras Applications, and our backbone with its weights."""
    folder = tmp_path_factory.mktemp("imported")
    theirs = tf_keras.applications.NASNetMobile(
        input_shape=(224, 224, 3), include_top=False, weights=None
    )
    randomise(theirs, seed=1)
    theirs.save_weights(folder / "mobile.h5")
    path = str(folder / "mobile.safetensors")
    found = import_weights("keras_applications", str(folder / "mobile.h5"), "nasnet_a")
    weights_file.write(found.weights, path)
    settings = CellBackbone(min_level=2, max_level=5)
    backbone_weights.follow_weights_file(settings, path)
    # Keras Applications pads by the size of each map, so this border rule needs the size.
    size = tf_keras.layers.InputSpec(shape=[None, 224, 224, 3])
    ours = build_backbone(size, Backbone(type="cells", cells=settings), common.NormActivation())
    return theirs, ours, settings, checkpoints.take_weights(path, ours)


@pytest.mark.parametrize(
    ("network", "deepest"), [("cifar", 2), ("cifar_pooled", 3), ("cifar_transitions", 3)]
)
def test_small_stacks_have_as_many_levels_as_they_halve(network, deepest):
    genotype = catalogue.load("hand_written")
    config = presets.configure(genotype, network, normal_cells=1, filters=4)
    levels = levels_of(CellBackbone(min_level=1, max_level=deepest), config)
    outputs = stack(genotype, config).outputs
    for level, name in levels.items():
        assert outputs[name].stride == (2 ** int(level),) * 2
    with pytest.raises(UserError, match=f"the {config.stem} stack has levels 1 to {deepest}"):
        levels_of(CellBackbone(min_level=1, max_level=deepest + 1), config)


def test_level_5_is_what_the_classifier_sees_to_1e_5(imported):
    theirs, ours, settings, moved = imported
    assert settings.border_rule == "keras"
    assert not moved.missing and not moved.unfit and not moved.unused
    assert len(moved.moved) == len(weighted_layers(ours)) > 300
    image = tf.random.stateless_uniform([1, 224, 224, 3], (1, 2), -1.0, 1.0)
    expected = theirs(image, training=False).numpy()
    given = ours(image, training=False)["5"].numpy()
    assert expected.shape == given.shape == (1, 7, 7, 1056)
    assert np.abs(given - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 0.01


@pytest.fixture(scope="module")
def of_any_size():
    settings = CellBackbone(genotype="nasnet_a", normal_cells=1, min_level=2, max_level=5)
    return build_backbone(
        tf_keras.layers.InputSpec(shape=[None, None, None, 3]),
        Backbone(type="cells", cells=settings),
        common.NormActivation(),
    )


@pytest.mark.parametrize("size", [256, 600, 641])
def test_other_sizes_run_through_the_backbone_alone(of_any_size, size):
    image = tf.random.stateless_uniform([1, size, size // 2, 3], (1, 2), -1.0, 1.0)
    maps = of_any_size(image, training=False)
    for axis, pixels in ((1, size), (2, size // 2)):
        # The stem's convolution is "valid", everything behind it halves and rounds up.
        pixels = (pixels - 3) // 2 + 1
        for level in range(2, 6):
            pixels = math.ceil(pixels / 2)
            assert maps[str(level)].shape[axis] == pixels


@pytest.mark.parametrize("stacking", sorted(FAMILIES))
def test_every_stacking_family_has_levels_2_to_5(genotype_path, tmp_path, stacking):
    path = tmp_path / "genotype.json"
    genotype = dataclasses.replace(genotype_file.read(genotype_path), stacking=stacking)
    kinds.write(genotype, path)
    settings = CellBackbone(genotype=str(path), normal_cells=2, filters=8, min_level=2, max_level=5)
    model = build_backbone(
        tf_keras.layers.InputSpec(shape=[None, 64, 96, 3]),
        Backbone(type="cells", cells=settings),
        common.NormActivation(),
    )
    sizes = {key: tuple(shape[1:3]) for key, shape in model.output_specs.items()}
    assert sizes == {"2": (16, 24), "3": (8, 12), "4": (4, 6), "5": (2, 3)}
    assert model(tf.zeros([1, 64, 96, 3]))["5"].shape[1:3] == (2, 3)


@pytest.fixture(scope="module")
def small_weights(genotype_path, tmp_path_factory):
    """A weights file of a classifier with the stack of the small detector."""
    genotype = genotype_file.read(genotype_path)
    config = presets.configure(
        genotype,
        "imagenet_mobile",
        normal_cells=1,
        filters=8,
        stem_filters=32,
        num_classes=5,
        border_rule="timm",
        batch_norm_epsilon=0.002,
    )
    model = build_network(genotype, config, tf_keras)
    randomise(model, seed=2)
    layers = {layer.name: layer.get_weights() for layer in weighted_layers(model)}
    path = str(tmp_path_factory.mktemp("weights") / "small.safetensors")
    weights_file.write(weights_file.WeightsFile(genotype, config, layers, "a test"), path)
    return path, layers


def test_a_detector_takes_a_weights_file_and_says_what_it_left(small, small_weights, caplog):
    path, layers = small_weights
    frozen = {"init_checkpoint": path, "freeze_stem": True, "freeze_batch_norm": True}
    # With all groups, so that the classifier alone is left over.
    deep = {"max_level": 5, "backbone": {"cells": {"max_level": 5}}}
    params = small({"task": {**frozen, "model": deep}})
    complete.resolve(params)
    cells = params.task.model.backbone.cells
    assert (cells.border_rule, cells.batch_norm_epsilon) == ("timm", 0.002)
    task = CellsRetinaNetTask(params.task)
    model = task.build_model()
    with caplog.at_level(logging.WARNING, logger="absl"):
        task.initialize(model)
    ours = weighted_layers(model.backbone)
    for layer in ours:
        for given, expected in zip(layer.get_weights(), layers[layer.name], strict=True):
            np.testing.assert_array_equal(given, expected)
    assert f"loaded the weights of {len(ours)} layers" in caplog.text
    assert "of the source, not used: logits" in caplog.text

    trainable = {weight.name for weight in model.backbone.trainable_weights}
    assert trainable
    assert not any(name.startswith("stem_") or "_bn" in name for name in trainable)
    statistics = [w for w in model.backbone.weights if "moving_" in w.name]
    before = [w.numpy() for w in statistics]
    model(tf.random.stateless_uniform([2, 64, 64, 3], (1, 2), -2.0, 2.0), training=True)
    assert all((a == b.numpy()).all() for a, b in zip(before, statistics, strict=True))
    # Decoder and head learn all the same.
    assert any("box" in w.name or "class" in w.name for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"genotype": "nasnet_a"}, "has the weights of 'small', another genotype than 'nasnet_a'"),
        ({"filters": 16}, "was trained with filters 8, and task.model.backbone.cells has 16"),
        ({"border_rule": "tensorflow"}, "was trained with border_rule timm"),
    ],
)
def test_weights_of_another_network_are_refused(small, small_weights, cells, sentence):
    task = {"init_checkpoint": small_weights[0], "model": {"backbone": {"cells": cells}}}
    with pytest.raises(UserError, match=sentence):
        complete.resolve(small({"task": task}))


def test_nas_fpn_reaches_level_7(small):
    model = {
        "input_size": [128, 128, 3],
        "max_level": 7,
        "decoder": {"type": "nasfpn", "nasfpn": {"num_filters": 16, "num_repeats": 1}},
    }
    params = small({"task": {"model": model}})
    complete.resolve(params)
    built = CellsRetinaNetTask(params.task).build_model()
    outputs = built(tf.zeros([1, 128, 128, 3]), training=False)["cls_outputs"]
    sizes = {level: tuple(scores.shape[1:3]) for level, scores in outputs.items()}
    assert sizes == {"3": (16, 16), "4": (8, 8), "5": (4, 4), "6": (2, 2), "7": (1, 1)}
