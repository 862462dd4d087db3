"""The embedded storage: Optuna's journal in a file, whole at any time."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation

from cells.support.errors import UserError


class Journal(JournalFileBackend):
    """Optuna's journal file, where a record is written whole or not at all.

    Args:
        path: of the file.
        permit: called under the journal's lock before each record; raises where this process must
            not write any more.
    """

    def __init__(self, path: pathlib.Path, permit: Callable[[], None]):
        self._path, self._permit = path, permit
        try:
            super().__init__(str(path))
        except OSError as error:
            raise _unwritable(path, error) from None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The journal's lock, which all writers take; that of a dead one is taken after 30 s.

        Raises:
            UserError: the folder cannot be written.
        """
        try:
            self._lock.acquire()
        except OSError as error:
            raise _unwritable(self._path, error) from None
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
            try:
                _append(self._path, "".join(lines).encode(), wait=any(map(_precious, logs)))
            except OSError as error:
                raise _unwritable(self._path, error) from error


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
    if not path.exists():
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


def _unwritable(path: pathlib.Path, error: OSError) -> UserError:
    reason = os.strerror(error.errno) if error.errno else error
    return UserError(
        f"{path}: cannot be written ({reason}); every finished trial is kept, and once that is "
        "mended the same command goes on"
    )
