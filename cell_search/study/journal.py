"""The embedded storage: Optuna's journal in a file, whole at any time."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.storages.journal._storage import JournalOperation

from cells.support.errors import UserError, about
from cells.support.files import write_atomically, writing

#: What comes of a record that is none, or that Optuna cannot make sense of.
_OF_RECORDS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError),
    *(TypeError, ValueError),
)


_END: Any = object()


class DamagedJournal(UserError):
    """A record of a journal cannot be read; what stands before it is whole.

    Attributes:
        line: where it stands, from 1.
    """

    def __init__(self, path: pathlib.Path, line: int, reason: str):
        super().__init__(
            f"{path}: line {line:,} is damaged ({reason}); put back a whole file, or keep what "
            f"stands before that line with cell-search --mode=repair --search_dir={path.parent}"
        )
        self.line = line


class FileStorage(JournalStorage):
    """Optuna's storage of a journal file, which says where the file is damaged."""

    def __init__(self, journal: Journal):
        self._journal, self._line = journal, 0
        super().__init__(journal)

    def _sync_with_backend(self) -> None:
        result = self._replay_result
        try:
            result.apply_logs(self._known(self._journal.read_logs(result.log_number_read)))
        except _OF_RECORDS as error:
            self._journal.damaged(self._line, error)

    def _known(self, logs: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The records; Optuna passes over those of trials that it does not know."""
        self._line = self._replay_result.log_number_read
        while True:
            self._line += 1
            # Where this line is none, that is told here, sometimes only as the next one is read.
            if (log := next(logs, _END)) is _END:
                return
            if isinstance(log, dict) and "trial_id" in log:
                self._replay_result.get_trial(log["trial_id"])
            yield log


class Prefix(BaseJournalBackend):
    """The whole records of a damaged journal; nothing can be added.

    Args:
        path: of the file.
        count: how many.
    """

    def __init__(self, path: pathlib.Path, count: int):
        with open(path, "rb") as file:
            self.lines = [line for _, line in zip(range(count), file, strict=False)]

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise AssertionError("a damaged journal is only read")


class Journal(JournalFileBackend):
    """Optuna's journal file, where a record is written whole or not at all.

    Args:
        path: of the file.
        permit: called under the journal's lock before each record; raises where this process must
            not write any more.
    """

    def __init__(self, path: pathlib.Path, permit: Callable[[], None]):
        self._path, self._permit = path, permit
        if path.is_dir():
            raise UserError(f"{path}: is a folder; move it away, or use another search directory")
        with _writing(path):
            super().__init__(str(path))

    def damaged(self, line: int, error: Exception) -> None:
        """Raises a DamagedJournal.

        Args:
            line: the damaged one, from 1.
            error: what came of it.
        """
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise DamagedJournal(self._path, max(line, 1), reason) from None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The journal's lock, which all writers take; that of a dead one is taken after 30 s.

        Raises:
            UserError: the folder cannot be written.
        """
        with _writing(self._path):
            self._lock.acquire()
        try:
            yield
        finally:
            # Whoever waited for 30 s has taken it from us; the next record finds out.
            with contextlib.suppress(RuntimeError):
                self._lock.release()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends records.

        Args:
            logs: Optuna's records.

        Raises:
            UserError: the disk is full, or another driver has taken the search over.
        """
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        with self.held():
            self._permit()
            with _writing(self._path):
                _append(self._path, "".join(lines).encode(), wait=any(map(_precious, logs)))


def _precious(log: Mapping[str, Any]) -> bool:
    """Whether a record waits for the disk.

    What is noted of a trial is worth nothing without its result. That is a later record of the same
    file, and waits for all before it.
    """
    return log["op_code"] not in (
        JournalOperation.SET_TRIAL_USER_ATTR,
        JournalOperation.SET_TRIAL_SYSTEM_ATTR,
    )


def _append(path: pathlib.Path, data: bytes, *, wait: bool) -> None:
    # Without a buffer, which would try to write its rest when it is closed.
    with open(path, "ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[file.write(data) :]
            if wait:
                os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def mend(path: pathlib.Path) -> None:
    """Removes what a killed writer leaves behind; only where no other can be at work.

    A last line without its end is no record: Optuna would read past it, but the next record
    would be glued to it and make the whole study unreadable.

    Args:
        path: of the file.
    """
    # Whoever held the lock is dead.
    pathlib.Path(f"{path}.lock").unlink(missing_ok=True)
    if not path.is_file():
        return
    with open(path, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep > 0:
            start = max(keep - 65536, 0)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep < end:
            file.truncate(keep)


def noted(path: pathlib.Path, key: str) -> Any:
    """The last value of an attribute of a study, without reading the others; None: there is none.

    Args:
        path: of a journal.
        key: of the attribute.
    """
    value, sign = None, json.dumps({"user_attr": {key: 0}})[1:-4].replace(" ", "").encode()
    with open(path, "rb") as file:
        for line in file:
            if sign in line:
                with contextlib.suppress(*_OF_RECORDS):
                    value = json.loads(line)["user_attr"][key]
    return value


def repair(path: pathlib.Path, line: int) -> pathlib.Path:
    """Puts a journal's whole records in its place.

    Args:
        path: of the journal.
        line: the first that is damaged, from 1.

    Returns:
        Where the damaged file is kept.

    Raises:
        UserError: the folder cannot be written.
    """
    whole = b"".join(Prefix(path, line - 1).lines)
    names = (path.with_name(f"{path.name}.{i}") for i in itertools.count(1))
    kept = next(name for name in names if not name.exists())
    shutil.copy2(path, kept)
    write_atomically(path, whole)
    return kept


@contextlib.contextmanager
def _writing(path: pathlib.Path) -> Iterator[None]:
    remedy = "every finished trial is kept, and once that is mended the same command goes on"
    with about(path, remedy), writing(path):
        yield
