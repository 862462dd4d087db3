"""Trials of a study: how one is recorded, and what is read from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from cell_search.evaluators import Result
from cell_search.space import Point, Space
from cell_search.strategies import AFTER, ATTEMPT, FINISHED, REJECTED, Strategy
from cells.errors import UserError

#: Attributes of a trial, for people.
METRICS, FAILURE = "metrics", "failure"


#: So often at most a trial is proposed again because the proposal is not feasible.
ATTEMPTS = 1000


def propose(
    study: optuna.Study, strategy: Strategy, space: Space, number: int, attempt: int = 0
) -> Point:
    """Asks any Optuna sampler for all decisions of trial `number`, which need not exist yet.

    Args:
        study: the study.
        strategy: the sampler.
        space: the decisions.
        number: of the trial.
        attempt: how many proposals for this trial were rejected before; another number, another
            proposal.
    """
    trial = create_trial(state=TrialState.RUNNING, user_attrs={ATTEMPT: attempt} if attempt else {})
    trial.number = number
    wanted = strategy.infer_relative_search_space(study, trial)
    point = strategy.sample_relative(study, trial, wanted)
    for name, distribution in space.distributions.items():
        if name not in point:
            point[name] = strategy.sample_independent(study, trial, name, distribution)
    return point


def propose_feasible(
    study: optuna.Study,
    strategy: Strategy,
    space: Space,
    number: int,
    feasible: Callable[[Point], bool],
    what: str = "the limits",
) -> tuple[Point, list[Point]]:
    """Asks until a proposal is feasible. The others are no trials and count for nothing.

    Args:
        study: the study.
        strategy: the sampler.
        space: the decisions.
        number: of the trial.
        feasible: whether a point may be evaluated.
        what: what feasible points keep to, for people.

    Returns:
        The point, and the different ones that were rejected before it, for `begin`.

    Raises:
        UserError: none was feasible in `ATTEMPTS` attempts.
    """
    rejected: dict[Hashable, Point] = {}
    for attempt in range(ATTEMPTS):
        point = propose(study, strategy, space, number, attempt)
        if feasible(point):
            return point, list(rejected.values())
        rejected.setdefault(tuple(space.indices(point)), point)
        strategy.reject(point)
    raise UserError(
        f"trial {number}: none of {ATTEMPTS} proposals ({len(rejected)} different) of "
        f"{type(strategy).__name__} keeps to {what}; loosen them or use another strategy"
    )


def begin(
    study: optuna.Study,
    space: Space,
    point: Point,
    rejected: Sequence[Point] = (),
    after: int | None = None,
) -> None:
    """Adds a running trial, as one record.

    Args:
        study: the study.
        space: the decisions.
        point: the choices.
        rejected: the proposals for this trial that were not feasible: the strategy has met them,
            and must have met them after a restart.
        after: how many trials had finished when this one was proposed: strategies whose proposals
            grow stale want to know.
    """
    attributes = {REJECTED: [space.indices(p) for p in rejected]} if rejected else {}
    study.add_trial(
        create_trial(
            state=TrialState.RUNNING,
            params=point,
            distributions=dict(space.distributions),
            user_attrs=attributes,
            system_attrs={} if after is None else {AFTER: after},
        )
    )


def finish(study: optuna.Study, number: int, result: Result, order: int) -> None:
    """Records a result.

    Args:
        study: the study.
        number: of the trial.
        result: what came of it.
        order: how many trials finished before this one.
    """
    trial_id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    attributes: dict[str, Any] = {
        FINISHED: order,
        METRICS: {**result.metrics, "seconds": round(result.seconds, 3)},
    }
    if result.failure is not None:
        attributes[FAILURE] = result.failure
    for key, value in attributes.items():
        study._storage.set_trial_user_attr(trial_id, key, value)
    if result.failure is None:
        study.tell(number, result.reward)
    else:
        study.tell(number, state=TrialState.FAIL)


def reward(trial: FrozenTrial) -> float | None:
    """The reward of a trial that succeeded, else None."""
    return trial.value if trial.state == TrialState.COMPLETE else None


def failure(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    return trial.user_attrs.get(FAILURE, "for an unknown reason")


def seconds(trial: FrozenTrial) -> float:
    """How long the evaluation of a finished trial took."""
    return float(trial.user_attrs.get(METRICS, {}).get("seconds", 0.0))


def best(trials: Iterable[FrozenTrial], space: Space, count: int) -> list[FrozenTrial]:
    """The best trials, best first; of equal candidates only the best, of equal rewards the
    earliest first."""
    successful = [t for t in trials if t.state == TrialState.COMPLETE]
    successful.sort(key=lambda t: (-t.value, t.number))
    chosen: dict[Any, FrozenTrial] = {}
    for trial in successful:
        chosen.setdefault(space.canonical_key(trial.params), trial)
        if len(chosen) == count:
            break
    return list(chosen.values())
