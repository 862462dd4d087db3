"""The strategies: the contract, and what the papers say of each."""

from __future__ import annotations

import itertools
from collections import Counter, deque

import numpy as np
import optuna
import pytest
from scipy import stats
from strategy_contract import StrategyContract, new_study, run, share_of_identity

from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import STRATEGIES, RandomSearch, RegularizedEvolution, Strategy, mutate
from cell_search.study import trials
from cells.support.errors import UserError


class TestRandomSearch(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return RandomSearch(space, seed=seed)


class TestRegularizedEvolution(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return RegularizedEvolution(space, seed=seed, population=6, sample=3)


def test_random_search_is_uniform_over_every_decision() -> None:
    space = published.find("nasnet")
    points = run(new_study(), RandomSearch(space, seed=11), 800)
    worst = 1.0
    for decision in space.decisions:
        counts = Counter(point[decision.name] for point in points)
        worst = min(worst, stats.chisquare([counts[c] for c in decision.choices]).pvalue)
    # The smallest of 50 uniform values is below 0.0001 in one of 200 such tests; the seed is fixed.
    assert worst > 1e-4


def test_random_search_draws_pairs_of_decisions_independently() -> None:
    space = published.find("pnas", 2)
    points = run(new_study(), RandomSearch(space, seed=5), 1000)
    one, two = "cell/0/left/operation", "cell/1/right/operation"
    operations = space.rules.operations
    table = np.zeros((8, 8))
    for point in points:
        table[operations.index(point[one]), operations.index(point[two])] += 1
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_random_search_proposes_each_of_the_136_cells_of_one_block_once() -> None:
    space = published.find("pnas", 1)
    points = run(new_study(), RandomSearch(space, seed=0, attempts=5000), 140)
    keys = [space.canonical_key(point) for point in points]
    assert len(set(keys[:136])) == 136
    # When there is no new one left, it goes on with old ones instead of looking forever.
    assert len(set(keys)) == 136


def test_random_search_avoids_what_is_still_running() -> None:
    space = Space((Decision("a", (0, 1)),))
    study = new_study()
    for value in (0, 1):
        strategy = RandomSearch(space, seed=value)
        first = strategy.sample_relative(study, _running(0), space.distributions)
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=first,
                distributions=dict(space.distributions),
            )
        )
        second = strategy.sample_relative(study, _running(1), space.distributions)
        assert first != second
        study = new_study()


def _running(number: int) -> optuna.trial.FrozenTrial:
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    trial.number = number
    return trial


def test_evolution_ages_and_mutates_one_decision() -> None:
    """Real et al. 2019, algorithm 1, followed trial by trial."""
    population, space = 8, published.find("nasnet", 2)
    strategy = RegularizedEvolution(space, seed=1, population=population, sample=3)
    points = run(new_study(), strategy, 300)
    alive: deque[dict] = deque(points[:population], maxlen=population)
    same = 0
    for point in points[population:]:
        differences = [sum(point[k] != parent[k] for k in point) for parent in alive]
        assert min(differences) <= 1, "a child is one mutation away from a living individual"
        same += min(differences) == 0
        alive.append(point)
    # Identity has probability 0.05; a few more find a living twin by chance.
    assert 3 <= same <= 60


def test_evolution_lets_the_best_die_of_age() -> None:
    """With P = 1 a child has no other parent than the last individual, however bad that was."""
    space = published.find("nasnet", 1)
    strategy = RegularizedEvolution(space, seed=0, population=1, sample=1, identity=0.0)
    scores = iter([1.0] + [0.0] * 50)
    points = run(new_study(), strategy, 40, lambda _: next(scores))
    for parent, child in itertools.pairwise(points):
        assert sum(parent[k] != child[k] for k in parent) == 1
    assert sum(points[0][k] != points[-1][k] for k in points[0]) > 1


def test_evolution_takes_the_best_of_the_sample() -> None:
    """A sample of a hundred finds the best of three all but surely (2.5e-18 otherwise)."""
    space = published.find("nasnet", 3)
    strategy = RegularizedEvolution(space, seed=0, population=3, sample=3, identity=1.0)
    object.__setattr__(strategy.settings, "sample", 100)  # More than there are.
    scores = iter([0.1, 0.9, 0.5, 0.2, 0.3])
    points = run(new_study(), strategy, 5, lambda _: next(scores))
    assert points[3] == points[1], "trials 0, 1, 2 live; the best is trial 1"
    assert points[4] == points[1], "trials 1, 2, 3 live; the best is still trial 1"


