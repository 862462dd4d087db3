"""The sieve: the best of many cheap scores are the first trials of a search."""

from __future__ import annotations

import copy
import pathlib
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import yaml
from optuna.trial import TrialState
from search_commands import run_command

from cell_search.config import resolve, schema
from cell_search.config.search import Search
from cell_search.driver import driver
from cell_search.driver.replay import replay
from cell_search.evaluators import Evaluator, Request, Score
from cell_search.evaluators._child_network import child_config, child_summary
from cell_search.study.directory import SearchDirectory
from cells.support import overrides
from cells.support.errors import UserError
from cells.support.signals import Interruptible


class Killed(BaseException):
    """As if the process had died: nothing catches it."""


def luck(name: str) -> float:
    return int(name[-6:], 16) % 97


@dataclass(frozen=True)
class Counted(Evaluator):
    """Metrics that follow from the name of a genotype, and a count of who asked."""

    reward: ClassVar[str] = "luck"
    asked: ClassVar[list[str]] = []
    dies_at: ClassVar[int] = -1
    same: bool = False
    fails: bool = False

    def score(self, request: Request) -> Score:
        if len(self.asked) == self.dies_at:
            raise Killed
        assert request.genotype is not None
        name = request.genotype.name
        self.asked.append(name)
        if self.fails and luck(name) > 40:
            raise MemoryError
        return Score({"luck": 1.0 if self.same else luck(name), "length": int(name[-4:], 16)})

    def metrics(self) -> tuple[str, ...]:
        return ("luck", "length")


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    Counted.asked.clear()
    Counted.dies_at = -1


@pytest.fixture
def settings(counting: dict) -> dict[str, Any]:
    return {
        **counting,
        "trials": 12,
        "top": 1,
        "sieve": {
            "candidates": 30,
            "keep": 6,
            "evaluator": {"type": "parameters", "parameters": {"normal_cells": 1, "filters": 4}},
        },
    }


def run(path: pathlib.Path, settings: dict[str, Any], cheap: Evaluator | None = None) -> Any:
    """Runs a search; returns its directory and what was resolved."""
    values = schema.SearchConfig()
    overrides.apply(values, settings, "test")
    search = resolve.resolve(values)
    if cheap is not None:
        assert search.sieve is not None
        object.__setattr__(search.sieve, "evaluator", cheap)
    directory = SearchDirectory(path)
    with directory.locked():
        directory.store_config(schema.used_values(values))
        driver.search(directory, search, Interruptible())
    return directory, search


def names(search: Search, trials: list) -> list[str]:
    return [search.space.decode(t.params).name for t in trials]


def sieve_trials(directory: SearchDirectory) -> list:
    return directory.open_sieve().get_trials()


def test_the_best_candidates_are_the_first_trials(settings: dict, tmp_path: pathlib.Path) -> None:
    directory, search = run(tmp_path / "search", settings, Counted())
    scored = names(search, sieve_trials(directory))
    assert scored == Counted.asked
    assert len(set(scored)) == 30
    first = names(search, directory.read_study().trials)
    assert [luck(name) for name in first[:6]] == sorted(map(luck, scored), reverse=True)[:6]
    # The search's own evaluator scored them, and the strategy went on.
    assert len(first) == 12
    assert {t.state for t in directory.read_study().trials} == {TrialState.COMPLETE}


