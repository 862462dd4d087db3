"""Limits of size, and training settings that are searched along with the cells."""

from __future__ import annotations

import pathlib

import numpy as np
import optuna
import pytest
import yaml

import cell_search
from cell_search.config import comparison, resolve, schema
from cell_search.evaluators import NasBench201, Train, WeightSharing, ZeroCost
from cell_search.space import published
from cell_search.space.limits import Limits
from cell_search.space.space import Decision
from cells.genotype import catalogue, genotype_file
from cells.support import overrides
from cells.support.errors import UserError
from transfer.config import configure


def _config(text: str) -> schema.SearchConfig:
    return overrides.override(schema.SearchConfig(), text=text)


def _search(path: pathlib.Path, values: dict) -> optuna.Study:
    return cell_search.search(values, directory=path).study


def test_limits_are_those_of_the_published_network() -> None:
    """NASNet-A (4 @ 1056) has 5,289,978 trainable parameters (TensorFlow's tf-slim)."""
    cell = catalogue.load("nasnet_a")
    for name, value in (("parameters", 5_289_978), ("multiply_adds", _multiply_adds(cell))):
        assert Limits(**{name: value}).allow(cell)
        assert not Limits(**{name: value - 1}).allow(cell)
    assert Limits().allow(cell) and not Limits().any
    small = Limits(network="cifar", filters=4, normal_cells=1, parameters=50_000)
    assert small.allow(cell)


