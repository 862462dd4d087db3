"""The settings of all three programs: what they are by default is in range, the rest is told."""

from __future__ import annotations

import pathlib

import pytest

from cell_search.config import schema
from cells.support import overrides
from cells.support.errors import UserError
from detection.config import experiments as detectors
from transfer.config import configure, experiments
from transfer.config.ranges import RANGES

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
RATE = "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate"


def search():
    return schema.SearchConfig()


@pytest.mark.parametrize("name", sorted({*experiments.NAMES, *detectors.NAMES}))
def test_every_experiment_is_in_range(name):
    overrides.check(configure.experiment(name, (*experiments.NAMES, *detectors.NAMES)), RANGES)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("search/*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_of_a_search_is_in_range(path):
    overrides.check(overrides.override(search(), [path]))


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("trials=null", "trials: null is not a whole number"),
        ("trials=1e30", "is too large; use at most 10,000,000"),
        ("seed=1.5", "seed: '1.5' is not a whole number"),
        ("top=1.5", "top: '1.5' is not a whole number"),
        ("report_minutes=.nan", "report_minutes: 'nan' is not a finite number"),
        ("images.size=-1", "images.size: -1 is too small; use at least 0"),
        ("evaluator.train.batch=1.5", "evaluator.train.batch: '1.5' is not a whole number"),
        ("evaluator.train.learning_rate=.inf", "learning_rate: 'inf' is not a finite number"),
        ("strategy.random.attempts=0", "strategy.random.attempts: 0 is too small; use at least 1"),
        ("strategy.ppo.units=-3", "strategy.ppo.units: -3 is too small; use at least 1"),
        ("pruner.median.interval_steps=0", "interval_steps: 0 is too small; use at least 1"),
        ("rerank.evaluator.train.epochs=0", "rerank.evaluator.train.epochs: 0 is too small"),
        ("study=2026", "study: '2026' is not a text; put it in quotes"),
        ("deterministic=yes", "deterministic: 'yes' is not a truth value, true or false"),
    ],
)
def test_settings_of_a_search(text, sentence):
    with pytest.raises(UserError) as caught:
        overrides.override(search(), text=text)
    assert sentence in str(caught.value)


def test_whole_numbers_may_be_written_with_an_exponent():
    trials = overrides.override(search(), text="trials=1e3").trials
    assert trials == 1000 and isinstance(trials, int)


@pytest.mark.parametrize(
    "text, sentence",
    [
        (f"{RATE}=.nan", "is not a finite number"),
        (f"{RATE}=-1", "initial_learning_rate: -1 is too small; use at least 0"),
        (f"{RATE}=null", ""),
        ("task.model.input_size=[1e9,1e9,3]", "input_size: 1,000,000,000 is too large"),
        ("task.model.input_size=[32,32]", "input_size: has 2 entries; give 3"),
        ("task.train_data.global_batch_size=1.5", "'1.5' is not a whole number"),
        ("task.train_data.global_batch_size=null", "null is not a whole number"),
        ("task.model.cells.dropout=x", "dropout: 'x' is not a number"),
        ("task.train_data.aug_type.typ=randaug", "did you mean 'type'"),
        ("task=null", "task: null is not a mapping"),
    ],
)
def test_settings_of_a_training(text, sentence):
    if not sentence:
        configure.configure(configure.experiment(), override=text)
        return
    with pytest.raises(UserError) as caught:
        configure.configure(configure.experiment(), override=text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("task.model.head.num_filters=-1", "head.num_filters: -1 is too small; use at least 1"),
        ("task.model.detection_generator.nms_iou_threshold=-1", "use at least 0"),
        ("task.model.detection_generator.nms_iou_threshold=1.5", "use at most 1"),
        ("task.model.input_size=[0,0,3]", "input_size: 0 is too small; use at least 1"),
    ],
)
def test_settings_of_a_detector(text, sentence):
    params = configure.experiment("cells_retinanet", detectors.NAMES)
    with pytest.raises(UserError) as caught:
        configure.configure(params, override=text)
    assert sentence in str(caught.value)
