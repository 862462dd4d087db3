"""Trials of a study: how one is recorded, and what is read from it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from cell_search import trial_keys as keys
from cell_search.evaluators import Result
from cell_search.space import pareto
from cell_search.space.space import Point, Space
from cell_search.strategies import Strategy, trial_of
from cell_search.study.objectives import Objective
from cells.support.errors import UserError

#: Fewer candidates may well have equal rewards.
_FEW = 5

#: So often at most a trial is proposed again because the proposal is not feasible.
ATTEMPTS = 1000


def name_objectives(study: optuna.Study, objectives: Sequence[Objective]) -> None:
    """Writes the metrics' names into the study, for people who open it with Optuna's tools.

    Args:
        study: the study.
        objectives: in the order of the values.
    """
    names = [o.metric for o in objectives]
    with warnings.catch_warnings():
        # Optuna calls the names experimental, as it has since its version 3.2.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if study.metric_names != names:
            study.set_metric_names(names)


def propose(
    study: optuna.Study,
    strategy: Strategy,
    space: Space,
    number: int,
    attempt: int = 0,
    news: Sequence[int] | None = None,
) -> Point:
    """Asks any Optuna sampler for all decisions of trial `number`, which need not exist yet.

    Args:
        study: the study.
        strategy: the sampler.
        space: the decisions.
        number: of the trial.
        attempt: how many proposals for this trial were rejected before; another number, another
            proposal.
        news: the numbers of all trials that finished since this strategy was asked before; None
            where that is not known, and it has to look.
    """
    trial = create_trial(
        state=TrialState.RUNNING,
        user_attrs={keys.ATTEMPT: attempt} if attempt else {},
        system_attrs={} if news is None else {keys.NEWS: list(news)},
    )
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
    news: Sequence[int] | None = None,
) -> tuple[Point, list[Point]]:
    """Asks until a proposal is feasible. The others are no trials and count for nothing.

    Args:
        study: the study.
        strategy: the sampler.
        space: the decisions.
        number: of the trial.
        feasible: whether a point may be evaluated.
        what: what feasible points keep to, for people.
        news: see `propose`.

    Returns:
        The point, and the different ones that were rejected before it, for `begin`.

    Raises:
        UserError: none was feasible in `ATTEMPTS` attempts.
    """
    rejected: dict[Hashable, Point] = {}
    for attempt in range(ATTEMPTS):
        point = propose(study, strategy, space, number, attempt, news)
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
    parent: int | None = None,
    first: str = "",
    along: Point | None = None,
    final: int = 0,
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
        parent: the trial whose weights the child may start from.
        first: what `strategy.first` calls its cells, where they were known.
        along: the candidate along which shared weights are trained before this one is scored.
        final: how many trials the search has, where this one is drawn when all is learned.
    """
    attributes = space.record(point) | ({keys.FINAL: final} if final else {})
    if along is not None:
        attributes[keys.ALONG] = space.indices(along)
    if rejected:
        attributes[keys.REJECTED] = [space.indices(p) for p in rejected]
    if parent is not None:
        attributes[keys.PARENT] = parent
    if first:
        attributes[keys.FIRST] = first
    study.add_trial(
        create_trial(
            state=TrialState.RUNNING,
            params=point,
            distributions=dict(space.distributions),
            user_attrs=attributes,
            system_attrs={} if after is None else {keys.AFTER: after},
        )
    )


def finish(
    study: optuna.Study,
    number: int,
    result: Result,
    objectives: Sequence[Objective] = (),
    *,
    order: int,
) -> None:
    """Records a result.

    Args:
        study: the study.
        number: of the trial.
        result: what came of it.
        objectives: the metrics that are the values of the trial; none for the reward.
        order: how many trials finished before this one.

    Raises:
        UserError: the trial has a result already.
    """
    before = trial_of(study, number)
    if before.state.is_finished():
        raise UserError(
            f"trial {number} of this study has a result already; each trial takes one, so ask for "
            "a new trial to score a candidate again"
        )
    values, failure = _values(result, objectives)
    more: dict[str, Any] = {keys.FINISHED: order}
    more |= {} if failure is None else {keys.FAILURE: failure}
    more |= {} if result.proposal is None else {keys.NEXT: result.proposal}
    _note(study, before, result, more)
    if failure is None:
        study.tell(number, values)
    else:
        study.tell(number, state=TrialState.FAIL)


def reach(
    study: optuna.Study, trial: FrozenTrial, epoch: int, value: float, result: Result
) -> None:
    """Records what a running trial had reached after some epochs of its training.

    Args:
        study: the study.
        trial: as it was before.
        epoch: after which it was scored.
        value: its score.
        result: of the part of the training that ended there.
    """
    _note(study, trial, result, {})
    # The last of all, for this is what tells that the part is over.
    study._storage.set_trial_intermediate_value(trial._trial_id, epoch, value)