def test_a_score_says_which_is_better_and_where_it_stands(
    settings: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings["sieve"] |= {"vote": ["-parameters"], "candidates": 8, "keep": 2}
    directory, _ = run(tmp_path / "search", settings)
    printed = capsys.readouterr().out
    assert "by parameters (smaller is better); the best 2 are trained first" in printed
    values = [t.values[0] for t in sieve_trials(directory)]
    places = [sorted(values[: i + 1]).index(v) + 1 for i, v in enumerate(values)]
    said = [line for line in printed.splitlines() if " of the sieve  " in line]
    for i, place in enumerate(places):
        assert f", place {place} of {i + 1}  " in said[i]


def test_the_strategy_learns_from_them(settings: dict, tmp_path: pathlib.Path) -> None:
    """A population of six that is full: what follows are mutations of those six, or of theirs."""
    settings["strategy"]["regularized_evolution"] = {"population": 6, "sample": 6}
    directory, _ = run(tmp_path / "search", settings)
    points = [t.params for t in directory.read_study().trials]
    for i in range(6, 12):
        distances = [sum(points[i][d] != p[d] for d in p) for p in points[:i]]
        assert min(distances) <= 1
    # A strategy that has seen nothing proposes the same from the record.
    search = resolve.resolve(schema.from_values(settings, "test"))
    assert [t.difference for t in replay(search, directory.read_study())] == [""] * 12


def test_the_record_is_replayed_from_a_database(settings: dict, tmp_path: pathlib.Path) -> None:
    """Two searches share it, so their studies have names of their own, and their sieves too."""
    settings |= {"storage": f"sqlite:///{tmp_path}/studies.db"}
    for name, seed in {"one": 0, "other": 7}.items():
        run(tmp_path / name, {**settings, "study": name, "seed": seed})
    search = resolve.resolve(schema.from_values({**settings, "study": "one"}, "test"))
    study = SearchDirectory(tmp_path / "one").read_study()
    assert [t.difference for t in replay(search, study)] == [""] * 12
    directory = f"--search_dir={tmp_path / 'other'}"
    command = run_command([sys.executable, "-m", "cell_search", "--mode=replay", directory])
    assert command.returncode == 0, command.stderr
    assert command.stdout.splitlines()[-1] == "12 of 12 proposals are equal"


def test_a_search_that_was_stopped_in_its_sieve_has_nothing_to_replay(
    settings: dict, tmp_path: pathlib.Path
) -> None:
    Counted.dies_at = 5
    with pytest.raises(Killed):
        run(tmp_path / "search", settings, Counted())
    search = resolve.resolve(schema.from_values(settings, "test"))
    assert list(replay(search, SearchDirectory(tmp_path / "search").read_study())) == []


def test_a_vote_is_the_mean_of_the_ranks(settings: dict, tmp_path: pathlib.Path) -> None:
    settings["sieve"]["vote"] = ["parameters", "-multiply_adds"]
    directory, search = run(tmp_path / "search", settings)
    points = [t.params for t in sieve_trials(directory)]
    sizes = []
    for point in points:
        genotype = search.space.decode(point)
        network = child_config(genotype, normal_cells=1, filters=4, size=(32, 32), num_classes=10)
        counts = child_summary(genotype, network)
        sizes.append((counts.trainable, -counts.multiply_adds))
    places = [
        sum(
            sum(other[i] < one[i] for other in sizes)
            + (sum(other[i] == one[i] for other in sizes) + 1) / 2
            for i in range(2)
        )
        for one in sizes
    ]
    best = sorted(range(30), key=lambda i: (-places[i], i))[:6]
    first = [t.params for t in directory.read_study().trials[:6]]
    assert first == [points[i] for i in best]
    page = (directory.path / "report.html").read_text()
    assert "30 candidates were scored by <b>vote</b>; the best 6" in page


def test_less_can_be_better(
    settings: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    settings["sieve"]["vote"] = ["-parameters"]
    directory, _ = run(tmp_path / "search", settings)
    counts = sorted(t.value for t in sieve_trials(directory))
    assert [t.value for t in directory.read_study().trials[:6]] == counts[:6]
    last = next(line for line in capsys.readouterr().out.splitlines() if " 30/30 " in line)
    assert f"best {counts[0]:,.0f} (candidate " in last


@pytest.mark.parametrize("dies_at", [0, 17])
def test_a_killed_sieve_goes_on_and_chooses_the_same(
    settings: dict, tmp_path: pathlib.Path, dies_at: int
) -> None:
    whole, search = run(tmp_path / "whole", settings, Counted())
    Counted.asked.clear()
    Counted.dies_at = dies_at
    with pytest.raises(Killed):
        run(tmp_path / "killed", settings, Counted())
    Counted.dies_at = -1
    killed, _ = run(tmp_path / "killed", settings, Counted())
    assert len(Counted.asked) == len(set(Counted.asked)) == 30
    assert names(search, killed.read_study().trials) == names(search, whole.read_study().trials)
    # A finished one asks nobody.
    run(tmp_path / "killed", {**settings, "trials": 13}, Counted())
    assert len(Counted.asked) == 30


def test_candidates_that_cannot_be_scored_are_not_kept(
    settings: dict, tmp_path: pathlib.Path
) -> None:
    directory, search = run(tmp_path / "search", settings, Counted(fails=True))
    first = names(search, directory.read_study().trials[:6])
    assert all(luck(name) <= 40 for name in first)
    page = (directory.path / "report.html").read_text()
    failed = sum(t.state == TrialState.FAIL for t in sieve_trials(directory))
    assert failed and f"({failed} could not be)" in page


def test_the_same_score_for_all_chooses_nothing(settings: dict, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="all 30 candidates have the same score, 1, which chooses"):
        run(tmp_path / "search", settings, Counted(same=True))
    # Nothing is lost.
    assert len(sieve_trials(SearchDirectory(tmp_path / "search"))) == 30


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keep": 0}, r"sieve\.keep: 0 is too small; use at least 1"),
        ({"keep": 30}, r"sieve\.keep: 30 of 30 candidates leaves no choice"),
        ({"keep": 13}, r"sieve\.keep: 13 is more than the 12 trials"),
        ({"vote": ["synflwo"]}, r"sieve\.vote: .*'synflwo'"),
        ({"vote": ["luck"]}, r"sieve\.vote: .*'luck'"),
        (
            {"evaluator": {"type": "synflow"}},
            r"sieve\.evaluator\.type: .*'synflow'",
        ),
    ],
)
def test_a_section_that_cannot_be(settings: dict, changes: dict, sentence: str) -> None:
    settings = copy.deepcopy(settings)
    settings["sieve"] |= changes
    values = schema.SearchConfig()
    with pytest.raises(UserError, match=sentence):
        overrides.apply(values, settings, "test")
        resolve.resolve(values)


