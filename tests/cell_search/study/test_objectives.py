"""Several objectives: the front, what evolution makes of it, and what a search leaves."""

from __future__ import annotations

import itertools
import json
import pathlib
import re

import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume
from strategy_contract import new_study, run

import cell_search
from benchmarks.hypervolume import hypervolume
from cell_search.config import resolve, schema
from cell_search.evaluators import Result
from cell_search.output.charts import scatter
from cell_search.space import pareto
from cell_search.space.space import Decision, Space
from cell_search.strategies import RandomSearch, RegularizedEvolution
from cell_search.study import objectives, trials
from cell_search.study.objectives import Objective
from cells.genotype import genotype_file
from cells.support import overrides
from cells.support.errors import UserError


def _dominates(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one >= other).all() and (one > other).any())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_ranks_peel_one_front_after_the_other(count: int) -> None:
    rng = np.random.default_rng(count)
    rewards = rng.integers(6, size=(60, count)).astype(float)
    rank = pareto.ranks(rewards)
    left = list(range(60))
    for front in itertools.count():
        if not left:
            break
        best = [i for i in left if not any(_dominates(rewards[j], rewards[i]) for j in left)]
        assert sorted(np.flatnonzero(rank == front)) == best
        left = [i for i in left if i not in best]
    assert (pareto.dominated(rewards) == (rank > 0)).all()


def test_the_front_is_that_of_optuna() -> None:
    rng = np.random.default_rng(3)
    study = new_study("maximize", "minimize", "maximize")
    space = Space((Decision("a", tuple(range(1000))),))
    for a, values in enumerate(rng.normal(size=(200, 3))):
        study.add_trial(
            optuna.trial.create_trial(
                params={"a": a}, distributions=dict(space.distributions), values=list(values)
            )
        )
    front = trials.front(study.trials, space, [1.0, -1.0, 1.0])
    assert {t.number for t in front} == {t.number for t in study.best_trials}
    assert [t.values[0] for t in front] == sorted((t.values[0] for t in front), reverse=True)


def test_crowding_by_hand() -> None:
    """Deb et al. 2002, section III.B: five points of one front, two that are dominated."""
    rewards = np.array([[0, 10], [1, 8], [4, 7], [9, 1], [10, 0], [0, 0], [0.5, 0]], float)
    rank = pareto.ranks(rewards)
    assert list(rank) == [0, 0, 0, 0, 0, 2, 1]
    room = pareto.crowding(rewards, rank)
    assert room[[0, 4, 5, 6]].tolist() == [np.inf] * 4
    assert room[1:4] == pytest.approx([4 / 10 + 3 / 10, 8 / 10 + 7 / 10, 6 / 10 + 7 / 10])


def test_equal_candidates_are_on_the_front_once() -> None:
    space = Space((Decision("a", (0, 1)),))
    study = new_study("maximize", "minimize")
    scores = {0: (0.5, 1.0), 1: (0.7, 2.0)}
    run(study, RandomSearch(space, attempts=1), 20, lambda point: scores[point["a"]])
    front = trials.front(study.trials, space, [1.0, -1.0])
    assert [t.params["a"] for t in front] == [1, 0]
    assert all(
        t.number == min(u.number for u in study.trials if u.params == t.params) for t in front
    )


def test_evolution_chooses_a_parent_by_front_and_then_by_room() -> None:
    """Identity children name their parents; the sample is all of the population all but surely."""
    space = Space((Decision("a", tuple(range(6))),))
    scores = {0: (0, 4), 1: (1, 3.9), 2: (1.2, 3.8), 3: (4, 0), 4: (3.9, 0), 5: (0, 3)}
    strategy = RegularizedEvolution(space, seed=0, population=6, sample=6, identity=1.0)
    strategy._sample = 400
    # The children repeat what lives, so that age changes nothing but the order.
    for order in ((1, 2, 5, 4, 0, 3), (4, 5, 2, 1, 3, 0)):
        strategy.reset()
        for a in order:
            strategy.learn({"a": a}, tuple(map(float, scores[a])))
        proposed = {strategy.propose(np.random.default_rng(i))["a"] for i in range(20)}
        assert proposed <= {0, 3}, "the ends of the first front, in which there is most room"
    strategy.reset()
    for a in (4, 5, 4, 5, 4, 5):
        strategy.learn({"a": a}, tuple(map(float, scores[a])))
    strategy.learn({"a": 3}, (4.0, 0.0))
    inner = {strategy.propose(np.random.default_rng(i))["a"] for i in range(20)}
    assert 4 not in inner, "another is as good in one objective and better in the other"


