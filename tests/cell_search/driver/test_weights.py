"""Weights go when nobody needs them any more; a reward that is the same for all is told."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any, ClassVar

import optuna
import pytest
from optuna.trial import TrialState, create_trial

import cell_search
from cell_search.driver.kept_weights import Weights
from cell_search.evaluators import Evaluator, Request, Score
from cell_search.space.space import Decision, Space
from cell_search.strategies import LargeScaleEvolution, Strategy
from cell_search.study import trials


class Forgetting(Evaluator):
    """Notes what it is told to forget."""

    reward = "none"

    def __init__(self) -> None:
        self.forgotten: list[tuple[int, bool]] = []

    def score(self, request: Request) -> Score:
        raise AssertionError

    def forget(self, folder: str, number: int, *, succeeded: bool) -> None:
        assert folder == "there"
        self.forgotten.append((number, succeeded))


class Dying(Strategy):
    """Whose individuals die when they are told to."""

    gone: ClassVar[set[int]] = set()

    def propose(self, rng: Any) -> dict[str, Any]:
        raise AssertionError

    def disposable_trials(self) -> set[int]:
        return self.gone


SPACE = Space((Decision("a", (1, 2, 3)),))


def test_the_dead_are_forgotten_once_when_no_child_of_theirs_is_under_way() -> None:
    evaluator, strategy = Forgetting(), Dying(SPACE)
    weights = Weights("there", evaluator, strategy)
    weights.begins(0, None)
    weights.ends(0, succeeded=True)
    weights.begins(1, 0)
    weights.begins(2, None)
    strategy.gone.add(0)
    weights.ends(2, succeeded=False)
    assert evaluator.forgotten == [(0, True), (2, False)], "trial 1 needs its parent's"
    weights.ends(1, succeeded=True)
    weights.ends(3, succeeded=True)
    assert evaluator.forgotten[2:] == [(1, True), (0, False), (3, True)]


def test_who_loses_a_tournament_has_no_children_any_more() -> None:
    """Real et al. 2017, section 3.1: of two, the worse is removed."""
    sampler = LargeScaleEvolution(SPACE, population=2)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for value in (0.1, 0.9, 0.5):
        study.add_trial(
            create_trial(params={"a": 1}, distributions=dict(SPACE.distributions), value=value)
        )
        trials.propose(study, sampler, SPACE, len(study.trials))
    # The worst of the first two; then the worse of the survivor and the third.
    assert set(sampler.disposable_trials()) == {0, 2}


@pytest.mark.parametrize(
    ("values", "told"),
    [([0.1] * 5, True), ([0.1] * 4, False), ([0.1] * 9 + [0.2], False)],
)
def test_a_constant_reward_is_told(values: list[float], told: bool) -> None:
    known = [
        create_trial(params={"a": 1 + i % 3}, distributions=dict(SPACE.distributions), value=value)
        for i, value in enumerate(values)
    ]
    failed = create_trial(state=TrialState.FAIL, params={}, distributions={})
    said = trials.constant([*known, failed], SPACE, "accuracy")
    assert (said is not None) == told
    if said:
        assert said.startswith("all 5 candidates so far have the same accuracy, 0.1, from which")
    same = [create_trial(params={"a": 1}, distributions=dict(SPACE.distributions), value=0.1)] * 9
    assert trials.constant(same, SPACE, "accuracy") is None, "one candidate has one reward"


@dataclass(frozen=True)
class Same(Evaluator):
    """Scores every candidate alike."""

    reward: ClassVar[str] = "luck"

    def score(self, request: Request) -> Score:
        return Score({"luck": 1.0})


def test_a_search_tells_it_and_loses_nothing(
    counting: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = cell_search.search({**counting, "trials": 6}, evaluator=Same(), directory=tmp_path)
    assert "cell-search: all 6 candidates so far have the same luck, 1, " in capsys.readouterr().err
    assert [t.value for t in result.study.trials] == [1.0] * 6
