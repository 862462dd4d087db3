"""Bayesian optimisation: the process against scikit-learn, the acquisition against quadrature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from strategy_contract import StrategyContract, new_study, run

from cell_search.space import published
from cell_search.space.encoding import Encoding
from cell_search.space.space import Decision, Space
from cell_search.strategies import Bayesian, Strategy
from cell_search.strategies.model_based._bayesian import (
    _different,
    log_expected_improvement,
    normal_scores,
)
from cell_search.strategies.model_based._gaussian_process import CategoricalProcess
from cell_search.study import trials
from cells.support.errors import UserError

#: Two decisions of one kind with the same choices, and one of another kind.
DECISIONS = (
    Decision("a", ("x", "y", "z"), "operation"),
    Decision("b", (0, 1, 2, 3), "input"),
    Decision("c", ("x", "y", "z"), "operation"),
)
SIX = Space(tuple(Decision(f"d{i}", tuple(range(4)), "operation") for i in range(6)))


class TestBayesian(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Bayesian(space, seed=seed, initial=5, parents=3, candidates=60, thompson=0.0)


class TestThompson(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Bayesian(space, seed=seed, initial=5, candidates=60, thompson=0.5)


#: One-hot vectors, and vectors with counts above 1.
FLAT = Space(DECISIONS)
CELL = published.find("pnas", 2)


def _process(seed: int, space: Space) -> tuple[CategoricalProcess, np.ndarray, np.ndarray]:
    """A process with parameters drawn at random, and some data."""
    rng = np.random.default_rng(seed)
    process = CategoricalProcess(space.encoding)
    process.parameters = process.parameters + rng.normal(size=process.parameters.shape)
    return process, _vectors(space, rng, 15), rng.normal(size=15)


def _vectors(space: Space, rng: np.random.Generator, count: int) -> np.ndarray:
    return space.encoding(np.array([space.indices(space.random(rng)) for _ in range(count)]))


def _peer(process: CategoricalProcess, weights: np.ndarray) -> GaussianProcessRegressor:
    """scikit-learn's process with the same parameters: lengths are roots of inverse weights."""
    scale, noise = np.exp(process.parameters[-2:])
    kernel = ConstantKernel(scale) * RBF(1.0 / np.sqrt(weights)) + WhiteKernel(noise)
    return GaussianProcessRegressor(kernel, alpha=1e-8, optimizer=None)


