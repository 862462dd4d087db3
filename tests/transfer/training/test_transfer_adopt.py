"""A network that the children's engine trained, as the folder of a run."""

from __future__ import annotations

import json

import numpy as np
import pytest

import transfer
from cell_search.recipes.recipe import Recipe
from cell_search.recipes.training import WholeTraining
from cells.genotype import catalogue
from cells.network import presets
from cells.network.residual import ResidualConfig, residual
from cells.network.stack import stack
from cells.support.errors import UserError
from transfer.config import configure
from transfer.training import adopt

RECIPE = Recipe(batch=16, shift=2, cutout=4, statistics=32)
SIZE, CLASSES = 20, 10


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=48)
    pixels = 20 * labels[:, None, None, None] + rng.integers(50, size=(48, SIZE, SIZE, 3))
    return pixels.astype(np.uint8), labels


def cells_training(images):
    genotype = catalogue.load("hand_written")
    config = presets.configure(
        genotype, "cifar", num_classes=CLASSES, normal_cells=1, filters=4, image_size=(SIZE, SIZE)
    )
    values = {"cells": {"network": "cifar", "normal_cells": 1, "filters": 4}}
    return values, WholeTraining(stack(genotype, config), config, RECIPE, images, planned=2)


def residual_training(images):
    config = ResidualConfig(filters=4, image_size=(SIZE, SIZE), num_classes=CLASSES)
    values = {"baseline": "resnet_9", "baseline_filters": 4}
    return values, WholeTraining(residual(config), config, RECIPE, images, planned=2)


@pytest.mark.parametrize("trained", [cells_training, residual_training])
def test_the_folder_says_what_the_trained_network_says(trained, images, tmp_path, digits_dir):
    model, training = trained(images)
    training.run()
    folder = tmp_path / "run"
    data = {"tfds_name": "digits", "tfds_data_dir": str(digits_dir)}
    values = {
        "task": {
            "model": {"input_size": [SIZE, SIZE, 3], **model},
            "train_data": data,
            "validation_data": data,
            "evaluation": {"mirrored": True, "shift": 1},
        },
        "trainer": {"train_steps": 2},
    }

    def params():
        return configure.configure(
            configure.experiment(), override=json.dumps(values), genotype="hand_written"
        )

    adopt.adopt(str(folder), params(), training.network(), training.steps)
    opened = transfer.open_classifier(folder)
    assert opened.step == 2
    pixels = images[0][:6]
    expected = training.network().logits(pixels.astype(np.float32) / 127.5 - 1.0).numpy()
    given = opened.model(pixels.astype(np.float32) / 127.5 - 1.0, training=False)
    given = np.asarray(given[0] if isinstance(given, list | tuple) else given)
    # float32 has 24 bits; the largest logit's last ones are lost in some thousand sums.
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())

    # Prediction looks at the same six views that the training was scored with.
    from PIL import Image

    files = []
    for number, image in enumerate(pixels):
        files.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image).save(files[-1])
    predicted = transfer.predict(opened, files, top=CLASSES)
    told = [{g.label: g.probability for g in each.guesses} for each in predicted]
    rows = np.array([[row[label] for label in range(CLASSES)] for row in told])
    assert len(training.views) == 6
    np.testing.assert_allclose(rows, training.probabilities(pixels, training.views), atol=1e-5)
    with pytest.raises(UserError, match="has a checkpoint already"):
        adopt.adopt(str(folder), params(), training.network(), training.steps)


def test_more_pixels_than_an_image_has_are_refused(tmp_path, digits_dir):
    with pytest.raises(UserError, match=r"task.evaluation.shift: 32 pixels"):
        transfer.train(
            tmp_path / "run",
            genotype="hand_written",
            params_override={
                "task": {
                    "evaluation": {"shift": 32},
                    "train_data": {"tfds_name": "digits", "tfds_data_dir": str(digits_dir)},
                    "validation_data": {"tfds_name": "digits", "tfds_data_dir": str(digits_dir)},
                }
            },
        )
