"""One driver for a search directory: the lock, who holds it, and how another takes it over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import re
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import IO

from cells.support.errors import UserError

#: Seconds that a driver is given to end after SIGTERM, and after SIGKILL.
_PATIENCE = 15.0

_OWNER = re.compile(r"process (\d+) on (.*)")


class Ownership:
    """The right to write in a search directory.

    The operating system's lock on `driver.lock` keeps others out and is let go when its holder
    ends, in whatever way. The file says who that is. A driver on another machine cannot be ended
    from here, so a takeover puts a new file in the place of the old one, and whoever is not named
    in the file must not write any more: it asks before each record (`permit`).

    Args:
        folder: the search directory.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder, self._path = folder, folder / "driver.lock"
        self._mine: str | None = None

    @contextlib.contextmanager
    def held(
        self,
        takeover: bool = False,
        silence: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> Iterator[None]:
        """Keeps other drivers out. Whoever has the right already keeps it.

        Args:
            takeover: whether to take the directory from whoever is at work in it. On this machine
                that driver is ended: by SIGTERM, and by SIGKILL where it does not listen.
            silence: keeps others from writing for the time of a `with` block.

        Raises:
            UserError: another driver is at work here (says which) or cannot be ended, or the
                directory cannot be written.
        """
        if self._mine is not None:
            yield
            return
        mine = f"process {os.getpid()} on {socket.gethostname()}\n{uuid.uuid4().hex}\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._acquire(mine, takeover, silence)
        except OSError as error:
            raise UserError(
                f"--search_dir: {self._folder} cannot be written ({os.strerror(error.errno or 0)})",
                "directory",
            ) from None
        with file:
            self._mine = mine
            try:
                yield
            finally:
                self._mine = None

    def permit(self) -> None:
        """Raises a UserError where another driver has taken over what this one had."""
        if self._mine is None:
            return
        try:
            present = self._path.read_text(encoding="utf-8")
        except OSError:
            present = ""
        if present != self._mine:
            raise UserError(
                f"--search_dir: {self._folder} was taken over by another search "
                f"({_name(present)}), so this one has ended; what it had finished is kept",
                "directory",
            )

    def _acquire(
        self,
        mine: str,
        takeover: bool,
        silence: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> IO[str]:
        while True:
            file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 - held for hours
            if not _locks(file):
                file.seek(0)
                owner = _name(file.read())
                if not takeover:
                    file.close()
                    raise UserError(
                        f"--search_dir: {self._folder} is in use by another search ({owner}); "
                        "wait for it, stop it, use another directory, or take over what it has "
                        "with --takeover (takeover=True)",
                        "directory",
                    )
                process = _process_here(owner, file)
                if process is None:
                    file.close()
                    with silence():
                        return self._replace(mine)
                _end(process, file, owner)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(self._path)):
                file.truncate(0)
                file.write(mine)
                file.flush()
                return file
            file.close()  # Another driver took over between opening and locking.

    def _replace(self, mine: str) -> IO[str]:
        handle, name = tempfile.mkstemp(prefix=".driver-", dir=self._folder)
        try:
            file = open(handle, "a+", encoding="utf-8")  # noqa: SIM115
            _locks(file)
            file.write(mine)
            file.flush()
            os.replace(name, self._path)
        finally:
            pathlib.Path(name).unlink(missing_ok=True)
        return file


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(text: str) -> str:
    """Who a lock file names."""
    return text.partition("\n")[0].strip() or "unknown"


def _process_here(owner: str, file: IO[str]) -> int | None:
    """The number of the process that holds a lock file, if it runs on this machine.

    A number alone may be that of another process, in another container of the same name.
    """
    found = _OWNER.fullmatch(owner)
    if found is None or found[2] != socket.gethostname():
        return None
    lock = os.fstat(file.fileno())
    try:
        for opened in pathlib.Path(f"/proc/{found[1]}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(opened.stat(), lock):
                    return int(found[1])
    except OSError:
        pass
    return None


def _end(process: int, file: IO[str], owner: str) -> None:
    """Ends the process that holds a lock file, and takes the lock."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(process, signum)
        except ProcessLookupError:
            pass
        except PermissionError:
            raise UserError(
                f"--takeover: {owner} belongs to another user and cannot be ended; ask them to "
                "stop it"
            ) from None
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if _locks(file):
                return
            time.sleep(0.05)
    raise UserError(f"--takeover: {owner} does not end; wait until the system has removed it")
