"""The strategy without a will of its own."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState
from strategy_contract import StrategyContract, new_study

from cell_search.evaluators import Result
from cell_search.space import published
from cell_search.space.space import Space
from cell_search.strategies import Derived, Strategy
from cell_search.study import trials


class TestDerived(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Derived(space, seed=seed)


def _run(study: optuna.Study, strategy: Strategy, results: list[Result]) -> list[dict]:
    points = []
    for result in results:
        number = len(study.get_trials(deepcopy=False))
        point = trials.propose(study, strategy, strategy.space, number)
        trials.begin(study, strategy.space, point)
        trials.finish(study, number, result, order=number)
        points.append(point)
    return points


def test_what_an_evaluation_leads_to_comes_next() -> None:
    space = published.find("darts", 2)
    wanted = [{d.name: d.choices[i] for d in space.decisions} for i in (1, 2)]
    results = [
        Result(1.0, proposal=wanted[0]),
        Result(2.0, proposal=wanted[1]),
        # What fails or says nothing changes nothing.
        Result(None, failure="bad luck"),
        Result(3.0),
        Result(4.0, proposal=wanted[0]),
        Result(5.0),
    ]
    study = new_study()
    points = _run(study, Derived(space, seed=1), results)
    assert points[1:] == [wanted[0], wanted[1], wanted[1], wanted[1], wanted[0]]
    assert study.trials[0].user_attrs["next"] == wanted[0], "for people to read"
    assert study.trials[2].state == TrialState.FAIL
    again = new_study()
    parts = []
    for result in results:
        parts += _run(again, Derived(space, seed=1), [result])
    assert parts == points, "a new sampler goes on from the history"
