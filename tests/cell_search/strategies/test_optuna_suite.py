"""Optuna's own tests of samplers, for strategies: what is categorical of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.testing import pytest_samplers as suite

from cell_search.strategies import STRATEGIES

#: One of each kind; what they share is in `Strategy`, and `StrategyContract` meets all of them.
NAMES = (
    "random",
    "regularized_evolution",
    "local_search",
    "reinforce",
    "bayesian",
    "progressive",
    "optuna:TPESampler",
)

#: As of `test_sample_relative_categorical`, and of a study whose parameters are all others.
SPACES = {
    "own": {
        "x": CategoricalDistribution([1, 10, 100]),
        "y": CategoricalDistribution([-1, -10, -100]),
    },
    "other": {"layer": CategoricalDistribution(["conv", "pool"])},
}


def make(name: str, space: str) -> Callable[[], BaseSampler]:
    return lambda: STRATEGIES.find(name)(SPACES[space], seed=None)


class TestBasic(suite.BasicSamplerTestCase):
    @pytest.fixture(params=NAMES)
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return make(request.param, "other")


class TestRelative(suite.RelativeSamplerTestCase):
    @pytest.fixture(params=NAMES)
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        own = "categorical" in request.node.name
        return make(request.param, "own" if own else "other")

    # Numbers are no choices: they are drawn one by one, as `TestBasic` sees.
    test_sample_relative_numerical = None
    test_sample_relative_mixed = None


class TestSingleOnly(suite.SingleOnlySamplerTestCase):
    @pytest.fixture(params=["local_search", "reinforce", "bayesian"])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return make(request.param, "other")


class TestMultiObjective(suite.MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=["random", "optuna:NSGAIISampler"])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return make(request.param, "other")


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_of_none_is_another_each_time(name: str) -> None:
    """Of 30 draws among 9 points, that all are equal has a chance of 9^-30."""

    def draws() -> list[dict]:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=make(name, "own")())
        for _ in range(30):
            trial = study.ask(SPACES["own"])
            study.tell(trial, np.nan)
        return [trial.params for trial in study.trials]

    assert draws() != draws()
