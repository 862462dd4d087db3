"""A search proposed once more from its record: the proposals depend on arrivals alone.

With one worker a seed gives one sequence of trials. With many, which results had arrived decides
what a proposal could know, and that is recorded: each trial says after how many results it was
proposed, and as which one it finished itself. So a strategy that is told the recorded results in
the recorded order must propose the recorded candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.search import Search
from cell_search.selection.first import first_trials
from cell_search.space.space import Point
from cell_search.strategies import trial_of
from cell_search.study import trials
from cell_search.trial_keys import AFTER, FINISHED, PARENT, REJECTED
from cells.support.errors import UserError


@dataclass(frozen=True)
class Replayed:
    """A trial that was proposed once more.

    Attributes:
        number: of the trial.
        difference: what is not as recorded, in words; empty where all is.
    """

    number: int
    difference: str


def replay(search: Search, study: optuna.Study) -> Iterator[Replayed]:
    """Proposes all trials of a study once more, each from what could be known then.

    A difference does not spread: the next proposals follow the record again. Candidates that came
    from a sieve are compared with those that its scores choose, known cells with those of their
    names.

    Args:
        search: what the study is of; with a strategy that has not proposed anything yet.
        study: the record; is only read.

    Raises:
        UserError: the record does not say in which order results arrived, or its table is lost.
    """
    search.keep_to_rows()
    recorded = study.get_trials(deepcopy=False)
    arrived = sorted(
        (t for t in recorded if t.state.is_finished()),
        key=lambda t: _noted(t, t.user_attrs, FINISHED),
    )
    again = optuna.create_study(directions=[o.direction for o in search.objectives])
    told = 0
    # Before the first trial the sieve may not have all its results.
    first = first_trials(search, study) if recorded else []
    for trial in recorded:
        after = _noted(trial, trial.system_attrs, AFTER)
        for known in arrived[told:after]:
            _tell(again, known, trial.number)
        told = max(told, after)
        rejected: list[Point] = []
        if trial.number < len(first):
            point, parent = first[trial.number].point, None
        else:
            point, rejected = trials.propose_feasible(
                again, search.strategy, search.space, trial.number, search.feasible, search.bounds
            )
            parent = search.strategy.parent(point)
        yield Replayed(trial.number, _difference(search, trial, point, rejected, parent))
        trials.begin(
            again,
            search.space,
            trial.params,
            [search.space.from_indices(i) for i in trial.user_attrs.get(REJECTED, ())],
            after=after,
            parent=trials.parent(trial),
        )


def _noted(trial: FrozenTrial, attributes: dict[str, Any], name: str) -> int:
    if name not in attributes:
        raise UserError(
            f"--mode=replay: trial {trial.number} does not say {name!r}, so the order in which its "
            "results arrived is not known; only the trials of this driver can be replayed"
        )
    return attributes[name]


def _tell(again: optuna.Study, known: FrozenTrial, number: int) -> None:
    """Repeats a result that was known when trial `number` was proposed."""
    if known.number >= number:
        raise UserError(
            f"--mode=replay: the record contradicts itself: trial {known.number} finished before "
            f"trial {number} was proposed"
        )
    trial_id = trial_of(again, known.number)._trial_id
    for name, noted in known.user_attrs.items():
        again._storage.set_trial_user_attr(trial_id, name, noted)
    for step, value in known.intermediate_values.items():
        again._storage.set_trial_intermediate_value(trial_id, step, value)
    # Optuna takes the value of a pruned trial from its last step.
    values = known.values if known.state == TrialState.COMPLETE else None
    again.tell(known.number, values, state=known.state)


def _difference(
    search: Search, trial: FrozenTrial, point: Point, rejected: list[Point], parent: int | None
) -> str:
    for decision in search.space.decisions:
        name = decision.name
        if trial.params[name] != point[name]:
            return (
                f"{name} is {trial.params[name]!r} in the record and {point[name]!r} when replayed"
            )
    indices = [search.space.indices(p) for p in rejected]
    before = trial.user_attrs.get(REJECTED, [])
    if indices != before:
        return (
            f"{len(before)} proposals were rejected in the record and "
            f"{len(indices)} when replayed, or other ones"
        )
    if parent != trials.parent(trial):
        return f"{PARENT} is {trials.parent(trial)} in the record and {parent} when replayed"
    return ""