@pytest.mark.parametrize("space", [FLAT, CELL])
def test_the_posterior_is_scikit_learns(space: Space) -> None:
    process, vectors, values = _process(0, space)
    peer = _peer(process, process.weights()).fit(vectors, values)
    others = _vectors(space, np.random.default_rng(9), 30)
    posterior = process.posterior(vectors, values)
    mean, deviation = posterior.predict(others)
    wanted, total = peer.predict(others, return_std=True)
    np.testing.assert_allclose(mean, wanted, atol=1e-6)
    noise = np.exp(process.parameters[-1])
    np.testing.assert_allclose(deviation**2 + noise, total**2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(posterior.fitted, peer.predict(vectors), atol=1e-6)


def test_points_that_run_move_no_mean_and_leave_the_variance_of_data() -> None:
    process, vectors, values = _process(1, FLAT)
    running = FLAT.encoding(np.array([[0, 3, 1], [2, 2, 2]]))
    others = FLAT.encoding(np.array(list(itertools.product(range(3), range(4), range(3)))))
    mean, deviation = process.posterior(vectors, values, running).predict(others)
    np.testing.assert_allclose(mean, process.posterior(vectors, values).predict(others)[0])
    believed = process.posterior(vectors, values).predict(running)[0]
    both = np.concatenate([vectors, running])
    as_data = process.posterior(both, np.concatenate([values, believed])).predict(others)
    np.testing.assert_allclose(mean, as_data[0], atol=1e-6)
    np.testing.assert_allclose(deviation, as_data[1], atol=1e-6)


@pytest.mark.parametrize("space", [FLAT, CELL])
def test_the_loss_is_likelihood_times_prior_with_its_gradient(space: Space) -> None:
    process, vectors, values = _process(2, space)
    at = process.parameters
    loss, gradient = process.loss(at, vectors, values)
    numeric = optimize.approx_fprime(at, lambda p: process.loss(p, vectors, values)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, atol=1e-3, rtol=1e-3)
    # At the middle of the prior there is nothing but the likelihood.
    middle = CategoricalProcess(space.encoding)
    peer = _peer(middle, middle.weights()).fit(vectors, values)
    constant = 0.5 * len(values) * np.log(2.0 * np.pi)
    found, _ = middle.loss(middle.parameters, vectors, values)
    assert found + constant == pytest.approx(-peer.log_marginal_likelihood_value_, abs=1e-5)
    assert loss > found, "parameters drawn at random are less likely"


def test_a_fit_finds_the_decision_that_matters() -> None:
    rng = np.random.default_rng(3)
    process = CategoricalProcess(SIX.encoding)
    indices = rng.integers(4, size=(60, 6))
    values = normal_scores(np.array([0.0, 1.0, 5.0, 2.0])[indices[:, 2]] + 1e-3 * indices[:, 0])
    process.fit(SIX.encoding(indices), values)
    weights = process.weights().reshape(6, 4).sum(axis=1)
    assert weights.argmax() == 2
    assert weights[2] > 3.0 * np.delete(weights, 2).max()


@pytest.mark.parametrize("kinds", [("operation", "operation"), ("operation", "other")])
def test_decisions_of_one_kind_share_what_they_learn_of_choices(kinds: tuple[str, str]) -> None:
    """The first decision shows that choice 0 is unlike the others; the second never takes it."""
    decisions = [Decision(f"d{i}", (0, 1, 2), kind) for i, kind in enumerate(kinds)]
    encoding = Encoding.flat(decisions)
    process = CategoricalProcess(encoding)
    rng = np.random.default_rng(4)
    indices = np.stack([rng.integers(3, size=80), rng.integers(1, 3, size=80)], axis=1)
    values = np.where(indices[:, 0] == 0, -1.5, 0.5) + 0.1 * (indices == 2).sum(axis=1)
    process.fit(encoding(indices), values)
    second = process.weights()[3:]
    assert (second[0] > 1.25 * second[1:].max()) == (kinds[0] == kinds[1])


@pytest.mark.parametrize(
    ("mean", "deviation", "best"),
    [(0.0, 1.0, 0.0), (1.3, 0.2, 1.0), (-1.0, 0.5, 1.0), (2.0, 0.01, 1.0), (0.0, 1.0, 6.0)],
)
def test_expected_improvement_against_quadrature(mean, deviation, best) -> None:
    density = stats.norm(mean, deviation).pdf
    low, high = max(best, mean - 12 * deviation), max(best, mean) + 12 * deviation
    wanted, _ = integrate.quad(lambda f: (f - best) * density(f), low, high, epsabs=0, epsrel=1e-10)
    found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    np.testing.assert_allclose(np.exp(found), wanted, rtol=1e-7)


def test_expected_improvement_still_tells_the_hopeless_apart() -> None:
    found = log_expected_improvement(np.array([-60.0, -50.0, -1.0]), np.ones(3), 0.0)
    assert np.all(np.isfinite(found)) and np.all(np.diff(found) > 0)


def test_normal_scores_are_the_quantiles_of_ranks() -> None:
    scores = normal_scores(np.array([30.0, -1e9, 30.5, 30.0]))
    ranks = np.array([2.5, 1.0, 4.0, 2.5])
    np.testing.assert_allclose(stats.norm.cdf(scores), (ranks - 0.5) / 4)


def _bowl(point: dict) -> float:
    """One best point; the decisions 2 and 3 count only together."""
    values = list(point.values())
    score = -abs(values[0] - 1) - abs(values[1] - 2) - 0.5 * abs(values[4] - values[5])
    return score - 2.0 * (values[2] != (values[3] + 1) % 4) - 0.3 * values[5]


def test_it_finds_the_best_of_4096_in_few_queries() -> None:
    """Random search without repetition needs 2,000 on average: four points are best."""
    best = max(_bowl(SIX.from_indices(i)) for i in itertools.product(range(4), repeat=6))
    for seed in range(3):
        points = run(new_study(), Bayesian(SIX, seed=seed), 60, _bowl)
        assert max(map(_bowl, points)) == best


def test_only_the_order_of_rewards_counts() -> None:
    one = run(new_study(), Bayesian(SIX, seed=1), 30, _bowl)
    two = run(new_study(), Bayesian(SIX, seed=1), 30, lambda point: 0.5 + 0.01 * _bowl(point))
    three = run(new_study(), Bayesian(SIX, seed=1), 30, lambda point: float(np.exp(_bowl(point))))
    assert one == two == three


def test_no_candidate_twice_and_the_whole_of_a_small_space() -> None:
    space = published.find("pnas", 1)
    points = run(new_study(), Bayesian(space, seed=0), 140)
    keys = [space.canonical_key(point) for point in points]
    assert len(set(keys[:136])) == 136
    # When there is no new one left, it goes on with old ones.
    assert len(set(keys)) == 136


def test_what_runs_is_not_proposed_again() -> None:
    study, strategy = new_study(), Bayesian(SIX, seed=2, candidates=100)
    run(study, strategy, 15, _bowl)
    points = []
    for number in range(15, 45):
        points.append(trials.propose(study, strategy, SIX, number))
        trials.begin(study, SIX, points[-1])
    keys = {SIX.canonical_key(t.params) for t in study.trials}
    assert len(keys) == 45


@pytest.mark.parametrize("patience", [10, 1000])
def test_a_search_that_stands_still_tries_all_neighbours_of_the_best(patience: int) -> None:
    """A trap: the first point is the best, and of the others the farthest from it."""
    first: dict = {}

    def trap(point: dict) -> float:
        first.update(point) if not first else None
        away = sum(point[name] != choice for name, choice in first.items())
        return away / 10 if away else 1.0

    strategy = Bayesian(SIX, seed=0, initial=5, candidates=60, patience=patience)
    points = run(new_study(), strategy, 29, trap)
    tried = [point for point in SIX.neighbours(first) if point in points]
    # One point, ten results to wait for, at most the 18 neighbours.
    assert (len(tried) == 18) == (patience == 10)


def test_different_rows_are_those_of_numpy() -> None:
    rng = np.random.default_rng(5)
    rows = rng.integers(0, [3, 2, 300], size=(400, 3))
    np.testing.assert_array_equal(_different(rows), np.unique(rows, axis=0))


def test_a_long_history_is_cut() -> None:
    """The best are remembered however old they are, and the newest whatever they are worth."""
    strategy = Bayesian(SIX, seed=0)
    rng = np.random.default_rng(0)
    points = [SIX.random(rng) for _ in range(1500)]
    for number, point in enumerate(points):
        strategy.observe(point)
        strategy.learn(point, float(number == 7))
    vectors, scores = strategy._data(1500, 100)
    assert len(vectors) == len(scores) == 100
    one_hot = SIX.encoding(np.array([SIX.indices(p) for p in points]))
    np.testing.assert_array_equal(vectors[-50:], one_hot[-50:])
    assert scores.argmax() < 50 and (vectors[scores.argmax()] == one_hot[7]).all()
    assert set(strategy.propose(rng)) == set(points[0])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"initial": 1}, "strategy.bayesian.initial: 1 is too small; use at least 2"),
        ({"parents": 0}, "strategy.bayesian.parents: 0 is too small; use at least 1"),
        ({"candidates": 1}, "strategy.bayesian.candidates: 1 is too small; use at least 2"),
        ({"patience": 0}, "strategy.bayesian.patience: 0 is too small; use at least 1"),
        ({"thompson": 1.5}, "strategy.bayesian.thompson: 1.5 is too large; use at most 1"),
    ],
)
def test_bad_settings_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        Bayesian(SIX, **settings)
    assert str(error.value) == sentence
