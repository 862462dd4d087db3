"""The search directory: everything that a search knows, so that it can always go on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.storages import JournalStorage

from cell_search.study import database, journal
from cell_search.study.journal import DamagedJournal, FileStorage, Journal, Prefix
from cell_search.study.lock import Ownership
from cell_search.study.studies import SIEVE_NAME, STUDY_NAME, Studies, name_of
from cell_search.trial_keys import CONFIG
from cells.support import files, json_file, overrides, yaml_file
from cells.support.errors import UserError
from cells.support.files import expanded, write_atomically

#: What a search writes once a candidate has a score.
_LEFT = ("genotype.json", "best.json", "top", "report.html")

#: A winner is a few kilobytes.
_WINNER_BYTES = 1 << 20


class SearchDirectory(Studies):
    """Paths of a search directory, its study and its lock.

    Attributes:
        path: the directory.
        config: `config.yaml`, the configuration that made it.
        journal: `study.journal`, Optuna's journal file with all trials, unless `config.yaml` names
            another storage.
        costs: `costs.json`, the cost table of the search, where it has one.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = expanded(path)
        self.config = self.path / "config.yaml"
        self.journal = self.path / "study.journal"
        self.costs = self.path / "costs.json"
        self._ownership = Ownership(self.path)
        self._recovered: dict[str, Any] | None = None
        self._opened: tuple[str, database.Patient] | None = None

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
        """The values of `config.yaml`, or of its text that was recovered; None in a new directory.

        Raises:
            UserError: the file is damaged.
        """
        if self._recovered is not None:
            return self._recovered
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
        self.recover(None)

    def recover(self, values: dict[str, Any] | None) -> None:
        """Takes values for those of `config.yaml`, which is lost; writes nothing.

        Args:
            values: what the journal recorded; None for those of the file again.
        """
        self._recovered = values

    def state(self) -> list[tuple[int, int]]:
        """What changes when somebody writes to the configuration or to the journal."""
        files = [path.stat() for path in (self.config, self.journal) if path.exists()]
        return [(file.st_mtime_ns, file.st_size) for file in files]

    def noted_config(self) -> str | None:
        """The text of `config.yaml` as the journal recorded it; None: it did not yet."""
        return journal.noted(self.journal, CONFIG) if self.journal.is_file() else None

    def note_config(self, study: optuna.Study) -> None:
        """Records the text of `config.yaml` in the study, where it can be restored from.

        Args:
            study: that of the search.
        """
        text = self.config.read_text(encoding="utf-8") if self.config.exists() else ""
        if text and study.user_attrs.get(CONFIG) != text:
            study.set_user_attr(CONFIG, text)

    def new_study_name(self) -> str:
        """A name for the study in a database that other searches share."""
        return f"{self.path.resolve().name}-{uuid.uuid4().hex[:8]}"

    @contextmanager
    def locked(self, takeover: bool = False) -> Iterator[None]:
        """Keeps other drivers out for the time of a `with` block.

        Args:
            takeover: whether to end the driver that is at work here, or to keep it from writing.

        Raises:
            UserError: another driver is at work here (says which), or the directory cannot be
                written.
        """
        with self._ownership.held(takeover, self._silence):
            try:
                yield
            finally:
                if self._opened is not None:
                    self._opened[1].close()

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
        if not self._url():
            self._require_journal()
        study = super().open_study(directions, pause)
        self._require_winner(study)
        return study

    def _require_journal(self) -> None:
        """Raises a UserError where the journal is gone, and what a search has left is not."""
        if self.journal.is_dir() or (self.journal.is_file() and self.journal.stat().st_size):
            return
        left = next((n for n in _LEFT if (self.path / n).exists()), None)
        if left is not None:
            lost = "is empty" if self.journal.exists() else "is missing"
            raise UserError(
                f"{self.journal}: {lost}, and {self.path / left} is of a search; put the journal "
                "back, or use another search directory"
            )

    def _require_winner(self, study: optuna.Study) -> None:
        """Raises a UserError where the winner is of a trial that the study does not have."""
        for name in ("genotype.json", "best.json"):
            try:
                values = json_file.loads(
                    files.read(self.path / name, "genotype", _WINNER_BYTES), "it"
                )
                number = values["provenance"]["trial"]
            except (UserError, LookupError, TypeError):
                continue
            count = len(study.get_trials(deepcopy=False))
            if isinstance(number, int) and number >= count:
                raise UserError(
                    f"{self.journal}: has {count} trials, and {self.path / name} is of trial "
                    f"{number}: records are missing; put the journal back, or move that file away"
                )

    def repair(self) -> str:
        """Keeps the whole records of a damaged journal. Only under the lock.

        Returns:
            What was done, in words.
        """
        try:
            self.read_study()
        except DamagedJournal as error:
            kept = journal.repair(self.journal, error.line)
            return (
                f"{self.journal} keeps the {error.line - 1:,} records before the damage; the file "
                f"as it was is {kept.name}"
            )
        return f"{self.journal}: is whole; nothing was changed"

    def has_trials(self) -> bool:
        return bool(self.journal.exists() or self._url()) and super().has_trials()

    def require_begun(self) -> None:
        """Raises a UserError where a search has left neither settings nor trials."""
        if not (self.config.exists() or self.journal.exists()):
            raise self._no_search()

    def _no_search(self) -> UserError:
        return UserError(f"--search_dir: there is no search in {self.path}", "directory")

    def read_study(self, *, strict: bool = True) -> optuna.Study:
        """Opens the study to look at it, also while a search is under way.

        Args:
            strict: whether a damaged record is an error; else what stands before it is opened,
                and a warning says so.

        Raises:
            UserError: there is no search here, or its journal is damaged.
        """
        if self.stored_config() is None or not (self.journal.exists() or self._url()):
            raise self._no_search()
        try:
            return self._load(self._name())
        except DamagedJournal as error:
            if strict:
                raise
            print(f"cell-search: {error}; shows what stands before it", file=sys.stderr)
            whole = JournalStorage(Prefix(self.journal, error.line - 1))
            with contextlib.suppress(KeyError):
                return optuna.load_study(study_name=self._name(), storage=whole)
        except KeyError:
            pass
        raise UserError(
            f"--search_dir: the search in {self.path} has no trial yet", "directory"
        ) from None

    def _url(self) -> str:
        """Of the storage, as `config.yaml` says; empty: the journal here."""
        return str((self.stored_config() or {}).get("storage") or "")

    def _name(self, part: str = STUDY_NAME) -> str:
        """Of a study of this search: a database is shared with other searches."""
        search = str((self.stored_config() or {})["study"]) if self._url() else STUDY_NAME
        return search if part == STUDY_NAME else name_of(search, part)

    def _mend(self) -> None:
        journal.mend(self.journal)

    def _storage(self) -> Any:
        permit = self._ownership.permit
        if url := self._url():
            # Each has connections of its own, of which a server has a hundred in all.
            if self._opened is None or self._opened[0] != url:
                patient = database.open_url(url, permit, lambda seconds: self._pause(seconds))
                self._opened = url, patient
            return self._opened[1]
        return FileStorage(Journal(self.journal, permit))
