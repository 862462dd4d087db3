"""The search directory: everything that a search knows, so that it can always go on."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import optuna
from optuna.storages import JournalStorage

from cell_search.study import database
from cell_search.study.journal import Journal, mend
from cell_search.study.lock import Ownership
from cells.support import overrides, yaml_file
from cells.support.errors import UserError
from cells.support.files import expanded, write_atomically

STUDY_NAME, SIEVE_NAME = "search", "sieve"


def beside(study: optuna.Study, part: str) -> optuna.Study:
    """Another study of the same search, in the same storage, which need not be read again.

    Args:
        study: that of the search.
        part: `SIEVE_NAME`, or the name of a re-ranking.

    Raises:
        KeyError: there is none.
    """
    return optuna.load_study(study_name=_beside(study.study_name, part), storage=study._storage)


def _beside(search: str, part: str) -> str:
    return part if search == STUDY_NAME else f"{search}/{part}"


class SearchDirectory:
    """Paths of a search directory, its study and its lock.

    Attributes:
        path: the directory.
        config: `config.yaml`, the configuration that made it.
        journal: `study.journal`, Optuna's journal file with all trials, unless `config.yaml` names
            another storage.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = expanded(path)
        self.config = self.path / "config.yaml"
        self.journal = self.path / "study.journal"
        self._ownership = Ownership(self.path)
        self._pause: Callable[[float], None] = time.sleep

    def weights(self, weights_dir: str = "", study: str = STUDY_NAME) -> str:
        """Where evaluators may keep files between requests: a path or a URL.

        Args:
            weights_dir: the setting; "" is the folder `weights` here.
            study: whose trials; those of a re-ranking have the same numbers as the search's.
        """
        if "://" in weights_dir:
            return f"{weights_dir.rstrip('/')}/{study}"
        folder = expanded(weights_dir or self.path / "weights")
        return str(folder.absolute() / study)

    def stored_config(self) -> dict[str, Any] | None:
        """The values of `config.yaml`, or None in a new directory.

        Raises:
            UserError: the file is damaged.
        """
        if not self.config.exists():
            return None
        values = overrides.read_yaml(self.config)
        if not values:
            raise UserError(
                f"{self.config}: is empty; put back the file of this search, or use another folder"
            )
        return values

    def store_config(self, values: dict[str, Any]) -> None:
        """Writes `config.yaml`."""
        write_atomically(self.config, yaml_file.dumps(values).encode())

    def new_study_name(self) -> str:
        """A name for the study in a database that other searches share."""
        return f"{self.path.resolve().name}-{uuid.uuid4().hex[:8]}"

    def locked(self, takeover: bool = False) -> AbstractContextManager[None]:
        """Keeps other drivers out for the time of a `with` block.

        Args:
            takeover: whether to end the driver that is at work here, or to keep it from writing.

        Raises:
            UserError: another driver is at work here (says which), or the directory cannot be
                written.
        """
        return self._ownership.held(takeover, self._silence)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Nobody writes to the journal meanwhile."""
        if not self.journal.exists():
            yield
            return
        with Journal(self.journal, lambda: None).held():
            yield

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
        mend(self.journal)
        self._pause = pause
        study = self._load_or_make(self._name(), directions)
        changed = [d.name.lower() for d in study.directions] != list(directions)
        if changed and not study.get_trials(deepcopy=False):
            # Made for other objectives than those that are wanted now.
            study._storage.delete_study(study._study_id)
            study = self._load_or_make(self._name(), directions)
        return study

    def has_trials(self) -> bool:
        """Whether a trial has begun here, be it of the sieve; without one, the directory is as
        good as new."""
        if not self.journal.exists() and not self._url():
            return False
        return any(map(self._has_trials, (STUDY_NAME, SIEVE_NAME)))

    def _has_trials(self, study: str) -> bool:
        try:
            return bool(self._load(self._name(study)).get_trials(deepcopy=False))
        except KeyError:
            return False

    def read_study(self) -> optuna.Study:
        """Opens the study to look at it, also while a search is under way.

        Raises:
            UserError: there is no search here.
        """
        if not self.config.exists() or not (self.journal.exists() or self._url()):
            raise UserError(f"--search_dir: there is no search in {self.path}")
        try:
            return self._load(self._name())
        except KeyError:
            raise UserError(f"--search_dir: the search in {self.path} has no trial yet") from None

    def open_sieve(
        self,
        directions: Sequence[str] = ("maximize",),
        pause: Callable[[float], None] = time.sleep,
    ) -> optuna.Study:
        """Opens the study of the sieve beside that of the search. Only under the lock.

        Args:
            directions: of a new study's objective.
            pause: as in `open_study`.
        """
        mend(self.journal)
        self._pause = pause
        return self._load_or_make(self._name(SIEVE_NAME), directions)

    def open_rerank(self, name: str) -> optuna.Study:
        """Opens the study of a re-ranking beside that of the search. Only under the lock.

        Raises:
            UserError: it is the name of the search's own study, or of the sieve's.
        """
        if name in (STUDY_NAME, SIEVE_NAME) or not name:
            raise UserError(f"rerank.name: {name!r} is taken by the search; use another name")
        mend(self.journal)
        return self._load_or_make(self._name(name), ["maximize"])

    def _load_or_make(self, name: str, directions: Sequence[str]) -> optuna.Study:
        try:
            return self._load(name)
        except KeyError:
            return optuna.create_study(
                study_name=name, storage=self._storage(), directions=list(directions)
            )

    def _load(self, name: str) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.load_study(study_name=name, storage=self._storage())

    def _url(self) -> str:
        """Of the storage, as `config.yaml` says; empty: the journal here."""
        return str((self.stored_config() or {}).get("storage") or "")

    def _name(self, part: str = STUDY_NAME) -> str:
        """Of a study of this search: a database is shared with other searches."""
        search = str((self.stored_config() or {})["study"]) if self._url() else STUDY_NAME
        return search if part == STUDY_NAME else _beside(search, part)

    def _storage(self) -> Any:
        permit = self._ownership.permit
        if url := self._url():
            return database.open_url(url, permit, lambda seconds: self._pause(seconds))
        return JournalStorage(Journal(self.journal, permit))