def _multiply_adds(cell) -> int:
    from cells.network import presets
    from cells.network.stack import stack
    from cells.operations.counts import summarize

    layout = presets.configure(cell, "imagenet_mobile")
    count = summarize(stack(cell, layout), ("logits",), (224, 224)).multiply_adds
    # Zoph et al. 2018, table 2: 564M.
    assert count is not None and round(count / 1e6) == 564
    return count


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("limits.parameters=-1", r"limits\.parameters: -1.* is too small"),
        (
            "limits.parameters=1e1,limits.network=imagenet_mobil",
            r"limits\.network: unknown 'imagenet_mobil'; did you mean 'imagenet_mobile'",
        ),
        ("limits.multiplyadds=10", r"limits\.multiplyadds: .*did you mean 'multiply_adds'"),
    ],
)
def test_wrong_limits_are_named(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve.resolve(_config(text))


def test_a_candidate_beyond_the_limits_is_no_trial(counting: dict, tmp_path: pathlib.Path) -> None:
    limits = {"network": "cifar", "normal_cells": 1, "filters": 4, "parameters": 12_000}
    counting = {**counting, "evaluator": {**counting["evaluator"]}, "limits": limits}
    whole = _search(tmp_path / "whole", counting)
    assert [t.number for t in whole.trials] == list(range(40))
    # The evaluator counts the same network for images of 32 pixels in 10 classes.
    assert max(t.value for t in whole.trials) <= 12_000
    assert any("rejected" in t.user_attrs for t in whole.trials)
    _search(tmp_path / "cut", {**counting, "trials": 17})
    cut = _search(tmp_path / "cut", counting)
    assert [t.params for t in cut.trials] == [t.params for t in whole.trials]
    with pytest.raises(
        UserError, match=r"trial 0: none of 1000 .* keeps to limits: at most 10 par"
    ):
        _search(tmp_path / "none", {**counting, "limits": {**limits, "parameters": 10}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("settings.learning_rat=[0.1,0.2]", r"settings\.learning_rat: .*did you mean 'learning_ra"),
        ("settings.size=[8,16]", r"settings: unknown setting of the evaluator 'size'; "),
        ("settings.l2=[0.1]", r"settings\.l2: give two or more different choices"),
        ("settings.l2=[0.1,0.1]", r"settings\.l2: give two or more different choices"),
        ("settings.l2=[0.1,much]", r"settings\.l2: 'much' is not a number"),
        ("settings.flip=[1,0]", r"settings\.flip: 1 is not a truth value"),
        ("settings.epochs=[1,1.5]", r"settings\.epochs: 1\.5 is not a whole number"),
        ("settings.l2=0.1", r"settings\.l2: '0\.1' is not a list"),
    ],
)
def test_wrong_settings_are_named(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve.resolve(_config(text))


def test_every_choice_is_checked_before_the_first_trial(small: dict) -> None:
    values = {**small, "settings": {"learning_rate": [0.1, -0.1]}}
    with pytest.raises(UserError, match=r"learning_rate: -0\.1 is too small; use more than 0"):
        resolve.resolve(schema.from_values(values, "test")).check()


def test_settings_belong_to_the_candidate_and_not_to_its_genotype() -> None:
    search = resolve.resolve(
        _config("settings.l2=[0.1,0.2],settings.flip=[true,false],space.blocks=2")
    )
    plain = published.find("nasnet", 2)
    assert search.space.decisions[: len(plain.decisions)] == plain.decisions
    assert search.space.decisions[len(plain.decisions) :] == (
        Decision("setting/l2", (0.1, 0.2), "setting"),
        Decision("setting/flip", (True, False), "setting"),
    )
    point = search.space.random(np.random.default_rng(0))
    other = {**point, "setting/l2": 0.3 - point["setting/l2"]}
    assert search.space.canonical_key(point) != search.space.canonical_key(other)
    assert search.space.decode(point) == search.space.decode(other)
    # A strategy that names no parents leaves nothing to inherit.
    own = Train(l2=point["setting/l2"], flip=point["setting/flip"], inherit=False)
    assert search.evaluator_of(point) == own
    assert search.evaluator_of({}) == Train(inherit=False)


def test_what_was_searched_is_part_of_the_configuration() -> None:
    stored = schema.used_values(_config("settings.l2=[0.1,0.2]"))
    assert yaml.safe_load(yaml.safe_dump(stored))["settings"] == {"l2": [0.1, 0.2]}
    comparison.require_same(_config("settings.l2=[0.1,0.2]"), stored, "config.yaml")
    for text, sentence in (
        ("settings.l2=[0.1,0.3]", r"settings\.l2 is \[0\.1, 0\.3\], was \[0\.1, 0\.2\]"),
        ("trials=100", r"settings\.l2 is not set, was \[0\.1, 0\.2\]"),
        ("settings.l2=[0.1,0.2],objectives=[accuracy,-loss]", "objectives is .* was not set"),
    ):
        with pytest.raises(UserError, match=sentence):
            comparison.require_same(_config(text), stored, "config.yaml")


def test_the_transfer_stage_counts_in_its_own_way() -> None:
    """The same step for both: twice the images at twice the rate; decay is half of the factor."""
    evaluator = Train(batch=32, normal_cells=3, filters=8, flip=False, shift=2, cutout=5)
    searched = {"learning_rate": 0.03, "l2": 1e-4, "epochs": 3}
    assert evaluator.transfer_settings(searched, 64) == {
        "task.model.cells.normal_cells": 3,
        "task.model.cells.filters": 8,
        "task.model.cells.network": "cifar",
        "task.train_data.aug_rand_hflip": False,
        "task.train_data.aug_shift": 2,
        "task.train_data.aug_cutout": 5,
        "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate": 0.06,
        "task.losses.l2_weight_decay": 2e-4,
    }


def test_evaluators_without_augmentation_or_network_say_so() -> None:
    still = {"aug_rand_hflip": False, "aug_shift": 0, "aug_cutout": 0}
    still = {f"task.train_data.{name}": value for name, value in still.items()}
    assert NasBench201().transfer_settings({}, 64) == still
    sizes = {"task.model.cells.normal_cells": 2, "task.model.cells.filters": 6}
    assert ZeroCost(normal_cells=2, filters=6).transfer_settings({}, 64) == still | sizes
    moved = {"task.train_data.aug_rand_hflip": True, "task.train_data.aug_shift": 3}
    sharing = WeightSharing(normal_cells=2, filters=6, shift=3)
    assert sharing.transfer_settings({}, 64) == still | sizes | moved


def test_children_are_trained_with_their_settings(small: dict, tmp_path: pathlib.Path) -> None:
    """One and two epochs are 20 and 40 steps; train.yaml takes the winner's rate and decay."""
    train = {**small["evaluator"]["train"], "latency_runs": 3}
    values = {
        **small,
        "strategy": {"type": "random"},
        "evaluator": {"type": "train", "train": train},
        "settings": {"epochs": [1, 2], "learning_rate": [0.02, 0.05], "l2": [0.0001, 0.001]},
        "objectives": ["accuracy", "-latency_ms"],
        "trials": 3,
    }
    study = _search(tmp_path, values)
    for trial in study.trials:
        assert trial.user_attrs["metrics"]["steps"] == 20 * trial.params["setting/epochs"]
        assert 0.0 < trial.values[1] < 60_000
    winner = max(study.trials, key=lambda t: t.values[0])
    provenance = genotype_file.read(tmp_path / "genotype.json").provenance
    assert provenance["training"] == {
        name: winner.params[f"setting/{name}"] for name in ("epochs", "learning_rate", "l2")
    }
    # The transfer stage reads it with its own checks.
    taken = overrides.override(configure.experiment(), [str(tmp_path / "train.yaml")])
    schedule = taken.trainer.optimizer_config.learning_rate.cosine
    assert schedule.initial_learning_rate == 2 * winner.params["setting/learning_rate"]
    assert taken.task.losses.l2_weight_decay == 2 * winner.params["setting/l2"]
    text = (tmp_path / "train.yaml").read_text()
    assert f"learning_rate {winner.params['setting/learning_rate']}" in text
    page = (tmp_path / "report.html").read_text()
    assert "<th>learning rate</th>" in page and "<th>latency ms</th>" in page