@pytest.mark.parametrize("name", ["nasnet", "pnas"])
def test_evolution_beats_random_search_where_there_is_something_to_climb(name: str) -> None:
    space = published.find(name, 3)

    def best(strategy: Strategy) -> float:
        return max(map(share_of_identity, run(new_study(), strategy, 250)))

    evolved = [
        best(RegularizedEvolution(space, seed=seed, population=20, sample=10)) for seed in range(3)
    ]
    drawn = [best(RandomSearch(space, seed=seed)) for seed in range(3)]
    assert min(evolved) > max(drawn)


def test_mutation_reaches_every_decision_of_every_kind() -> None:
    space = published.find("nasnet", 2)
    rng = np.random.default_rng(0)
    point = space.random(rng)
    changed = Counter()
    for _ in range(3000):
        mutated = mutate(space, point, rng)
        (name,) = [k for k in point if point[k] != mutated[k]]
        changed[name] += 1
    assert set(changed) == {d.name for d in space.decisions}
    kinds = Counter()
    for decision in space.decisions:
        kinds[decision.kind] += changed[decision.name]
    assert stats.chisquare(list(kinds.values())).pvalue > 1e-3


def test_the_order_of_finishing_decides_not_the_clock() -> None:
    """A clock that was set back must not change what a restarted search proposes."""
    import datetime

    space = published.find("nasnet", 1)
    strategies = [
        RegularizedEvolution(space, seed=2, population=2, sample=1, identity=1.0) for _ in range(2)
    ]
    studies = [new_study(), new_study()]
    rng = np.random.default_rng(0)
    points = [space.random(rng) for _ in range(4)]
    noon = datetime.datetime(2026, 10, 25, 12)
    for study, hours in zip(studies, ([0, 1, 2, 3], [3, 2, 1, 0]), strict=True):
        for order, (point, hour) in enumerate(zip(points, hours, strict=True)):
            trial = optuna.trial.create_trial(
                value=0.5,
                params=point,
                distributions=dict(space.distributions),
                user_attrs={"finished": order},
            )
            trial.datetime_complete = noon + datetime.timedelta(hours=hour)
            study.add_trial(trial)
    proposals = [
        s.sample_relative(study, _running(4), space.distributions)
        for s, study in zip(strategies, studies, strict=True)
    ]
    assert proposals[0] == proposals[1]
    assert proposals[0] in points[2:]


def test_a_name_is_registered_once_and_unknown_names_list_what_exists() -> None:
    with pytest.raises(ValueError, match="'random' is registered already"):
        STRATEGIES.register("random")(RandomSearch)
    with pytest.raises(UserError, match=r"regularised_evolution.*did you mean 'regularized_evol"):
        STRATEGIES.find("regularised_evolution")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"population": 0}, "population: 0 is too small"),
        ({"population": 3, "sample": 4}, "sample: 4 is not in 1 to 3"),
        ({"identity": 1.5}, "identity: 1.5 is too large"),
    ],
)
def test_settings_of_evolution_are_checked(settings: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        RegularizedEvolution(published.find("pnas"), **settings)


def test_numbers_are_refused_as_decisions() -> None:
    with pytest.raises(UserError, match=r"'rate' is a FloatDistribution.*CategoricalDistribution"):
        RandomSearch({"rate": optuna.distributions.FloatDistribution(0.0, 1.0)})


def test_where_nothing_is_feasible_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "ATTEMPTS", 40)
    space = Space((Decision("a", (0, 1)), Decision("b", (0, 1))))
    with pytest.raises(
        UserError, match=r"trial 0: none of 40 proposals \(4 different\) of RandomSearch keeps to"
    ):
        trials.propose_feasible(
            new_study(), RandomSearch(space), space, 0, lambda point: False, "the limits"
        )


def test_random_search_does_not_draw_a_rejected_candidate_again() -> None:
    space = Space((Decision("a", tuple(range(30))),))
    study, asked = new_study(), []

    def feasible(point: dict) -> bool:
        asked.append(point["a"])
        return point["a"] >= 15

    for _ in range(15):
        run(study, RandomSearch(space, seed=2, attempts=10_000), 1, lambda _: 0.0, feasible)
    assert len(asked) == len(set(asked)), "also across restarts"