def _note(
    study: optuna.Study, before: FrozenTrial, result: Result, more: Mapping[str, Any]
) -> None:
    """Sets the attributes of a trial; the times of several parts of it are added up."""
    spent = round(seconds(before) + result.seconds, 3)
    attributes: dict[str, Any] = {keys.METRICS: {**result.metrics, "seconds": spent}}
    if result.worker and keys.WORK not in before.user_attrs:
        attributes[keys.WORK] = {"name": result.worker, "began": round(result.began, 3)}
    for key, value in {**attributes, **more}.items():
        study._storage.set_trial_user_attr(before._trial_id, key, value)


def prune(study: optuna.Study, number: int, *, order: int) -> None:
    """Ends a trial at the rung that it has passed last, whose result is recorded already.

    Args:
        study: the study.
        number: of the trial.
        order: how many trials finished before this one.
    """
    trial_id = trial_of(study, number)._trial_id
    study._storage.set_trial_user_attr(trial_id, keys.FINISHED, order)
    # Its value becomes that of its last rung.
    study.tell(number, state=TrialState.PRUNED)


def _values(result: Result, objectives: Sequence[Objective]) -> tuple[list[float], str | None]:
    """The values of a trial; or why it has none."""
    if result.failure is not None:
        return [], result.failure
    found = {o.metric: result.metrics.get(o.metric, math.nan) for o in objectives}
    found = found or {"reward": math.nan if result.reward is None else result.reward}
    for name, value in found.items():
        if not math.isfinite(value):
            return [], f"the {name} is {value}"
    return list(found.values()), None


def constant(known: Iterable[FrozenTrial], space: Space, metric: str) -> str | None:
    """What is wrong where all of five or more candidates have one reward; else None.

    Args:
        known: trials of a study.
        space: says which candidates are equal.
        metric: the name of the reward.
    """
    complete = [t for t in known if t.state == TrialState.COMPLETE]
    if len(complete) < _FEW or len({t.values[0] for t in complete}) > 1:
        return None
    first = space.canonical_key(complete[0].params)
    if all(space.canonical_key(t.params) == first for t in complete[1:]):
        return None
    return (
        f"all {len(complete)} candidates so far have the same {metric}, {complete[0].values[0]:g}, "
        "from which no strategy can learn; train longer, hold out more images, or use another "
        "reward"
    )


def parent(trial: FrozenTrial) -> int | None:
    """The trial whose weights the child of this one may start from, if there is one.

    Args:
        trial: a trial of a study.
    """
    return trial.user_attrs.get(keys.PARENT)


def first_name(trial: FrozenTrial) -> str:
    """What `strategy.first` calls the cells of a trial; empty where they were proposed."""
    return str(trial.user_attrs.get(keys.FIRST, ""))


def reward(trial: FrozenTrial) -> float | None:
    """The value of a trial that succeeded in the first objective, else None.

    Args:
        trial: a trial of a study.
    """
    return trial.values[0] if trial.state == TrialState.COMPLETE else None


def failure(trial: FrozenTrial) -> str:
    """Why a trial failed.

    Args:
        trial: a trial of a study.
    """
    return trial.user_attrs.get(keys.FAILURE, "for an unknown reason")


def seconds(trial: FrozenTrial) -> float:
    """How long the evaluation of a finished trial took.

    Args:
        trial: a trial of a study.
    """
    return float(trial.user_attrs.get(keys.METRICS, {}).get("seconds", 0.0))


def best(
    trials: Iterable[FrozenTrial], space: Space, count: int, sign: float = 1.0
) -> list[FrozenTrial]:
    """The best trials by the first objective, best first; of the final ones, where there are any.

    Args:
        trials: of a study.
        space: says which candidates are equal; of those only the best counts.
        count: how many, at most.
        sign: -1 where smaller is better. Of equal values the earliest is first.
    """
    successful = [t for t in trials if t.state == TrialState.COMPLETE]
    # Scores with one set of weights; others grew with the weights.
    newest = max((t.user_attrs.get(keys.FINAL, 0) for t in successful), default=0)
    successful = [t for t in successful if t.user_attrs.get(keys.FINAL, 0) == newest]
    successful.sort(key=lambda t: (-sign * t.values[0], t.number))
    chosen: dict[Any, FrozenTrial] = {}
    for trial in successful:
        chosen.setdefault(space.canonical_key(trial.params), trial)
        if len(chosen) == count:
            break
    return list(chosen.values())


def front(trials: Iterable[FrozenTrial], space: Space, signs: Sequence[float]) -> list[FrozenTrial]:
    """The trials that no other one dominates, sorted by the first objective, best first.

    Of those with equal values, and of those with equal candidates, only the earliest counts.

    Args:
        trials: of a study.
        space: says which candidates are equal.
        signs: for each objective, -1 where smaller is better.
    """
    successful = [t for t in trials if t.state == TrialState.COMPLETE]
    if not successful:
        return []
    rewards = np.array([t.values for t in successful]) * np.array(signs)
    chosen: dict[Any, FrozenTrial] = {}
    for i in np.flatnonzero(~pareto.dominated(rewards)):
        chosen.setdefault(tuple(rewards[i]), successful[i])
    different: dict[Any, FrozenTrial] = {}
    for values in sorted(chosen, reverse=True):
        different.setdefault(space.canonical_key(chosen[values].params), chosen[values])
    return list(different.values())
