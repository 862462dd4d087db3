"""The search directory: one driver at a time, a journal that survives, one configuration."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import optuna
import pytest
from search_commands import ROOT

from cell_search.config import comparison, resolve, schema
from cell_search.study.directory import SearchDirectory
from cells.support import overrides
from cells.support.errors import UserError


def test_a_torn_last_line_is_cut(tmp_path: pathlib.Path) -> None:
    directory = SearchDirectory(tmp_path)
    for value in (1.0, 2.0):
        directory.open_study().add_trial(optuna.trial.create_trial(value=value))
    whole = directory.journal.read_bytes()
    for torn in (b'{"op_code":4,"wor', b"x" * 200_000, whole[: len(whole) - 5].split(b"\n")[-1]):
        directory.journal.write_bytes(whole + torn)
        study = directory.open_study()
        assert directory.journal.read_bytes() == whole
        assert [t.value for t in study.trials] == [1.0, 2.0]
    # What would happen otherwise: the next record is glued to the torn one.
    study.add_trial(optuna.trial.create_trial(value=3.0))
    assert [t.value for t in directory.open_study().trials] == [1.0, 2.0, 3.0]


def test_a_journal_of_nothing_but_half_a_line_is_begun_anew(tmp_path: pathlib.Path) -> None:
    directory = SearchDirectory(tmp_path)
    directory.journal.write_bytes(b'{"op_code":0,"worker_id":"')
    assert directory.open_study().trials == []


def test_the_lock_of_a_dead_writer_does_not_delay(tmp_path: pathlib.Path) -> None:
    """Optuna waits 30 seconds for the lock of its journal file; ours knows that nobody has it."""
    directory = SearchDirectory(tmp_path)
    directory.open_study()
    lock = pathlib.Path(f"{directory.journal}.lock")
    lock.symlink_to(directory.journal)
    directory.open_study().add_trial(optuna.trial.create_trial(value=1.0))
    assert not lock.is_symlink()


def test_a_second_driver_is_refused_and_told_who_is_at_work(tmp_path: pathlib.Path) -> None:
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from cell_search.study.directory import SearchDirectory\n"
            "with SearchDirectory(sys.argv[1]).locked():\n"
            "    print('locked', flush=True)\n"
            "    time.sleep(600)\n",
            str(tmp_path),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    try:
        assert owner.stdout.readline() == b"locked\n"
        with (
            pytest.raises(UserError, match=rf"in use by another search \(process {owner.pid} on "),
            SearchDirectory(tmp_path).locked(),
        ):
            pass
    finally:
        owner.kill()
        owner.wait()
    with SearchDirectory(tmp_path).locked():
        pass


def test_a_directory_that_cannot_be_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"^directory: .*file/below cannot be written"),
        SearchDirectory(tmp_path / "file" / "below").locked(),
    ):
        pass


def _config(text: str) -> schema.SearchConfig:
    return overrides.override(schema.SearchConfig(), text=text)


def test_what_may_change_between_two_runs_and_what_may_not() -> None:
    base = "strategy.type=random"
    stored = schema.used_values(_config(f"trials=10,{base}"))
    for allowed in (
        "trials=11",
        "images.data_dir=/elsewhere",
        "report_minutes=7,top=3",
        # A section of a type that is not chosen means nothing.
        "strategy.regularized_evolution.population=3",
    ):
        comparison.require_same(_config(f"{base},{allowed}"), stored, "config.yaml")
    with pytest.raises(UserError) as error:
        comparison.require_same(
            _config("trials=9,seed=1,evaluator.train.filters=8"), stored, "there/config.yaml"
        )
    sentence = str(error.value)
    assert "there/config.yaml: this directory was made by another configuration" in sentence
    assert "evaluator.train.filters is 8, was 32" in sentence
    assert "seed is 1, was 0" in sentence
    assert "strategy.type is 'regularized_evolution', was 'random'" in sentence
    assert "trials is 9, was 10 (it may grow only)" in sentence
    assert "momentum" not in sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("evaluator.train.epoch=3", r"evaluator\.train\.epoch: .*did you mean 'epochs'"),
        ("strategy.type=evolution", r"strategy\.type: unknown 'evolution'; did you mean"),
        ("evaluator.type=tran", r"evaluator\.type: unknown 'tran'; did you mean 'train'"),
        ("space.name=nasnett", r"space\.name: unknown 'nasnett'; did you mean 'nasnet'"),
        ("pool=rai", r"pool\.type: unknown 'rai'; .*known are inline, processes"),
        ("trials=0", r"trials: 0 is too small"),
        ("trials=many", r"trials: 'many' is not a whole number"),
        ("seed=-1", r"seed: -1 is too small"),
        ("strategy.regularized_evolution.sample=200", r"sample: 200 is not in 1 to 100"),
    ],
)
def test_a_wrong_setting_is_named(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve.resolve(_config(text))


def test_settings_are_those_of_the_classes() -> None:
    """The configuration's defaults are the keyword defaults of strategies and evaluators."""
    search = resolve.resolve(_config("strategy.regularized_evolution.population=50,seed=4"))
    assert search.config.strategy.regularized_evolution.sample == 25
    # Whether children inherit, the strategy decides.
    assert search.evaluator == type(search.evaluator)(inherit=False)
    assert search.images == type(search.images)()
    assert search.strategy.settings.population == 50
    assert search.strategy._seed == 4
