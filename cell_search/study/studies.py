"""The studies of a search: that of its trials, of its sieve, and of its re-rankings."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Sequence
from typing import Any

import optuna

from cells.support.errors import UserError

STUDY_NAME, SIEVE_NAME = "search", "sieve"


def beside(study: optuna.Study, part: str) -> optuna.Study:
    """Another study of the same search, in the same storage, which need not be read again.

    Args:
        study: that of the search.
        part: `SIEVE_NAME`, or the name of a re-ranking.

    Raises:
        KeyError: there is none.
    """
    return optuna.load_study(study_name=name_of(study.study_name, part), storage=study._storage)


def name_of(search: str, part: str) -> str:
    """What a study beside that of a search is called in their storage.

    Args:
        search: the name of the search's own study.
        part: `STUDY_NAME`, `SIEVE_NAME`, or the name of a re-ranking.
    """
    return part if search == STUDY_NAME else f"{search}/{part}"


class Studies(abc.ABC):
    """The studies of one search in one storage."""

    def __init__(self) -> None:
        self._pause: Callable[[float], None] = time.sleep

    def open_study(
        self,
        directions: Sequence[str] = ("maximize",),
        pause: Callable[[float], None] = time.sleep,
    ) -> optuna.Study:
        """Opens the study to go on with it, or makes it. Only under the lock.

        Args:
            directions: of a new study's objectives.
            pause: waits some seconds, where the server of the storage is away.
        """
        self._pause = pause
        study = self._load_or_make(self._name(), directions)
        changed = [d.name.lower() for d in study.directions] != list(directions)
        if changed and not study.get_trials(deepcopy=False):
            # Made for other objectives than those that are wanted now.
            study._storage.delete_study(study._study_id)
            study = self._load_or_make(self._name(), directions)
        return study

    def open_sieve(self, directions: Sequence[str] = ("maximize",)) -> optuna.Study:
        """Opens the study of the sieve beside that of the search. Only under the lock.

        Args:
            directions: of a new study's objective.
        """
        return self._load_or_make(self._name(SIEVE_NAME), directions)

    def open_rerank(self, name: str) -> optuna.Study:
        """Opens the study of a re-ranking beside that of the search. Only under the lock.

        Args:
            name: of the re-ranking.

        Raises:
            UserError: it is the name of the search's own study, or of the sieve's.
        """
        if name in (STUDY_NAME, SIEVE_NAME) or not name:
            raise UserError(f"rerank.name: {name!r} is taken by the search; use another name")
        return self._load_or_make(self._name(name), ["maximize"])

    def _load_or_make(self, name: str, directions: Sequence[str]) -> optuna.Study:
        self._mend()
        try:
            return self._load(name)
        except KeyError:
            pass
        try:
            return optuna.create_study(
                study_name=name, storage=self._storage(), directions=list(directions)
            )
        except optuna.exceptions.DuplicatedStudyError:
            return self._load(name)  # Another search has made it meanwhile.

    def _load(self, name: str) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.load_study(study_name=name, storage=self._storage())

    def _has_trials(self, study: str) -> bool:
        try:
            return bool(self._load(self._name(study)).get_trials(deepcopy=False))
        except KeyError:
            return False

    def has_trials(self) -> bool:
        """Whether a trial has begun, be it of the sieve; without one, the search is as good as
        new."""
        return any(map(self._has_trials, (STUDY_NAME, SIEVE_NAME)))

    def _name(self, part: str = STUDY_NAME) -> str:
        """Of a study of this search in its storage."""
        return part

    def _mend(self) -> None:  # noqa: B027 - only files need it
        """Removes what a writer that died has left half-written."""

    @abc.abstractmethod
    def _storage(self) -> Any:
        """Optuna's storage."""

    @abc.abstractmethod
    def weights(self, weights_dir: str = "", study: str = STUDY_NAME) -> str:
        """Where evaluators may keep files between requests: a path or a URL; "" for nowhere.

        Args:
            weights_dir: the setting; "" is a place of this search alone.
            study: whose trials; those of a re-ranking have the same numbers as the search's.
        """
