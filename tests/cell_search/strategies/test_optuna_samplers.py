"""Optuna's samplers by name: the contract for some, whole searches, and what is refused."""

from __future__ import annotations

import importlib.util
import itertools
import pathlib

import optuna
import pytest
from strategy_contract import StrategyContract, new_study, run, share_of_identity

import cell_search
from cell_search.config import resolve, schema
from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import STRATEGIES, RandomSearch, Strategy
from cell_search.study import trials
from cells.support.errors import UserError

SMALL = Space((Decision("a", ("x", None, 3)), Decision("b", (True, 0.5)), Decision("c", (1, 2, 3))))


def make(name: str, space: Space | dict = SMALL, seed: int = 0, **settings: object) -> Strategy:
    return STRATEGIES.find(f"optuna:{name}")(space, seed=seed, **settings)


class TestTPE(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return make("TPESampler", space, seed, n_startup_trials=5, multivariate=True, group=True)


class TestNSGAII(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return make("NSGAIISampler", space, seed, population_size=6)


@pytest.mark.parametrize("name", ["GridSampler", "BruteForceSampler"])
def test_every_point_of_the_space_once(name: str) -> None:
    """Also where some fail, and where a new sampler goes on."""
    study, points = new_study(), []
    for seed_of_failures in range(6):
        points += run(
            study,
            make(name),
            3,
            lambda p, n=seed_of_failures: None if p["c"] == 2 and n % 2 else float(p["c"]),
        )
    wanted = set(itertools.product(*(d.choices for d in SMALL.decisions)))
    assert {tuple(p.values()) for p in points} == wanted


@pytest.mark.parametrize(
    ("name", "settings"),
    [("TPESampler", {}), ("NSGAIISampler", {"population_size": 15}), ("NSGAIIISampler", {})],
)
def test_they_learn(name: str, settings: dict) -> None:
    space = published.find("pnas", 3)
    means = []
    for strategy in (make(name, space, **settings), RandomSearch(space)):
        points = run(new_study(), strategy, 120)
        means.append(sum(map(share_of_identity, points[80:])) / 40)
    assert means[0] > means[1] + 0.05


def test_the_generations_are_those_of_optuna_itself() -> None:
    """NSGA-II breeds from what the study says of generations; here that is rebuilt."""
    space = published.find("pnas", 2)
    sampler = optuna.samplers.NSGAIISampler(population_size=5, seed=0)
    study = new_study()
    study.sampler = sampler
    for _ in range(23):
        asked = study.ask(dict(space.distributions))
        study.tell(asked, share_of_identity(asked.params))
    strategy = make("NSGAIISampler", space, population_size=5)
    run(new_study(), strategy, 23)
    key = sampler._get_generation_key()
    theirs = [t.system_attrs[key] for t in study.trials]
    ours = [t.system_attrs[key] for t in strategy._known]  # type: ignore[attr-defined]
    assert ours == theirs[: len(ours)] and len(ours) == 22


@pytest.mark.parametrize("name", ["TPESampler", "NSGAIISampler", "RandomSampler"])
def test_a_whole_search_by_configuration(counting: dict, tmp_path: pathlib.Path, name: str) -> None:
    settings = {**counting, "trials": 12, "strategy": {"type": f"optuna:{name}"}}
    if name == "TPESampler":
        settings["strategy"]["optuna_TPESampler"] = {"n_startup_trials": 4}
    found = []
    for folder, counts in (("once", [12]), ("twice", [5, 12])):
        for count in counts:
            result = cell_search.search(settings, trials=count, directory=tmp_path / folder)
        found.append([(t.params, t.value) for t in result.study.trials])
    assert found[0] == found[1], "a search goes on as if it had not stopped"
    assert (tmp_path / "once" / "genotype.json").exists()


def test_two_objectives() -> None:
    study = new_study("maximize", "maximize")
    run(study, make("NSGAIISampler", population_size=4), 20, lambda p: (p["c"], -p["c"]))
    assert len(study.best_trials) > 1


def test_settings_are_those_of_the_sampler() -> None:
    values = {
        "strategy": {"type": "optuna:TPESampler", "optuna_TPESampler": {"n_startup_trials": 3}}
    }
    search = resolve.resolve(schema.from_values(values, "test"))
    assert search.strategy._make(0)._n_startup_trials == 3  # type: ignore[attr-defined]
    values["strategy"]["optuna_TPESampler"] = {"n_startup": 3}
    with pytest.raises(UserError, match="n_startup"):
        schema.from_values(values, "test")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("CmaEsSampler", "takes numbers only"),
        ("QMCSampler", "takes numbers only"),
        ("PartialFixedSampler", "needs another sampler"),
        ("TPE", r"did you mean 'optuna:TPESampler'"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        STRATEGIES.find(f"optuna:{name}")


def test_a_bad_argument_names_the_sampler() -> None:
    with pytest.raises(UserError, match=r"strategy\.optuna_NSGAIISampler: .*population_size"):
        make("NSGAIISampler", population_size=1)


def test_a_large_grid_is_refused() -> None:
    with pytest.raises(UserError, match="optuna:BruteForceSampler"):
        make("GridSampler", published.find("nasnet"))


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is there")
def test_gp_asks_for_torch() -> None:
    with pytest.raises(UserError, match=r"needs PyTorch.*transferable-cells\[torch\]"):
        make("GPSampler")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_gp_learns() -> None:
    points = run(new_study(), make("GPSampler", n_startup_trials=4), 12, lambda p: float(p["c"]))
    assert points[-1]["c"] == 3


def test_the_study_of_the_user_is_left_alone() -> None:
    study = new_study()
    run(study, make("NSGAIISampler", population_size=4), 10, lambda p: float(p["c"]))
    assert len(study.trials) == 10
    assert trials.parent(study.trials[0]) is None
