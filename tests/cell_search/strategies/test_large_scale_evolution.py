"""Evolution by tournaments: the contract, and Real et al. 2017 followed trial by trial."""

from __future__ import annotations

import itertools
import pathlib
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import optuna
import pytest
from strategy_contract import StrategyContract, new_study, run, share_of_identity

import cell_search
from cell_search.evaluators import Evaluator, Request, Score
from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import LargeScaleEvolution, RandomSearch, Strategy
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cells.support.errors import UserError


class TestLargeScaleEvolution(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return LargeScaleEvolution(space, seed=seed, population=5)


def search(strategy: Strategy, count: int, score=share_of_identity) -> list[tuple]:
    """Runs a search as the driver does: point, score and parent of each trial."""
    study, found = new_study(), []
    for number in range(count):
        point = trials.propose(study, strategy, strategy.space, number)
        parent = strategy.parent(point)
        trials.begin(study, strategy.space, point, parent=parent)
        found.append((point, score(point), parent))
        study.tell(number, found[-1][1])
    assert [trials.parent(t) for t in study.get_trials()] == [parent for _, _, parent in found]
    return found


def test_winners_have_children_and_losers_none() -> None:
    """Section 3.1: a pair is drawn; the worse is removed at once, the better has a child."""
    space, population = published.find("nasnet", 2), 6
    rng = np.random.default_rng(0)
    scores = rng.permutation(300).astype(float)
    number = itertools.count()
    found = search(
        LargeScaleEvolution(space, seed=3, population=population, reset_weights=0.0),
        300,
        lambda _: scores[next(number)],
    )
    assert all(parent is None for _, _, parent in found[:population])
    living = set(range(population))
    for child in range(population, 300):
        parent = found[child][2]
        assert parent in living
        # With different scores somebody dies each time: one that is worse than the parent.
        assert any(scores[other] < scores[parent] for other in living - {parent})
        differences = sum(found[child][0][k] != found[parent][0][k] for k in found[parent][0])
        assert differences <= 1
        living.add(child)


@pytest.mark.parametrize("seed", range(5))
def test_with_two_individuals_the_better_always_wins(seed: int) -> None:
    """P = 2 leaves one after each tournament: the best so far, whatever is drawn."""
    space = published.find("pnas", 2)
    number = itertools.count()
    scores = np.random.default_rng(seed).permutation(60).astype(float)
    found = search(
        LargeScaleEvolution(space, seed=seed, population=2, reset_weights=0.0),
        60,
        lambda _: scores[next(number)],
    )
    for child in range(2, 60):
        assert found[child][2] == int(np.argmax(scores[:child]))


def test_mutations_have_the_shares_of_the_paper() -> None:
    """Of eleven mutations identity and reset are one each; of those that change something, four
    are of operations and two of inputs (the others have no counterpart in a cell)."""
    space = published.find("nasnet", 3)
    strategy = LargeScaleEvolution(space, seed=1, population=2)
    scores = itertools.chain([1.0, 2.0], itertools.repeat(0.0))
    found = search(strategy, 1500, lambda _: next(scores))
    parent, counts = found[1][0], Counter()
    kinds = {d.name: d.kind for d in space.decisions}
    for point, _, number in found[2:]:
        changed = [kinds[name] for name in parent if point[name] != parent[name]]
        if changed:
            assert number == 1
            counts[changed[0]] += 1
        else:
            counts["identity" if number == 1 else "reset"] += 1
    expected = {"identity": 1 / 11, "reset": 1 / 11}
    expected |= {
        k: 9 / 11 * n / 7 for k, n in {"operation": 4, "input": 2, "combination": 1}.items()
    }
    for kind, share in expected.items():
        error = (share * (1 - share) / 1498) ** 0.5
        assert abs(counts[kind] / 1498 - share) < 4 * error, kind


def test_amounts_at_most_double_or_halve() -> None:
    """Section 3.2: a learning rate is multiplied by a factor between one half and two."""
    rates = (0.001, 0.01, 0.02, 0.03, 0.04, 0.1)
    space = Space((Decision("rate", rates, "learning_rate"), Decision("x", (0, 1), "operation")))
    strategy = LargeScaleEvolution(space, seed=0, population=2, identity=0.0, reset_weights=0.0)
    found = search(strategy, 300, lambda point: float(np.random.default_rng(0).random()))
    steps = set()
    for point, _, parent in found[2:]:
        one, other = found[parent][0]["rate"], point["rate"]
        if one != other:
            steps.add((one, other))
            assert one / 2 <= other <= one * 2 or not any(
                one / 2 <= r <= one * 2 for r in rates if r != one
            )
    assert steps


def test_an_optuna_study_records_the_parents() -> None:
    space = published.find("pnas", 1)
    study = new_study()
    study.sampler = LargeScaleEvolution(space, seed=0, population=3)

    def objective(trial: optuna.Trial) -> float:
        return share_of_identity(
            {n: trial.suggest_categorical(n, d.choices) for n, d in space.distributions.items()}
        )

    study.optimize(objective, n_trials=30)
    parents = [t.user_attrs.get("parent") for t in study.trials]
    assert parents[:3] == [None] * 3
    assert sum(p is not None for p in parents) > 20
    assert all(p is None or p < n for n, p in enumerate(parents))


def test_it_beats_random_search() -> None:
    space = published.find("nasnet", 3)

    def best(strategy: Strategy) -> float:
        return max(map(share_of_identity, run(new_study(), strategy, 250)))

    evolved = [best(LargeScaleEvolution(space, seed=seed, population=10)) for seed in range(3)]
    assert min(evolved) > max(best(RandomSearch(space, seed=seed)) for seed in range(3))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"population": 1}, r"large_scale_evolution\.population: 1 is too small; use at least 2"),
        ({"identity": -0.1}, r"identity: -0\.1 is too small; use at least 0"),
        ({"identity": 0.6, "reset_weights": 0.6}, "more than 1 together"),
    ],
)
def test_settings_are_checked(settings: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        LargeScaleEvolution(published.find("pnas"), **settings)


@dataclass(frozen=True)
class Parents(Evaluator):
    """Scores by the number of the trial, and reports the parent that it was offered."""

    reward: ClassVar[str] = "number"
    stop_at: int = 1000

    def score(self, request: Request) -> Score:
        if request.number == self.stop_at:
            raise KeyboardInterrupt
        parent = -1 if request.parent is None else request.parent
        return Score({"number": float(request.number % 7), "parent": parent})


def _search(path: pathlib.Path, settings: dict, stop_at: int = 1000) -> None:
    cell_search.search(settings, evaluator=Parents(stop_at), directory=path)


def test_the_evaluator_is_offered_the_parent_also_after_a_restart(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    settings = {
        **counting,
        "strategy": {
            "type": "large_scale_evolution",
            "large_scale_evolution": {"population": 4, "reset_weights": 0.3},
        },
    }
    _search(tmp_path / "whole", settings)
    inherits = next(
        t.number for t in _read(tmp_path / "whole")[15:] if trials.parent(t) is not None
    )
    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path / "cut", settings, stop_at=inherits)
    _search(tmp_path / "cut", settings)
    stories = [
        [(t.params, t.user_attrs["metrics"]["parent"]) for t in _read(tmp_path / name)]
        for name in ("whole", "cut")
    ]
    assert stories[0] == stories[1]
    offered = [trials.parent(t) for t in _read(tmp_path / "cut")]
    assert [-1 if p is None else p for p in offered] == [parent for _, parent in stories[0]]
    assert 15 < sum(p is not None for p in offered) < 36


def _read(path: pathlib.Path) -> list[optuna.trial.FrozenTrial]:
    return SearchDirectory(path).read_study().trials
