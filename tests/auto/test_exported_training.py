"""A network trained in the children's engine is the same in the files for users."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tf_keras

from auto.exported_training import export_training
from cell_search.recipes.recipe import Recipe
from cell_search.recipes.training import WholeTraining
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network import presets
from cells.network.residual import ResidualConfig, residual
from cells.network.stack import stack
from transfer.exporting.formats import FORMATS

RECIPE = Recipe(batch=16, shift=2, cutout=4, statistics=32)


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=48)
    pixels = 80 * labels[:, None, None, None] + rng.integers(90, size=(48, 20, 20, 3))
    return pixels.astype(np.uint8), labels


def trained_cells(images):
    cell = Cell((Block(Side(0, "sep_conv_3x3"), Side(1, "max_pool_3x3")),), (2,))
    genotype = Genotype("small", cell, cell)
    config = presets.configure(
        genotype, "cifar", num_classes=3, normal_cells=1, filters=4, image_size=(20, 20)
    ).replace(auxiliary_head=True, drop_path_keep=0.7, dropout=0.2)
    return genotype, WholeTraining(stack(genotype, config), config, RECIPE, images, planned=1)


def trained_residual(images):
    config = ResidualConfig(filters=4, image_size=(20, 20), num_classes=3)
    return None, WholeTraining(residual(config), config, RECIPE, images, planned=1)


@pytest.mark.parametrize("trained", [trained_cells, trained_residual])
def test_files_say_what_the_trained_network_says(trained, images, tmp_path):
    genotype, training = trained(images)
    training.run()
    pixels = images[0][:20]
    network = training.network()
    expected = network.logits(pixels.astype(np.float32) / 127.5 - 1.0).numpy()
    assert np.ptp(expected, axis=0).min() > 0.0
    # float32 has 24 bits; the largest logit's last ones are lost in some thousand sums.
    difference = 1e-5 * np.abs(expected).max()
    formats = ("keras", "weights" if genotype else "tflite")
    told = export_training(
        training,
        tmp_path / "out",
        formats,
        class_names=["a", "b", "c"],
        pixels=pixels,
        genotype=genotype,
    )
    for kind in formats:
        form = FORMATS[kind]
        given = form.open(str(tmp_path / "out" / form.file))(pixels)
        allowed = 10 * difference if kind == "tflite" else difference
        np.testing.assert_allclose(given, expected, rtol=0, atol=allowed)
    model = training.keras_model(tf_keras)
    given = model(pixels.astype(np.float32) / 127.5 - 1.0, training=False)
    np.testing.assert_allclose(given, expected, rtol=0, atol=difference)
    kept = json.loads((tmp_path / "out" / "classifier.json").read_text())
    assert kept == told and kept["classes"] == ["a", "b", "c"] and kept["step"] == 1
    assert kept["input"]["height"] == 20 and kept["weights"] == "moving averages"
    assert kept.get("genotype", {}).get("name") == (genotype.name if genotype else None)
    layers = keras.models.load_model(tmp_path / "out" / "classifier.keras").layers
    assert not any("drop" in layer.name or "auxiliary" in layer.name for layer in layers)
