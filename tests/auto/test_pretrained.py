"""Entrants that begin with trained weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from auto_runs import begin
from folders import write
from PIL import Image

import auto
import cells
import transfer
from auto import entrants, final_training, pretrained, race, test_split
from cell_search.recipes.recipe import Recipe
from cell_search.recipes.training import WholeTraining
from cells.data.preprocessing import resize
from cells.kinds import files as kinds
from cells.network import presets
from cells.support.errors import UserError
from cells.weights import weights_file

CELLS, SIDE = "hand_written", 48


def save(path, drop=()):
    """Weights of a network for larger images, of other classes, as a library of them would be."""
    model = cells.build(
        CELLS,
        "imagenet_mobile",
        num_classes=7,
        input_shape=(SIDE, SIDE, 3),
        normal_cells=1,
        filters=8,
        stem_filters=4,
        dropout=0.0,
    )
    genotype = cells.load_genotype(CELLS)
    config = presets.configure(
        genotype,
        "imagenet_mobile",
        num_classes=7,
        image_size=(SIDE, SIDE),
        normal_cells=1,
        filters=8,
        stem_filters=4,
        dropout=0.0,
    )
    layers = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    for name in drop:
        layers.pop(name)
    weights_file.write(weights_file.WeightsFile(genotype, config, layers, "a test"), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(tmp_path_factory.mktemp("weights") / "own.safetensors")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    counts = {"red": 30, "green": 30}
    return write(tmp_path_factory.mktemp("images") / "shapes", counts)


def colours(count, size, classes=3):
    """Noise around one level of each class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    levels = np.array([[220, 40, 40], [40, 220, 40], [40, 40, 220]])[labels]
    noise = rng.integers(-30, 30, size=(count, size, size, 3))
    return np.clip(levels[:, None, None] + noise, 0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_a_new_head_is_fitted_to_features_that_stay(weights, classes):
    graph, config = pretrained.layout(str(weights), (SIDE, SIDE), classes)
    pixels, labels = colours(60, SIDE, classes)
    recipe = Recipe(schedule="trapezoid", statistics=0)
    training = WholeTraining(graph, config, recipe, (pixels, labels))
    before = training.score(pixels, labels).accuracy
    assert pretrained.begin(training, str(weights), 60.0, lambda: None) == 60
    given = weights_file.read(weights).layers
    own = {layer.name: layer.weights for layer in training.child.layers}
    assert set(own) == set(given)
    for name in set(own) - {"logits"}:
        for mine, theirs in zip(own[name], given[name], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    # The head stands on what Keras computes with the same file.
    features = cells.build(CELLS, weights=weights, include_top=False, pooling="avg")
    seen = features.predict(pixels / 127.5 - 1.0, verbose=0)
    kernel, bias = own["logits"]
    assert kernel.shape == (seen.shape[1], classes)
    logits = training.child.logits(pixels / np.float32(127.5) - 1)
    np.testing.assert_allclose(logits, seen @ kernel + bias, atol=2e-3)
    # Colours lie apart even in random features; no step was made.
    assert training.score(pixels, labels).accuracy == 1.0 > before
    assert training.steps == 0


def test_weights_race_at_the_size_that_they_want(weights, shapes, tmp_path, monkeypatch):
    """They are trained on, and what comes out of the race is what the other stages see."""
    monkeypatch.setattr(race, "WARM", 2)
    monkeypatch.setattr(race, "PROBE", 2)
    monkeypatch.setattr(race, "SHARE", 0.02)
    monkeypatch.setattr(entrants, "SIZES", ((1, 4),))
    monkeypatch.setattr(entrants, "COUNTS", ((0.0, 1),))
    run = begin(
        tmp_path / "out", shapes, size=16, budget=40.0, weights=str(weights), shipped_weights=False
    )
    divided = test_split.divide(run.images, run.folder / "data", 0)
    run.record.keep("images", dataclasses.asdict(divided))
    whole = race.Race(run, divided)
    begun = run.step("race", whole.take)
    mine = entrants.Entrant(str(weights), 1, 8)
    assert [each[:3] for each in begun["entrants"]] == [[str(weights), 1, 8], ["resnet_9", 0, 4]]
    assert mine.name == "own.safetensors (N = 1, F = 8)"
    assert whole.images(mine).size == (SIDE, SIDE)
    assert whole.images(entrants.Entrant("resnet_9", 0, 4)).size == (16, 16)
    # The lower rate of networks that know something.
    assert whole.training(mine).recipe.learning_rate == pytest.approx(0.1 * 0.1 * 32 / 64)

    kinds.write(run.cells(mine.cells), run.genotype)
    training = whole.training(mine)
    final_training._adopt(run, divided, mine, training)
    files = sorted(shapes.glob("*/*.png"))[:8]
    # Pictures of another size are brought to that of the weights on both ways.
    pixels = np.stack([resize(np.asarray(Image.open(file)), (SIDE, SIDE)) for file in files])
    expected = training.probabilities(pixels, training.views)
    for prediction, row in zip(
        transfer.predict(run.model_dir, files, top=2), expected, strict=True
    ):
        found = {guess.name: guess.probability for guess in prediction.guesses}
        assert [found[name] for name in divided.classes] == pytest.approx(row, abs=1e-3)


def test_weights_that_cannot_take_part(weights, shapes, tmp_path):
    def refused(**changes):
        with pytest.raises(UserError) as error:
            auto.run(shapes, tmp_path / "none", budget="30s", **changes)
        assert not (tmp_path / "none").exists()
        return str(error.value)

    other = tmp_path / "other.keras"
    other.write_bytes(b"")
    assert "does not end in .safetensors" in refused(weights=other)
    damaged = tmp_path / "half.safetensors"
    damaged.write_bytes(weights.read_bytes()[:100])
    assert "half.safetensors" in refused(weights=damaged)
    assert "other cells" in refused(weights=weights, genotype="nasnet_a")
    assert "no such weights file" in refused(weights=tmp_path / "nowhere.safetensors")

    lacking = save(tmp_path / "lacking.safetensors", drop=["stem_conv"])
    graph, config = pretrained.layout(str(lacking), (SIDE, SIDE), 3)
    training = WholeTraining(graph, config, Recipe(schedule="trapezoid"), colours(6, SIDE))
    with pytest.raises(UserError, match="lacks the weights of stem_conv"):
        pretrained.begin(training, str(lacking), 60.0, lambda: None)
