"""NASNet-A mobile against `keras.applications.NASNetMobile` with the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras.src.applications.nasnet import NASNet
from network_comparisons import photographs, randomise_statistics, relative

from cells.genotype import catalogue
from cells.network import presets
from cells.network.build import build_network
from cells.weights.by_layer import move_weights, weighted_layers
from cells.weights.keras_applications import keras_layer_name

NASNET = catalogue.load("nasnet_a")


def compare(
    theirs: keras.Model,
    size: int,
    *,
    network: str = "imagenet_mobile",
    normal_cells: int = 4,
    top: bool = True,
    rules: tuple[str, ...] = ("keras", "tensorflow"),
) -> dict[str, float]:
    """Relative difference of our outputs to keras's, under each border rule."""
    randomise_statistics(theirs)
    x = photographs(size)
    expected = theirs(x)
    if top:  # keras ends in a softmax; its logits are wanted
        head = theirs.get_layer("predictions")
        features = keras.Model(theirs.input, head.input)(x)
        expected = features @ head.kernel + head.bias
    found = {}
    for rule in rules:
        config = presets.configure(
            NASNET,
            network,
            normal_cells=normal_cells,
            image_size=(size, size),
            border_rule=rule,
        )
        ours = build_network(NASNET, config if top else config.replace(num_classes=None), keras)
        names = {keras_layer_name(x.name, normal_cells): x.name for x in weighted_layers(ours)}
        moved = move_weights({names[x.name]: x for x in weighted_layers(theirs)}, ours)
        assert not moved.missing and not moved.unused and not moved.unfit
        found[rule] = relative(ours(x), expected)
    keras.utils.clear_session()
    return found


def test_logits_at_224():
    difference = compare(keras.applications.NASNetMobile(weights=None), 224)
    assert difference["keras"] <= 1e-4
    # Pools of stride 2 see the border otherwise: some percent of the features of NASNet-A.
    assert difference["tensorflow"] > 1e-3


def test_logits_of_the_large_network():
    """NASNet-A (6 @ 4032), whose stacking also skips an input of each reduction cell."""
    theirs = keras.applications.NASNetLarge(weights=None, input_shape=(96, 96, 3))
    large = {"network": "imagenet_large", "normal_cells": 6}
    assert compare(theirs, 96, **large, rules=("keras",))["keras"] <= 1e-4


def test_features_at_an_odd_size():
    """Of NASNetMobile with N = 1: all its reductions are there, of maps of 131, 66, 33, 17 and 9
    pixels; at 224 pixels, above, all but the last are of even ones."""
    size = 131
    theirs = NASNet(
        input_shape=(size, size, 3),
        penultimate_filters=1056,
        num_blocks=1,
        stem_block_filters=32,
        skip_reduction=False,
        include_top=False,
        weights=None,
        default_size=224,
    )
    difference = compare(theirs, size, normal_cells=1, top=False)
    assert difference["keras"] <= 1e-4
    assert difference["tensorflow"] > 1e-3


@pytest.mark.parametrize("size", [(9, 9), (10, 10), (7, 12)])
@pytest.mark.parametrize("mean", [False, True], ids=["max", "mean"])
def test_border_rules_of_a_pool_by_hand(size, mean):
    """3x3 pools of stride 2 written out in numpy: what each rule sees beyond the border."""
    from cells.network.keras_layers import LayerContext, apply
    from cells.operations.primitives import Pool

    x = np.random.default_rng(0).normal(size=(*size, 1)).astype("float32") - 2.0
    for rule in ("tensorflow", "timm", "keras"):
        image = keras.Input((*size, 1))
        pool = Pool((3, 3), (2, 2), mean=mean, border=rule)
        model = keras.Model(image, apply("pool", pool, [image], LayerContext(keras)))
        np.testing.assert_allclose(model(x[None])[0], by_hand(x, rule, mean), rtol=1e-5)


def by_hand(x: np.ndarray, rule: str, mean: bool) -> np.ndarray:
    out = np.zeros((-(-x.shape[0] // 2), -(-x.shape[1] // 2), 1))
    # "same" padding puts the odd pixel at the end: none before an even length.
    offsets = [1 if length % 2 else 0 for length in x.shape[:2]]
    for i, j in np.ndindex(*out.shape[:2]):
        top, left = 2 * i - offsets[0], 2 * j - offsets[1]
        inside = [
            x[r, c, 0]
            for r in range(top, top + 3)
            for c in range(left, left + 3)
            if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]
        ]
        beyond = [0.0] * (9 - len(inside))
        if mean:
            out[i, j] = np.mean(inside if rule == "tensorflow" else inside + beyond)
        else:
            out[i, j] = max(inside + beyond if rule == "keras" else inside)
    return out