def test_evolution_finds_more_of_a_front_than_random_search() -> None:
    """Leading ones and trailing zeros of 16 bits cannot both be many: Laumanns et al. 2004."""
    space = Space(tuple(Decision(f"{i:02}", (0, 1), "operation") for i in range(16)))

    def score(point: dict) -> tuple[float, float]:
        bits = [point[d.name] for d in space.decisions]
        return float([*bits, 0].index(0)), float([*bits[::-1], 1].index(1))

    def found(strategy: RandomSearch | RegularizedEvolution) -> float:
        study = new_study("maximize", "maximize")
        run(study, strategy, 150, score)
        # The area that is dominated: for each number of leading ones the most trailing zeros.
        return sum(
            max((t.values[1] for t in study.trials if t.values[0] >= ones), default=0.0)
            for ones in range(1, 17)
        )

    evolved = [
        found(RegularizedEvolution(space, seed=s, population=20, sample=10)) for s in range(3)
    ]
    drawn = [found(RandomSearch(space, seed=s)) for s in range(3)]
    assert min(evolved) > max(drawn)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["accuracy", "parameter"], r"objectives: unknown metric 'parameter'; did you mean 'param"),
        (["parameters", "-parameters"], r"objectives: 'parameters' is named twice"),
        ([3], r"objectives: 3 is not a name of a metric"),
    ],
)
def test_wrong_objectives_are_named(names: list, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        objectives.parse(names, "accuracy", ("accuracy", "parameters"))


def test_the_reward_is_the_objective_where_none_is_named() -> None:
    assert objectives.parse([], "accuracy", ("accuracy",)) == (Objective("accuracy"),)
    both = objectives.parse(["accuracy", "-parameters"], "accuracy", ("accuracy", "parameters"))
    assert [o.direction for o in both] == ["maximize", "minimize"]


def test_what_is_not_finite_fails_the_trial_and_a_second_result_is_refused() -> None:
    space = Space((Decision("a", (0, 1)),))
    study = new_study("maximize", "minimize")
    both = (Objective("accuracy"), Objective("latency_ms", maximize=False))
    results = [
        Result(0.5, {"accuracy": 0.5, "latency_ms": 2.0}),
        Result(0.5, {"accuracy": 0.5}),
        Result(0.5, {"accuracy": float("inf"), "latency_ms": 1.0}),
    ]
    for number, result in enumerate(results):
        trials.begin(study, space, {"a": 0})
        trials.finish(study, number, result, both, order=number)
    assert [t.values for t in study.trials] == [[0.5, 2.0], None, None]
    assert trials.failure(study.trials[1]) == "the latency_ms is nan"
    assert trials.failure(study.trials[2]) == "the accuracy is inf"
    with pytest.raises(UserError, match=r"trial 0 of this study has a result already"):
        trials.finish(study, 0, results[0], both, order=3)
    assert study.trials[0].values == [0.5, 2.0]
    alone = new_study()
    for number, value in enumerate((float("nan"), float("-inf"), 1.0)):
        trials.begin(alone, space, {"a": 0})
        trials.finish(alone, number, Result(value), order=number)
    assert [t.value for t in alone.trials] == [None, None, 1.0]


def test_a_search_with_two_objectives_leaves_a_front(
    counting: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path
    settings = {**counting, "objectives": ["-parameters", "multiply_adds"], "trials": 30}
    for trials_in_all in (12, 30):
        cell_search.search(settings, trials=trials_in_all, directory=path)
    assert re.search(
        r"trial 29  30/30  parameters [\d,]+  multiply_adds [\d,]+  best param",
        capsys.readouterr().out,
    )
    fronts = sorted((path / "front").iterdir())
    front = [genotype_file.read(file).provenance["score"] for file in fronts]
    assert [file.name for file in fronts] == [f"{i:02}.json" for i in range(1, len(front) + 1)]
    parameters = [score["parameters"] for score in front]
    assert parameters == sorted(parameters)
    assert len(front) > 1
    for one, other in itertools.pairwise(front):
        assert one["multiply_adds"] < other["multiply_adds"]
    winner = genotype_file.read(path / "genotype.json")
    assert winner.provenance["score"] == front[0], "the best by the first objective"
    page = (path / "report.html").read_text()
    assert page.count("<circle class=front") == len(front)
    # The curve and the front; one worker is always busy.
    assert page.count("<svg class=chart") == 2
    assert all(f"front/{file.name}" in page for file in fronts)
    read = json.loads((path / "genotype.json").read_text())
    assert read["provenance"]["settings"]["objectives"] == ["-parameters", "multiply_adds"]


def test_strategies_for_one_objective_are_refused_before_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RandomSearch, "several_objectives", False)
    values = overrides.override(
        schema.SearchConfig(), text="strategy.type=random,objectives=[accuracy,-loss]"
    )
    with pytest.raises(UserError, match=r"objectives: random takes one .*regularized_evolution"):
        resolve.resolve(values)


@pytest.mark.parametrize("signs", [(-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
def test_the_staircase_has_its_corners_on_the_bad_side(signs: tuple[float, float]) -> None:
    points = [(0, 1.0, 1.0), (1, 2.0, 2.0), (2, 1.0, 2.0), (3, 2.0, 1.0), (4, 1.4, 1.6)]
    values = np.array([[x, y] for _, x, y in points])
    front = {i for i, bad in enumerate(pareto.dominated(values * signs)) if not bad}
    svg = scatter(points, front, ("x", "y"), signs=signs)
    assert svg.count("<circle class=front") == len(front)
    (path,) = re.findall(r'class=best d="([^"]+)"', svg)
    at = re.findall(r'class=(?:front|trial) cx="([\d.]+)" cy="([\d.]+)"', svg)
    corners, x, y = [], "", ""
    for step, value in re.findall(r"([MHV])([\d.]+(?: [\d.]+)?)", path):
        x, y = value.split() if step == "M" else (value, y) if step == "H" else (x, value)
        corners.append((x, y))
    for x, y in corners:
        for px, py in at:
            # No trial is strictly better than a point of the staircase, in both.
            right, up = float(px) - float(x), float(y) - float(py)
            assert not (signs[0] * right > 0 and signs[1] * up > 0)


def test_the_hypervolume_is_that_of_optuna() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 5, 50):
        points = rng.integers(12, size=(count, 2)).astype(float)
        reference = (2.0, 9.0)
        # Optuna minimizes, and wants points that are not beyond the reference.
        losses = np.array([(-a, b) for a, b in points if a >= 2.0 and b <= 9.0]).reshape(-1, 2)
        expected = compute_hypervolume(losses, np.array([-2.0, 9.0])) if len(losses) else 0.0
        assert hypervolume(map(tuple, points), reference) == pytest.approx(expected)