def test_more_candidates_than_there_are(settings: dict, tmp_path: pathlib.Path) -> None:
    """Two sides that may each do eight things to one of two states: 136 different cells."""
    settings = {**settings, "space": {"name": "pnas", "blocks": 1}}
    settings["sieve"] = {**settings["sieve"], "candidates": 137}
    with pytest.raises(UserError, match=r"sieve\.candidates: 137 different candidates were not"):
        run(tmp_path / "search", settings)


def test_zero_cost_chooses_and_training_decides(small: dict, tmp_path: pathlib.Path) -> None:
    """The real thing: four children scored at initialisation, two of them trained."""
    settings = {
        **small,
        "images": {**small["images"], "size": 8},
        "trials": 2,
        "sieve": {
            "candidates": 4,
            "keep": 2,
            "vote": ["naswot", "synflow"],
            "evaluator": {"type": "zero_cost", "zero_cost": {"filters": 4, "batch": 8}},
        },
    }
    directory, _ = run(tmp_path / "search", settings)
    metrics = [t.user_attrs["metrics"] for t in sieve_trials(directory)]
    assert all({"naswot", "synflow", "parameters"} <= set(m) for m in metrics)
    assert [0.0 < t.value < 1.0 for t in directory.read_study().trials] == [True, True]
    stored = yaml.safe_load((directory.path / "config.yaml").read_text())["sieve"]
    assert stored["evaluator"] == settings["sieve"]["evaluator"]
