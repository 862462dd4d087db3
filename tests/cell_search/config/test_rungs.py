"""Trainings that stop at rungs: what a pruner decides, and what is kept in between."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest
from child_requests import request
from optuna.trial import TrialState, create_trial

import cell_search
from cell_search.config import comparison, early_stopping, resolve, schema
from cell_search.config.search import Search
from cell_search.driver import driver, rerank
from cell_search.driver.replay import replay
from cell_search.evaluators import Evaluator, Request, Score, Train, evaluate
from cell_search.evaluators._kept_files import TrainingFiles
from cell_search.evaluators._store import Store
from cell_search.images import ImageSettings
from cell_search.strategies import RandomSearch
from cell_search.study.directory import SearchDirectory
from cell_search.study.objectives import Objective
from cells.genotype import genotype_file
from cells.support.errors import UserError
from cells.support.signals import Interruptible, Interruption


@dataclass(frozen=True)
class Climbing(Evaluator):
    """A training in which what comes early looks better than anything at the end."""

    reward: ClassVar[str] = "height"
    resumable: ClassVar[bool] = True
    epochs: int = 9
    #: Sends a signal in the training of this trial, behind its first rung.
    interrupted: int = -1

    @staticmethod
    def height(number: int, epoch: int) -> float:
        return float(np.random.default_rng([number, epoch]).random() + 10.0 * (epoch < 9))

    def score(self, request: Request) -> Score:
        store, until = Store(request.folder), request.until or self.epochs
        began = int(store.read(str(request.number)) or b"0")
        calls = store.read("calls") or b""
        store.write("calls", calls + f"{request.number}: {began} to {until}\n".encode())
        if began and request.number == self.interrupted:
            os.kill(os.getpid(), signal.SIGTERM)
        if request.until:
            store.write(str(request.number), str(until).encode())
        return Score({"height": self.height(request.number, until)})

    def forget(self, folder: str, number: int, *, succeeded: bool) -> None:
        Store(folder).remove(str(number))


def _search(
    path: pathlib.Path, counting: dict, pruner: dict, evaluator: Evaluator
) -> tuple[Search, optuna.Study]:
    with Interruptible().listening() as interruptible:
        result = cell_search.search(
            {**counting, "pruner": pruner},
            evaluator=evaluator,
            directory=path,
            interruptible=interruptible,
        )
    return result.resolved, result.study


HALVING = {
    "type": "successive_halving",
    "rungs": [1, 3],
    "successive_halving": {"reduction_factor": 3},
}


def test_successive_halving_lets_a_third_go_on(counting: dict, tmp_path: pathlib.Path) -> None:
    """Li et al. 2020: at each rung, the best third of those that have reached it."""
    _, study = _search(tmp_path, counting, HALVING, Climbing())
    reached: dict[int, list[float]] = {1: [], 3: []}
    expected = []
    for number in range(40):
        for rung in (1, 3):
            value = Climbing.height(number, rung)
            reached[rung].append(value)
            best = sorted(reached[rung], reverse=True)[: max(len(reached[rung]) // 3, 1)]
            if value < min(best):
                expected.append((TrialState.PRUNED, rung, value))
                break
        else:
            expected.append((TrialState.COMPLETE, 3, Climbing.height(number, 9)))
    assert [(t.state, t.last_step, t.value) for t in study.trials] == expected
    assert [t.user_attrs["finished"] for t in study.trials] == list(range(40))
    # Proposed once more from the record: what was learned from stopped trials is in it.
    fresh = resolve.resolve(schema.from_values(counting, "test"))
    assert [t.difference for t in replay(fresh, study)] == [""] * 40
    # Each part was trained once; of what is over nothing is left.
    store = Store(SearchDirectory(tmp_path).weights())
    calls = (store.read("calls") or b"").decode().splitlines()
    parts = ["0 to 1", "1 to 3", "3 to 9"]
    trained = [1 + (last == 3) + (state == TrialState.COMPLETE) for state, last, _ in expected]
    assert calls == [f"{i}: {part}" for i, n in enumerate(trained) for part in parts[:n]]
    assert store.names() == ["calls"]


def test_the_winner_was_trained_to_the_end(
    counting: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, study = _search(tmp_path, counting, HALVING, Climbing())
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    provenance = genotype_file.read(tmp_path / "genotype.json").provenance
    assert provenance["score"]["height"] == max(t.value for t in complete) < 1.0
    stopped = next(t for t in study.trials if t.state == TrialState.PRUNED)
    line = (
        f"trial {stopped.number}  {stopped.number + 1}/40  stopped after {stopped.last_step} epoch"
    )
    assert line in capsys.readouterr().out
    assert f"<dt>pruned</dt><dd>{40 - len(complete)}</dd>" in (
        (tmp_path / "report.html").read_text()
    )


@pytest.mark.parametrize("kind", ["hyperband", "median"])
def test_other_pruners_of_optuna(counting: dict, tmp_path: pathlib.Path, kind: str) -> None:
    _, study = _search(tmp_path, counting, {"type": kind, "rungs": [1, 3]}, Climbing())
    states = {t.state for t in study.trials}
    assert states == {TrialState.PRUNED, TrialState.COMPLETE}
    pruned = [t for t in study.trials if t.state == TrialState.PRUNED]
    if kind == "hyperband":
        # Floor(log_3(9 / 1)) + 1 = 3 brackets, of which the second begins at the second rung.
        assert {t.last_step for t in pruned} == {1, 3}
    else:
        # The first five to complete judge the others, and each is below their median there.
        complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
        assert [t.number for t in complete[:5]] == list(range(5))
        for trial in pruned:
            others = [t for t in complete if t.number < trial.number]
            step = trial.last_step
            median = np.median([t.intermediate_values[step] for t in others])
            assert max(trial.intermediate_values.values()) < median


def test_killed_between_rungs_it_goes_on_from_the_last(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    _, whole = _search(tmp_path / "whole", counting, HALVING, Climbing())
    at = next(t.number for t in whole.trials[5:] if t.state == TrialState.COMPLETE)
    with pytest.raises(Interruption):
        _search(tmp_path / "cut", counting, HALVING, Climbing(interrupted=at))
    left = SearchDirectory(tmp_path / "cut").read_study().trials[-1]
    assert (left.number, left.state, left.last_step) == (at, TrialState.RUNNING, 1)
    _, cut = _search(tmp_path / "cut", counting, HALVING, Climbing())
    calls = [
        (Store(SearchDirectory(tmp_path / name).weights()).read("calls") or b"").decode()
        for name in ("whole", "cut")
    ]
    # Only the part in which it was killed is there twice.
    assert calls[1] == calls[0].replace(f"{at}: 1 to 3\n", f"{at}: 1 to 3\n" * 2)
    story = [[(t.number, t.state, t.value, t.params) for t in s.trials] for s in (whole, cut)]
    assert story[0] == story[1]


def test_a_verdict_that_a_killed_driver_did_not_write_down_is_given_again(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    """A trial whose rung is recorded ends there, without another look at it."""
    halving = {**HALVING, "rungs": [1]}
    _search(tmp_path, {**counting, "trials": 12}, halving, Climbing())
    directory = SearchDirectory(tmp_path)
    values = schema.from_values({**counting, "trials": 13}, "test")
    search = resolve.resolve(values)
    with directory.locked():
        study = directory.open_study()
        point = driver.trials.propose(study, search.strategy, search.space, 12)
        driver.trials.begin(study, search.space, point)
        trial_id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, 12)
        study._storage.set_trial_intermediate_value(trial_id, 1, -1.0)
    _, study = _search(tmp_path, {**counting, "trials": 13}, halving, Climbing())
    assert (study.trials[12].state, study.trials[12].value) == (TrialState.PRUNED, -1.0)
    assert "12: " not in (Store(directory.weights()).read("calls") or b"").decode()


class Recording(RandomSearch):
    """Notes what it learns."""

    def reset(self) -> None:
        super().reset()
        self.learned: list[float] = []

    def learn(self, point: dict, reward: Any) -> None:
        super().learn(point, reward)
        self.learned.append(reward)


def test_strategies_learn_what_a_stopped_trial_had_reached() -> None:
    choices = {"a": optuna.distributions.CategoricalDistribution([1, 2, 3])}
    study = optuna.create_study(direction="minimize")
    for state, value, steps in (
        (TrialState.COMPLETE, 3.0, {}),
        (TrialState.PRUNED, 5.0, {2: 5.0}),
        (TrialState.PRUNED, None, {}),
        (TrialState.FAIL, None, {1: 7.0}),
    ):
        study.add_trial(
            create_trial(
                state=state,
                value=value,
                params={"a": 1},
                distributions=choices,
                intermediate_values=steps,
            )
        )
    sampler = Recording(choices)
    study.sampler = sampler
    study.ask(choices)
    assert sampler.learned == [-3.0, -5.0]


@pytest.mark.parametrize(
    ("pruner", "sentence"),
    [
        ({"type": "halving", "rungs": [1]}, r"pruner\.type: unknown 'halving'"),
        ({"type": "median"}, r"pruner\.rungs: \[\] are not valid rungs; .* such as \[5\]"),
        ({"type": "median", "rungs": [3, 2]}, r"pruner\.rungs: \[3, 2\] are not valid rungs"),
        ({"type": "median", "rungs": [0, 2]}, r"pruner\.rungs: \[0, 2\] are not valid rungs"),
        ({"type": "median", "rungs": [1.5]}, r"pruner\.rungs: \[1\.5\] are not valid rungs"),
        ({"type": "median", "rungs": [20]}, r"rungs: 20 is not before the end of .* 20 epochs"),
        (
            {"type": "hyperband", "rungs": [1], "hyperband": {"reduction_factor": 1}},
            r"pruner\.hyperband\.reduction_factor: 1 is too small",
        ),
        (
            {"type": "median", "rungs": [1], "median": {"n_startup_trials": -1}},
            r"pruner\.median\.n_startup_trials: -1 is too small",
        ),
    ],
)
def test_wrong_rungs_are_named(pruner: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve.resolve(schema.from_values({"pruner": pruner}, "test"))


def test_what_cannot_stop_early_is_told(counting: dict) -> None:
    pruner = {"type": "median", "rungs": [1]}
    with pytest.raises(UserError, match=r"'median' stops trainings early, and Parameters has none"):
        resolve.resolve(schema.from_values({**counting, "pruner": pruner}, "test"))
    two = {"strategy": {"type": "random"}, "objectives": ["accuracy", "-parameters"]}
    with pytest.raises(UserError, match=r"'median' goes by one objective, but there are 2"):
        resolve.resolve(schema.from_values({**two, "pruner": pruner}, "test"))
    short = {"settings": {"epochs": [1, 20]}, "pruner": pruner}
    with pytest.raises(UserError, match=r"1 is not before the end of a training of 1 epochs"):
        resolve.resolve(schema.from_values(short, "test"))


def test_the_best_are_trained_again_to_the_end() -> None:
    train = {"epochs": 5, "inherit": True, "seconds": 9.0, "reward_power": 3.0}
    values = {
        "strategy": {"type": "large_scale_evolution"},
        "pruner": {"type": "median", "rungs": [1]},
        "evaluator": {"train": train},
    }
    search = resolve.resolve(schema.from_values(values, "test"))
    assert search.rungs.epochs == (1,)
    longer = rerank.final(search)
    assert longer.rungs.epochs == ()
    # From new weights, and without the search's time limit; the reward is the same.
    expected = Train(normal_cells=4, filters=64, epochs=20, reward_power=3.0, inherit=False)
    assert longer.evaluator == expected
    values["rerank"] = {"evaluator": {"train": {"seconds": 100.0, "epochs": 7}}}
    named = rerank.final(resolve.resolve(schema.from_values(values, "test")))
    assert named.evaluator == Train(epochs=7, seconds=100.0, reward_power=3.0, inherit=False)


def test_a_directory_keeps_its_rungs(tmp_path: pathlib.Path) -> None:
    values = schema.from_values({"pruner": {"type": "median", "rungs": [1, 2]}}, "test")
    stored = schema.used_values(values)
    assert stored["pruner"]["rungs"] == [1, 2]
    comparison.require_same(schema.from_values(stored, "test"), stored, "there")
    values.pruner.rungs = [1, 3]
    with pytest.raises(UserError, match=r"pruner\.rungs is \[1, 3\], was \[1, 2\]"):
        comparison.require_same(values, stored, "there")
    # One that was made before there were pruners had none.
    older = {k: v for k, v in schema.used_values(schema.SearchConfig()).items() if k != "pruner"}
    comparison.require_same(schema.SearchConfig(), older, "there")


def test_the_metric_that_the_search_goes_by_is_what_the_pruner_is_told() -> None:
    made = early_stopping.resolve(
        "median", [1], {}, Train(), 20, [Objective("loss", maximize=False)]
    )
    assert made.metric == "loss"


@pytest.fixture(scope="module")
def digits(small: dict) -> ImageSettings:
    return ImageSettings(**{**small["images"], "training": 96})


def test_a_training_in_parts_is_bit_by_bit_that_in_one(
    digits: ImageSettings, tmp_path: pathlib.Path
) -> None:
    child = Train(
        normal_cells=1,
        filters=4,
        epochs=3,
        batch=32,
        cutout=4,
        drop_path_keep=0.8,
        reward_of="mean",
        reward_epochs=2,
        reward_power=3.0,
        inherit=True,
    )
    folders = [str(tmp_path / name) for name in ("whole", "parts")]
    whole = evaluate(request(child, digits, folder=folders[0], deterministic=True))
    part = request(child, digits, folder=folders[1], deterministic=True)
    parts = [evaluate(dataclasses.replace(part, until=until)) for until in (1, 2, 0)]
    assert [p.metrics["steps"] for p in parts] == [3, 6, 9]
    assert parts[2].metrics == whole.metrics
    one, other = (TrainingFiles(dataclasses.replace(part, folder=f)).read() for f in folders)
    assert one is not None and other is not None
    for name in ("trained", "moved", "velocity"):
        np.testing.assert_array_equal(one.arrays[name], other.arrays[name])
    # Zoph & Le 2017, section 4.1, with the mean of the last two.
    accuracies = [p.metrics["accuracy"] for p in parts]
    assert whole.reward == pytest.approx(((accuracies[1] + accuracies[2]) / 2) ** 3)
    # Asked once more, as by a driver that died before it wrote the result down: nothing is trained.
    again = evaluate(dataclasses.replace(part, until=2))
    assert again.metrics == whole.metrics
    # A training with other settings is not gone on with.
    other_seed = dataclasses.replace(part, seed=part.seed + 1)
    assert TrainingFiles(other_seed).read() is None
