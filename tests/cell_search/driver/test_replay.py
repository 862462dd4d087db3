"""Proposals depend on the seed and on arrivals alone, which the record shows."""

from __future__ import annotations

import json
import pathlib
import sys

import numpy as np
import optuna
import pytest
import shuffled
from optuna.trial import FrozenTrial
from search_commands import run_command

from cell_search import strategies
from cell_search.config import resolve, schema
from cell_search.driver.replay import Replayed, replay
from cell_search.evaluators import Result
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cells.support.errors import UserError

_STRATEGIES = {
    "regularized_evolution": {"population": 8, "sample": 4},
    "reinforce": {"batch": 4, "units": 8},
    "local_search": {"draws": 5},
    "large_scale_evolution": {"population": 6},
}


def _settings(strategy: str, trials: int) -> dict:
    own = {"type": strategy, strategy: _STRATEGIES[strategy]}
    return {"trials": trials, "strategy": own, "top": 1, "seed": 3}


def _replayed(path: pathlib.Path, settings: dict) -> list[Replayed]:
    return list(replay(shuffled.shuffled(settings), SearchDirectory(path).read_study()))


@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_what_was_proposed_out_of_order_is_proposed_again(
    strategy: str, tmp_path: pathlib.Path
) -> None:
    """Four workers, and a driver that ends and goes on; failed candidates among them."""
    for count in (25, 50):
        shuffled.run(tmp_path, shuffled.shuffled(_settings(strategy, count)))
    known = SearchDirectory(tmp_path).read_study().trials
    orders = [t.user_attrs["finished"] for t in known]
    assert sorted(orders) == list(range(50)) and orders != list(range(50)), "out of order"
    assert any(t.system_attrs["proposed after"] < t.number for t in known)
    replayed = _replayed(tmp_path, _settings(strategy, 50))
    assert replayed == [Replayed(number, "") for number in range(50)]


def test_of_many_running_trials_only_those_that_have_finished_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = shuffled.shuffled(_settings("regularized_evolution", 300))
    study = optuna.create_study(direction="maximize")
    for number in range(200):
        point = search.space.random(np.random.default_rng(number))
        trials.begin(study, search.space, point, after=0)
    trials.propose(study, search.strategy, search.space, 200, news=[])
    read: list[int] = []

    def counting(study: optuna.Study, number: int) -> FrozenTrial:
        read.append(number)
        return strategies.trial_of(study, number)

    monkeypatch.setattr(strategies._history, "trial_of", counting)
    monkeypatch.setattr(study, "get_trials", None)
    for told, number in enumerate((17, 150)):
        trials.finish(study, number, Result(1.0), order=told)
    trials.propose(study, search.strategy, search.space, 200, news=[150, 17])
    assert read == [17, 150]
    assert search.strategy.finished == 2


def test_another_seed_or_another_order_of_arrivals_is_another_search(
    tmp_path: pathlib.Path,
) -> None:
    settings = _settings("regularized_evolution", 50)
    shuffled.run(tmp_path, shuffled.shuffled(settings))
    assert any(r.difference for r in _replayed(tmp_path, {**settings, "seed": 4}))
    # Before the population is full, results change nothing; then all that came later is unknown.
    journal = tmp_path / "study.journal"
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    for record in records:
        if "proposed after" in record.get("system_attrs", {}):
            record["system_attrs"]["proposed after"] = min(
                record["system_attrs"]["proposed after"], 12
            )
    journal.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    different = [r.number for r in _replayed(tmp_path, settings) if r.difference]
    assert different and min(different) > 12


def test_the_command_names_the_first_difference(
    tmp_path: pathlib.Path, data_dir: pathlib.Path
) -> None:
    path = tmp_path / "search"
    settings = {
        "space": {"name": "nas_bench_201"},
        "evaluator": {"type": "nas_bench_201"},
        "images": {"data_dir": str(data_dir)},
        "strategy": {"regularized_evolution": {"population": 8, "sample": 4}},
        "trials": 30,
    }
    shuffled.run(path, resolve.resolve(schema.from_values(settings, "test")))
    command = [sys.executable, "-m", "cell_search", f"--search_dir={path}"]
    journal = path / "study.journal"
    before = journal.read_bytes()
    equal = run_command([*command, "--mode=replay"])
    assert equal.returncode == 0, equal.stderr
    assert equal.stdout.splitlines()[-2:] == ["trial 29  equal", "30 of 30 proposals are equal"]
    assert journal.read_bytes() == before, "the record is only read"

    # Somebody changes a decision of one trial.
    lines = journal.read_text().splitlines(keepends=True)
    begun = [i for i, line in enumerate(lines) if '"op01"' in line]
    record = json.loads(lines[begun[20]])
    was = record["params"]["op01"]
    record["params"]["op01"] = changed = (was + 1) % 5
    lines[begun[20]] = f"{json.dumps(record)}\n"
    journal.write_text("".join(lines))
    different = run_command([*command, "--mode=replay"])
    assert different.returncode == 1
    last = different.stderr.splitlines()[-1]
    choices = SearchDirectory(path).read_study().trials[20].distributions["op01"].choices
    assert last == (
        f"cell-search: the first difference is trial 20: op01 is {choices[changed]!r} in the "
        f"record and {choices[was]!r} when replayed"
    )
    assert "trial 19  equal" in different.stdout


def test_a_record_without_arrivals_is_refused(tmp_path: pathlib.Path) -> None:
    settings = _settings("regularized_evolution", 3)
    search = shuffled.shuffled(settings)
    directory = SearchDirectory(tmp_path)
    directory.store_config(schema.used_values(search.config))
    with directory.locked():
        study = directory.open_study()
        study.optimize(lambda trial: float(trial.suggest_int("n", 0, 3)), n_trials=2)
    with pytest.raises(UserError, match=r"trial 0 does not say 'finished'"):
        _replayed(tmp_path, settings)
