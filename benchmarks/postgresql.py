"""A PostgreSQL server of its own, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

#: Seconds within which a server answers.
_STARTS = 60


class Server:
    """A PostgreSQL server in a folder, on a socket in it.

    Args:
        binaries: where PostgreSQL's programs are.
        folder: an empty folder, into which other users can look.
    """

    def __init__(self, binaries: pathlib.Path, folder: pathlib.Path):
        self._binaries, self._folder = binaries, folder
        # PostgreSQL refuses to run as root.
        self._user = None if os.geteuid() else "nobody"
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "--username=cells", "--auth=trust", "--no-sync", f"{folder}/data")
        self.start()

    @property
    def url(self) -> str:
        """Of the database that there is from the beginning."""
        return self._url("postgres")

    def new_database(self, name: str) -> str:
        """Makes a database, and gives its URL.

        Args:
            name: of small letters.
        """
        self._run("createdb", "--username=cells", f"--host={self._folder}", name)
        return self._url(name)

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        self._process = subprocess.Popen(
            [
                *(str(self._binaries / "postgres"), "-D", f"{self._folder}/data", "-F"),
                *("-k", str(self._folder), "-c", "listen_addresses="),
            ],
            user=self._user,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        until = time.monotonic() + _STARTS
        while self._call("pg_isready", f"--host={self._folder}").returncode:
            if time.monotonic() > until:
                raise TimeoutError(f"PostgreSQL does not answer within {_STARTS} seconds")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends all connections and the server."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def _url(self, name: str) -> str:
        return f"postgresql://cells@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._binaries / program), *arguments]
        return subprocess.run(
            command, user=self._user, capture_output=True, text=True, cwd="/", check=False
        )


def binaries() -> pathlib.Path | None:
    """Where PostgreSQL's programs are, if there are any."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).resolve().parent
    if shutil.which("pg_config"):
        done = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=False
        )
        folder = pathlib.Path(done.stdout.strip())
        return folder if (folder / "initdb").exists() else None
    return None


@contextlib.contextmanager
def server() -> Iterator[Server | None]:
    """A server for the time of a `with` block; None where PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        yield None
        return
    # The system's folder for such, into which another user can look.
    with tempfile.TemporaryDirectory(prefix="cells-postgresql-") as folder:
        made = Server(programs, pathlib.Path(folder))
        try:
            yield made
        finally:
            made.stop()
