"""What can be changed in the training of a child."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import optuna
import pytest
from child_requests import SPACE, point, request
from cost_tables import made

from cell_search import trial_keys
from cell_search.children import Training
from cell_search.config import resolve, schema
from cell_search.driver import rerank
from cell_search.evaluators import Result, Train, evaluate
from cell_search.images import ImageSettings, size_and_classes
from cell_search.recipes.augmentation import augment
from cell_search.study.directory import SearchDirectory
from cells.genotype import catalogue
from cells.network import presets
from cells.network.stack import stack
from cells.operations.counts import summarize
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def digits(small: dict) -> ImageSettings:
    return ImageSettings(**{**small["images"], "training": 160})


SHORT = Train(normal_cells=1, filters=4, epochs=1, batch=32, flip=False, shift=0)


@pytest.fixture(scope="module")
def plain(digits: ImageSettings) -> Result:
    return evaluate(request(SHORT, digits))


def test_cutout_covers_a_square_around_any_pixel() -> None:
    """DeVries & Taylor 2017, section 3.2: the centre lies in the image, the square need not."""
    height, width, side, grey = 7, 6, 4, np.array([9, 8, 7])
    images = np.full((3000, height, width, 3), 200, np.uint8)
    shown = augment(images, np.random.default_rng(0), 0, False, side, grey)
    squares = set()
    for row in range(height):
        for column in range(width):
            square = np.full((height, width, 3), 200, np.uint8)
            top, left = max(row - 2, 0), max(column - 2, 0)
            square[top : row + 2, left : column + 2] = grey
            squares.add(square.tobytes())
    assert {image.tobytes() for image in shown} == squares
    assert (images == 200).all(), "the images of the set stay as they are"


@pytest.mark.parametrize(
    "changes",
    [
        {"cutout": 16},
        {"drop_path_keep": 0.5},
        {"auxiliary_weight": 0.4},
        {"precision": "bfloat16"},
        {"precision": "mixed_bfloat16"},
    ],
    ids=lambda c: next(iter(c)),
)
def test_an_option_changes_the_training_and_not_the_network(
    digits: ImageSettings, plain: Result, changes: dict
) -> None:
    changed = evaluate(request(dataclasses.replace(SHORT, **changes), digits))
    assert changed.failure is None
    for metric in ("parameters", "multiply_adds", "steps"):
        assert changed.metrics[metric] == plain.metrics[metric]
    before, now = plain.metrics["training_loss"], changed.metrics["training_loss"]
    assert now != before
    if "auxiliary_weight" in changes:
        # A second classifier that knows nothing loses log(10), of which 0.4 counts.
        assert now - before == pytest.approx(0.4 * np.log(10), rel=0.5)
    else:
        assert now == pytest.approx(before, rel=0.3)


def test_a_pooled_stem_is_that_of_the_named_network(digits: ImageSettings) -> None:
    pooled = evaluate(request(dataclasses.replace(SHORT, stem="pooled"), digits))
    genotype = SPACE.decode(point())
    size, classes = size_and_classes(digits)
    named = presets.configure(
        genotype, "cifar_pooled", normal_cells=1, filters=4, image_size=size, num_classes=classes
    )
    counts = summarize(stack(genotype, named), ("logits",), size)
    assert pooled.failure is None
    assert pooled.metrics["parameters"] == counts.trainable
    assert pooled.metrics["multiply_adds"] == counts.multiply_adds


@pytest.mark.parametrize(
    ("settings", "reward"),
    [
        ({"reward_of": "last", "reward_power": 2.0}, 0.25),
        ({"reward_of": "best", "reward_epochs": 2}, 0.75),
        ({"reward_of": "best", "reward_epochs": 3}, 0.75),
        ({"reward_of": "best", "reward_epochs": 0}, 1.0),
        ({"reward_of": "mean", "reward_epochs": 2}, 0.625),
        ({"reward_of": "mean", "reward_epochs": 0, "reward_power": 3.0}, (3.25 / 7) ** 3),
        # Zoph & Le 2017, section 4.1: the best of the last 5 epochs, cubed.
        ({"reward_of": "best", "reward_power": 3.0}, 0.421875),
    ],
)
def test_the_reward(settings: dict, reward: float) -> None:
    accuracies = [1.0, 0.0, 0.25, 0.5, 0.25, 0.75, 0.5]
    assert Train(**settings).reward_from(accuracies) == pytest.approx(reward)


def test_a_child_slower_than_its_limit_has_failed(digits: ImageSettings) -> None:
    result = evaluate(request(dataclasses.replace(SHORT, seconds=1e-6), digits))
    assert result.reward is None
    assert result.failure == (
        "TimeoutError: the child is slower than its limit of 1e-06 s: it made 1 of 5 steps"
    )


def test_a_child_beyond_memory_has_failed(
    digits: ImageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def step(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor [[{{node")

    monkeypatch.setattr(Training, "step", step)
    assert evaluate(request(SHORT, digits)).failure == (
        "MemoryError: the child does not fit into memory with 32 images a step"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cutout": -1}, r"evaluator\.train\.cutout: -1 is too small; use at least 0"),
        ({"l2": float("nan")}, r"evaluator\.train\.l2: nan is not a finite number"),
        (
            {"reward_power": 0.0},
            r"evaluator\.train\.reward_power: 0\.0 is too small; use more than 0",
        ),
        ({"reward_of": "first"}, r"reward_of: unknown 'first'; known are last, best, mean"),
        (
            {"precision": "float64"},
            r"precision: unknown 'float64'; .*known are float32, bfloat16, mixed",
        ),
        (
            {"drop_path_keep": 1.5},
            r"^evaluator\.train\.drop_path_keep: 1\.5 is too large; use at most 1",
        ),
        ({"filters": 1}, r"^evaluator\.train\.filters: 1"),
    ],
)
def test_impossible_options_are_told_before_the_first_child(
    digits: ImageSettings, changes: dict, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        dataclasses.replace(SHORT, **changes).check(digits, SPACE)


def test_what_the_images_are_too_small_for_is_told(digits: ImageSettings) -> None:
    small = dataclasses.replace(digits, size=8)
    with pytest.raises(UserError, match=r"^evaluator\.train\.auxiliary_weight: its map of 4x4"):
        dataclasses.replace(SHORT, auxiliary_weight=0.4).check(small, SPACE)
    with pytest.raises(UserError, match=r"^images\.size: 2x2 is too small"):
        SHORT.check(dataclasses.replace(digits, size=2), SPACE)
    # Where costs are predicted, a network is laid out before any is checked.
    bare, told = (
        dataclasses.replace(SHORT, empty_group=2),
        r"^evaluator\.train\.empty_group: the 'ci",
    )
    with pytest.raises(UserError, match=told):
        bare.check(digits, SPACE)
    with pytest.raises(UserError, match=told):
        bare.costs(catalogue.load("hand_written"), digits, made(("conv_3x3",)))


def test_the_transfer_stage_gets_what_was_searched_along() -> None:
    """An auxiliary head there is a head and a weight, as in `configs/transfer`."""
    searched = {"drop_path_keep": 0.7, "auxiliary_weight": 0.4, "precision": "bfloat16"}
    searched["stem"] = "pooled"
    alone = Train().transfer_settings({}, 64)
    assert Train().transfer_settings(searched, 64) == alone | {
        "task.model.cells.drop_path_keep": 0.7,
        "task.model.cells.network": "cifar_pooled",
        "task.model.auxiliary_head": True,
        "task.losses.auxiliary_weight": 0.4,
    }
    # The network is that of the search, also where its stem was not searched along.
    fixed = dataclasses.replace(Train(), stem="transitions").transfer_settings({}, 64)
    assert fixed == alone | {"task.model.cells.network": "cifar_transitions"}
    bare = dataclasses.replace(Train(), stem="transitions", empty_group=2).transfer_settings({}, 64)
    assert bare == fixed | {"task.model.cells.empty_group": 2}
    off = Train().transfer_settings({"auxiliary_weight": 0.0}, 64)
    assert off["task.model.auxiliary_head"] is False


def test_a_re_ranking_from_before_an_option_existed_goes_on(tmp_path: pathlib.Path) -> None:
    longer = rerank.final(resolve.resolve(schema.SearchConfig()))
    study = optuna.create_study()
    older = json.loads(json.dumps(rerank.protocol_of(longer)))
    del older["evaluator.cutout"]
    study.set_user_attr(trial_keys.PROTOCOL, older)
    directory = SearchDirectory(tmp_path)
    rerank._require_same(study, directory, longer)
    changed = dataclasses.replace(longer, evaluator=dataclasses.replace(longer.evaluator, cutout=8))
    with pytest.raises(UserError, match=r"evaluator\.cutout is 8, was 0"):
        rerank._require_same(study, directory, changed)
