"""Configurations overridden from YAML: Model Garden's order, and errors that name the place."""

from __future__ import annotations

import pytest
from official.core import config_definitions

from cells.support.errors import UserError
from cells.support.overrides import override


def experiment() -> config_definitions.ExperimentConfig:
    return config_definitions.ExperimentConfig()


def test_files_come_before_the_override(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("trainer: {train_steps: 10, steps_per_loop: 3, max_to_keep: 2}\n")
    second.write_text("trainer: {train_steps: 20, steps_per_loop: 4}\n")
    config = override(experiment(), [first, second], "trainer.train_steps=30")
    assert config.trainer.train_steps == 30
    assert config.trainer.steps_per_loop == 4
    assert config.trainer.max_to_keep == 2


@pytest.mark.parametrize(
    "text",
    ["trainer.train_steps=7", "trainer: {train_steps: 7}", '{"trainer": {"train_steps": 7}}'],
)
def test_the_ways_to_write_an_override(text):
    assert override(experiment(), text=text).trainer.train_steps == 7


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("6E8", 6e8), ("-2.5e+1", -25.0)])
def test_numbers_with_an_exponent_need_no_point(text, value, tmp_path):
    """YAML 1.2, section 10.3.2; YAML 1.1 takes them for text."""
    path = tmp_path / "c.yaml"
    path.write_text(f"trainer: {{loss_upper_bound: {text}}}\n")
    assert override(experiment(), [path]).trainer.loss_upper_bound == value
    assert (
        override(experiment(), text=f"trainer.loss_upper_bound={text}").trainer.loss_upper_bound
        == value
    )


def test_an_override_may_be_a_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("trainer: {train_steps: 9}\n")
    assert override(experiment(), text=str(path)).trainer.train_steps == 9


@pytest.mark.parametrize(
    "content, sentence",
    [
        (
            "trainer: {train_step: 10}",
            r"trainer\.train_step: there is no such key; did you mean 'tr",
        ),
        ("trainr: {}", r"trainr: there is no such key; did you mean 'trainer'"),
        ("trainer: {train_steps: many}", r"trainer\.train_steps: 'many' is not a whole number"),
        ("runtime: {run_eagerly: 3}", r"runtime\.run_eagerly: '3' is not a truth value"),
        ("trainer: 5", "trainer: '5' is not a mapping"),
        ("- 1\n- 2", "must hold `key: value` lines"),
        ("a: [1", "not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "the tag .* is not read"),
    ],
)
def test_errors_name_file_key_and_remedy(content, sentence, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=sentence) as caught:
        override(experiment(), [path])
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("trainer.train_steps=1,trainer.train_steps=2", "trainer.train_steps"),
        ("trainer.train_steps=1, trainer.train_steps =1", "trainer.train_steps"),
        ("trainer.train_steps=1,trainer={max_to_keep: 2}", "trainer"),
        ("trainer: {train_steps: 1, train_steps: 2}", "train_steps"),
        ('{"trainer": {"train_steps": 1, "train_steps": 2}}', "train_steps"),
    ],
)
def test_a_key_that_is_given_twice_is_told(text, key):
    """Either may be the one that is meant."""
    with pytest.raises(UserError, match=f"params_override: .*'{key}' is given twice"):
        override(experiment(), text=text)


def test_missing_file():
    with pytest.raises(UserError, match=r"nowhere\.yaml: there is no such configuration file"):
        override(experiment(), ["nowhere.yaml"])
    with pytest.raises(UserError, match=r"^params_override: .*there is no such key"):
        override(experiment(), text="trainer.nothing=1")
