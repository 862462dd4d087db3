"""Who evaluated a trial, and when."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from cell_search.study.trials import seconds
from cell_search.trial_keys import WORK


@dataclass(frozen=True)
class Work:
    """Who evaluated a trial, and when.

    Attributes:
        worker: host and process.
        began: seconds since 1970.
        ended: the same.
    """

    worker: str
    began: float
    ended: float


def work_of(trial: FrozenTrial) -> Work | None:
    """Who evaluated a finished trial; None where no worker came to the end.

    Args:
        trial: a trial of a study.
    """
    noted = trial.user_attrs.get(WORK)
    if noted is None or not trial.state.is_finished():
        return None
    return Work(noted["name"], noted["began"], noted["began"] + seconds(trial))
