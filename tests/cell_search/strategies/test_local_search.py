"""Local search: the contract, and White et al. 2020 followed trial by trial."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from strategy_contract import StrategyContract, new_study, run, share_of_identity

from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import LocalSearch, Strategy, mutate
from cell_search.study import trials
from cells.support.errors import UserError

#: Two hills: the lower one at the left, whose top a climb from there cannot leave.
HILLS = (3, 4, 5, 4, 3, 2, 1, 0, 2, 4, 6, 8, 10, 9)


class TestLocalSearch(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return LocalSearch(space, seed=seed, draws=3)


def grid() -> Space:
    """Two decisions of seven choices: 49 points, each with 12 neighbours."""
    return Space((Decision("a", tuple(range(7))), Decision("b", tuple(range(7)))))


def bumpy(point: dict) -> float:
    return math.sin(3.0 * point["a"]) + math.cos(5.0 * point["b"] + point["a"])


def distance(one: dict, other: dict) -> int:
    return sum(one[name] != other[name] for name in one)


def test_it_goes_to_the_first_better_neighbour_and_begins_anew_on_an_optimum() -> None:
    """Query until lower, followed trial by trial in a space with a known score."""
    space = Space(tuple(Decision(name, tuple(range(4))) for name in "abcdef"))
    weights = np.random.default_rng(0).normal(size=(6, 4, 4))

    def score(point: dict) -> float:
        values = list(point.values())
        return sum(weights[i, values[i], values[i - 1]] for i in range(6))

    draws = 4
    points = run(new_study(), LocalSearch(space, seed=5, draws=draws), 200, score)
    number, climbs, before = 0, 0, []
    while number + draws < 200:
        centre = max(points[number : number + draws], key=score)
        centres = [centre]
        number += draws
        while number < 200 and (
            fresh := [p for p in space.neighbours(centre) if p not in points[:number]]
        ):
            assert points[number] in fresh
            if score(points[number]) > score(centre):
                centre = points[number]
                centres.append(centre)
            number += 1
        climbs += 1
        drawn = points[number : number + draws]
        # What is drawn by chance better than the optimum, or beside the climb, is another case.
        if any(score(p) > score(centre) for p in drawn) or any(
            distance(p, c) <= 1 for p in drawn for c in (*centres, *before)
        ):
            break
        before = centres
    assert climbs > 2


def test_no_candidate_is_proposed_twice_and_in_the_end_all_are() -> None:
    space = grid()
    points = run(new_study(), LocalSearch(space, seed=0, draws=2), 49, bumpy)
    assert len({tuple(p.values()) for p in points}) >= 48, "a random draw misses the last at times"


def test_equal_cells_are_one_candidate() -> None:
    space = published.find("pnas", 1)
    points = run(new_study(), LocalSearch(space, seed=1, draws=2), 100)
    assert len({space.canonical_key(p) for p in points}) == 100


def test_a_local_optimum_ends_a_climb() -> None:
    """On a path only the next points are neighbours; the search crosses the valley by drawing."""

    class Step(Decision):
        def neighbours(self, choice):  # type: ignore[no-untyped-def]
            return tuple(c for c in self.choices if abs(c - choice) == 1)

    space = Space((Step("x", tuple(range(len(HILLS)))),))
    for seed in range(8):
        points = run(
            new_study(), LocalSearch(space, seed=seed, draws=1), 13, lambda p: HILLS[p["x"]]
        )
        assert {"x": 12} in points


def test_failed_neighbours_do_not_stop_it() -> None:
    """Where every neighbour of a candidate fails, other candidates are drawn."""
    space = grid()

    def score(point: dict) -> float | None:
        return bumpy(point) if (point["a"] + point["b"]) % 2 else None

    points = run(new_study(), LocalSearch(space, seed=2, draws=1), 45, score)
    good = [p for p in points if score(p) is not None]
    assert max(map(bumpy, good)) == max(
        bumpy({"a": a, "b": b}) for a, b in itertools.product(range(7), range(7)) if (a + b) % 2
    )


def test_while_the_last_neighbours_run_the_next_climb_is_drawn() -> None:
    space = grid()
    study, strategy = new_study(), LocalSearch(space, seed=4, draws=1)
    asked = []
    for number in range(20):
        point = trials.propose(study, strategy, space, number)
        trials.begin(study, space, point)
        asked.append(point)
        if number == 0:
            study.tell(0, 1.0)
    assert all(distance(asked[0], p) == 1 for p in asked[1:13])
    assert all(distance(asked[0], p) == 2 for p in asked[13:])
    assert len({tuple(p.values()) for p in asked}) == 20


def test_it_climbs_where_random_search_does_not() -> None:
    space = published.find("nasnet", 3)
    points = run(new_study(), LocalSearch(space, seed=0), 250)
    assert max(map(share_of_identity, points)) >= 10 / 12


@pytest.mark.parametrize("seed", range(3))
def test_a_mutation_of_two_inputs_replaces_one_of_them(seed: int) -> None:
    """Real et al. 2019: the hidden state mutation re-draws one input of one side of a block."""
    space, rng = published.find("darts"), np.random.default_rng(seed)
    point = space.random(rng)
    changed = 0
    for _ in range(200):
        child = mutate(space, point, rng)
        for name in point:
            if name.endswith("inputs") and child[name] != point[name]:
                assert len(set(child[name].split("+")) & set(point[name].split("+"))) == 1
                changed += 1
        point = child
    assert changed > 60
    assert len(space.neighbours(point)) == 16 * 6 + 2 * (2 + 4 + 6)


def test_settings_are_checked() -> None:
    with pytest.raises(UserError, match=r"strategy\.local_search\.draws: 0 is too small"):
        LocalSearch(grid(), draws=0)
