"""`import cells`: models in one call, and errors that name the argument."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
import pytest
from network_comparisons import randomise_statistics

import cells
from cells.network import presets
from cells.network.build import build_network
from cells.weights import weights_file
from cells.weights.by_layer import weighted_layers

SMALL = {"normal_cells": 1, "filters": 8}


@pytest.fixture(autouse=True)
def _fresh_session():
    yield
    keras.utils.clear_session()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[str, np.ndarray, np.ndarray]:
    """A weights file of a small network of 7 classes; images, and its own logits of them."""
    genotype = cells.load_genotype("nasnet_a")
    config = presets.configure(
        genotype, "cifar", num_classes=7, image_size=(24, 24), border_rule="keras", **SMALL
    )
    model = build_network(genotype, config, keras)
    randomise_statistics(model)
    layers = {layer.name: layer.get_weights() for layer in weighted_layers(model)}
    file = tmp_path_factory.mktemp("weights") / "small.safetensors"
    weights_file.write(weights_file.WeightsFile(genotype, config, layers), file)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 24, 24, 3)).astype("float32")
    return str(file), images, np.asarray(model(images))


def test_the_published_networks_have_the_papers_numbers_of_parameters():
    # Table 2 of Zoph et al. 2018, and Table 5 of Liu et al. 2018, in millions.
    assert round(cells.summarize("nasnet_a", "imagenet_mobile").trainable / 1e6, 1) == 5.3
    assert round(cells.summarize("nasnet_a", "imagenet_large").trainable / 1e6, 1) == 88.8
    assert round(cells.summarize("pnasnet_5", "imagenet_large").trainable / 1e6, 1) == 86.1


def test_pixels_are_scaled_as_keras_scales_those_of_nasnet():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    theirs = keras.applications.nasnet.preprocess_input(pixels.astype("float32"))
    for given in (pixels, pixels.tolist(), keras.ops.convert_to_tensor(pixels)):
        ours = np.asarray(cells.preprocess_input(given))
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    with pytest.raises(cells.UserError, match=r"^images: 'photo\.jpg' is no array"):
        cells.preprocess_input("photo.jpg")


def test_a_model_is_as_large_as_its_summary_says():
    model = cells.build("pnasnet_5", num_classes=3, input_shape=(40, 48, 3), **SMALL)
    counts = cells.summarize("pnasnet_5", num_classes=3, input_shape=(40, 48, 3), **SMALL)
    assert model.count_params() == counts.total
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == counts.trainable
    assert counts.multiply_adds is not None
    probabilities = model.predict(np.zeros((2, 40, 48, 3), "float32"), verbose=0)
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-5)


def test_a_model_without_top_gives_maps_or_features():
    maps = cells.build("nasnet_a", include_top=False, input_shape=(None, None, 3), **SMALL)
    assert maps.output_shape[:3] == (None, None, None)
    image = np.zeros((1, 32, 64, 3), "float32")
    height, width, channels = maps(image).shape[1:]
    assert (height, width) == (8, 16)  # Two Reduction cells halve them.
    pooled = cells.build("nasnet_a", include_top=False, pooling="avg", **SMALL)
    assert pooled.output_shape == (None, channels)
    pooled.set_weights(maps.get_weights())
    np.testing.assert_allclose(
        pooled(image[:, :, :32]), maps(image[:, :, :32]).numpy().mean((1, 2))
    )


def test_weights_of_a_file_come_with_their_network(weights):
    file, images, logits = weights
    model = cells.build("nasnet_a", weights=pathlib.Path(file), classifier_activation=None)
    assert model.input_shape == (None, 24, 24, 3)
    np.testing.assert_allclose(model(images), logits, rtol=1e-5, atol=1e-5)
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    same = cells.build("nasnet_a", "cifar", weights=file, num_classes=7, **SMALL)
    np.testing.assert_allclose(same(images), softmax, rtol=1e-4, atol=1e-6)
    features = cells.build("nasnet_a", weights=file, include_top=False, pooling="avg")
    head = model.get_layer("logits")
    again = features(images).numpy() @ np.asarray(head.kernel) + np.asarray(head.bias)
    np.testing.assert_allclose(again, logits, rtol=1e-4, atol=1e-5)


WRONG = {
    "genotype: 5 is neither": {"genotype": 5},
    "'nasnet_b' is neither in the catalogue nor a file; did you mean 'nasnet_a'": {
        "genotype": "nasnet_b"
    },
    "network: unknown 'imagenet'": {"network": "imagenet"},
    "network: 3 is not a text": {"network": 3},
    "num_classes: 'ten' is not a whole number": {"num_classes": "ten"},
    "num_classes: True is not a whole number": {"num_classes": True},
    "num_classes: 0 is too small": {"num_classes": 0},
    "num_classes: is for a model with top": {"num_classes": 3, "include_top": False},
    "include_top: 'no' is not a truth value": {"include_top": "no"},
    r"input_shape: \(32, 32\) is not \(height, width": {"input_shape": (32, 32)},
    r"input_shape: \(32, None, 3\) is not": {"input_shape": (32, None, 3)},
    r"input_shape: \(32, 32, 0\) is not": {"input_shape": (32, 32, 0)},
    "input_shape: 32 is not": {"input_shape": 32},
    "pooling: unknown 'mean'": {"pooling": "mean", "include_top": False},
    "pooling: is for a model without top": {"pooling": "avg"},
    "classifier_activation: 'softmix' is not": {"classifier_activation": "softmix", **SMALL},
    "settings: unknown 'filter'; did you mean 'filters'": {"filter": 8},
    "filters: 8.5 is not a whole number": {"filters": 8.5},
    "dropout: 'half' is not a number": {"dropout": "half"},
    r"dropout: 1.5 is too large; use less than 1": {"dropout": 1.5},
    "normal_cells: 0 is too small": {"normal_cells": 0},
    "border_rule: unknown 'zero'": {"border_rule": "zero"},
    "border_rule: 3 is not a text": {"border_rule": 3},
    "weights: 1 is not the path": {"weights": 1},
    "weights: model.keras does not end in .safetensors": {"weights": "model.keras"},
    "none.safetensors: there is no such weights file": {"weights": "none.safetensors"},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_are_named(message):
    with pytest.raises(cells.UserError, match=message):
        cells.build(**{"genotype": "nasnet_a", **WRONG[message]})


OF_OTHERS = {
    "weights of NASNet-A, whose cells are not those of PNASNet-5": {"genotype": "pnasnet_5"},
    "a network with filters 8, and 16 is asked for": {"filters": 16},
    "a network with stem cifar, and imagenet is asked for": {"network": "imagenet_mobile"},
    "a network with normal_cells 1, and 6 is asked for": {"network": "cifar"},
    "a network with border_rule keras, and timm is asked for": {"border_rule": "timm"},
    "num_classes: the weights have a head of 7 classes, and 10 is": {"num_classes": 10},
    "a network with image_channels 3, and 1 is": {"input_shape": (24, 24, 1)},
}


@pytest.mark.parametrize("message", OF_OTHERS)
def test_weights_of_another_network_are_refused(weights, message):
    with pytest.raises(cells.UserError, match=message):
        cells.build(**{"genotype": "nasnet_a", "weights": weights[0], **OF_OTHERS[message]})


def test_a_drawing_is_shown_and_written(tmp_path):
    drawn = cells.draw("enas", tmp_path / "enas.svg")
    assert drawn._repr_svg_() == (tmp_path / "enas.svg").read_text(encoding="utf-8")
    with pytest.raises(cells.UserError, match=r"end the name in \.svg, \.png or \.pdf"):
        cells.draw("enas", tmp_path / "enas.jpg")
    with pytest.raises(cells.UserError, match=r"is not a cells\.Genotype"):
        cells.save_genotype("enas", tmp_path / "enas.json")  # type: ignore[arg-type]
