"""The search directory: everything that a search knows, so that it can always go on."""

from __future__ import annotations

import os
import pathlib
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import optuna
from optuna.storages import JournalStorage

from cell_search.study import database
from cell_search.study.journal import Journal, mend
from cell_search.study.lock import Ownership
from cell_search.study.studies import SIEVE_NAME, STUDY_NAME, Studies, name_of
from cells.support import overrides, yaml_file
from cells.support.errors import UserError
from cells.support.files import expanded, write_atomically


class SearchDirectory(Studies):
    """Paths of a search directory, its study and its lock.

    Attributes:
        path: the directory.
        config: `config.yaml`, the configuration that made it.
        journal: `study.journal`, Optuna's journal file with all trials, unless `config.yaml` names
            another storage.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = expanded(path)
        self.config = self.path / "config.yaml"
        self.journal = self.path / "study.journal"
        self._ownership = Ownership(self.path)

    def weights(self, weights_dir: str = "", study: str = STUDY_NAME) -> str:
        if "://" in weights_dir:
            return f"{weights_dir.rstrip('/')}/{study}"
        folder = expanded(weights_dir or self.path / "weights")
        return str(folder.absolute() / study)

    def tensorboard(self, part: str = STUDY_NAME) -> pathlib.Path:
        """The folder of TensorBoard's files of a study.

        Args:
            part: `STUDY_NAME`, `SIEVE_NAME`, or the name of a re-ranking.
        """
        if part == STUDY_NAME:
            return self.path / "tensorboard"
        return self.path / "tensorboard" / (SIEVE_NAME if part == SIEVE_NAME else "rerank")

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
        """Writes `config.yaml`.

        Args:
            values: those that matter, nested.
        """
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

    def has_trials(self) -> bool:
        return bool(self.journal.exists() or self._url()) and super().has_trials()

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

    def _url(self) -> str:
        """Of the storage, as `config.yaml` says; empty: the journal here."""
        return str((self.stored_config() or {}).get("storage") or "")

    def _name(self, part: str = STUDY_NAME) -> str:
        """Of a study of this search: a database is shared with other searches."""
        search = str((self.stored_config() or {})["study"]) if self._url() else STUDY_NAME
        return search if part == STUDY_NAME else name_of(search, part)

    def _mend(self) -> None:
        mend(self.journal)

    def _storage(self) -> Any:
        permit = self._ownership.permit
        if url := self._url():
            return database.open_url(url, permit, lambda seconds: self._pause(seconds))
        return JournalStorage(Journal(self.journal, permit))
