"""The trials of a study as a stream, in the order in which they finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from cell_search.trial_keys import AFTER, FINISHED, PARENT

#: From so many unread trials on, one request for all is quicker than a request for each.
_MANY = 100


def trial_of(study: optuna.Study, number: int) -> FrozenTrial:
    """One trial of a study by its number, without reading the others.

    Optuna has no public way to do so, hence its storage, as in Optuna's own samplers.

    Args:
        study: holds the trial.
        number: of the trial.
    """
    trial_id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    return study._storage.get_trial(trial_id)


def note_proposal(study: optuna.Study, trial: FrozenTrial, after: int) -> None:
    """Records `AFTER` in a trial that Optuna has begun; the driver's do not exist yet."""
    if trial._trial_id >= 0:
        study._storage.set_trial_system_attr(trial._trial_id, AFTER, after)


def note_parent(study: optuna.Study, trial: FrozenTrial, parent: int | None) -> None:
    """The same for `PARENT`, where there is one."""
    if trial._trial_id >= 0 and parent is not None:
        study._storage.set_trial_user_attr(trial._trial_id, PARENT, parent)


class History:
    """What is new in a study since the last look.

    Looking costs as much as there are new and running trials, however long the study is; where the
    driver says which have finished, as much as there are of these.
    """

    def __init__(self, study: optuna.Study):
        self._study = study
        self._next = 0
        self._running: dict[int, bool] = {}

    def is_of(self, study: optuna.Study) -> bool:
        """Whether this is the history of `study`."""
        mine = self._study
        return mine._storage is study._storage and mine._study_id == study._study_id

    def news(self, number: int, finished: Sequence[int] | None = None) -> list[FrozenTrial]:
        """The trials before trial `number` that are new, or have finished since the last look.

        Running trials come first, by number; then the finished, by the order of finishing.

        Args:
            number: of the trial that is about to be proposed.
            finished: the numbers of those that have finished since the last look; None where that
                is not known.
        """
        running = self._running if finished is None else self._running.keys() & set(finished)
        trials = self._read([*sorted(running), *range(self._next, number)])
        self._next = max(self._next, number)
        fresh, over = [], []
        for trial in trials:
            if trial.state.is_finished():
                self._running.pop(trial.number, None)
                over.append(trial)
                continue
            if trial.params and not self._running.get(trial.number):
                fresh.append(trial)
            self._running[trial.number] = bool(trial.params)
        return [*fresh, *sorted(over, key=_order)]

    def _read(self, numbers: list[int]) -> list[FrozenTrial]:
        if len(numbers) >= _MANY:
            trials = self._study.get_trials(deepcopy=False)
            return [trials[number] for number in numbers]
        return [trial_of(self._study, number) for number in numbers]


def _order(trial: FrozenTrial) -> tuple[Any, ...]:
    return trial.user_attrs.get(FINISHED, -1), trial.datetime_complete, trial.number
