"""Commands of this project, in processes that are forked from one that has imported TensorFlow."""

from __future__ import annotations

import atexit
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

ROOT = pathlib.Path(__file__).parents[2]

#: Imports what is not of this project, once, and forks a process for each command, which may take
#: twenty minutes; a number is that of a process whose end is waited for.
_SERVER = """
import gc, json, os, runpy, signal, sys
import optuna, tensorflow, tensorflow_datasets, official.vision.modeling.factory
gc.freeze()
for line in sys.stdin:
    command = json.loads(line)
    if isinstance(command, int):
        print(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]), flush=True)
        continue
    child = os.fork()
    if not child:
        signal.alarm(1200)
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        for stream, path in enumerate(command["streams"], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
        module, *arguments = command["command"]
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.exit()
    print(child, flush=True)
"""


@functools.cache
def _server() -> subprocess.Popen:
    folders = [str(ROOT), str(ROOT / "tests" / "helpers"), os.environ.get("PYTHONPATH", "")]
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    atexit.register(_end, server)
    return server


def _ask(message: object) -> int:
    """What the server answers."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    print(json.dumps(message), file=server.stdin, flush=True)
    return int(server.stdout.readline())


def _end(server: subprocess.Popen) -> None:
    assert server.stdin is not None
    server.stdin.close()
    server.wait()


@dataclass(frozen=True)
class Forked:
    """A command that was begun.

    Attributes:
        command: module and arguments.
        pid: its process.
        out, err: the files of what it prints.
    """

    command: Sequence[str]
    pid: int
    out: IO[str]
    err: IO[str]

    def hears(self) -> bool:
        """Whether it has handlers of signals: it is past the start-up of Python itself."""
        return catches(self.pid, signal.SIGTERM)

    def send(self, signum: int, when: Callable[[], bool] | None = None, seconds: float = 0) -> None:
        """Sends a signal.

        Args:
            signum: the signal.
            when: says that the moment has come; by default it has once the command hears signals.
            seconds: that pass then.
        """
        wait_until(when or self.hears)
        time.sleep(seconds)
        os.kill(self.pid, signum)

    def said(self) -> str:
        """What it has printed so far."""
        return pathlib.Path(self.out.name).read_text()

    def end(self) -> subprocess.CompletedProcess[str]:
        """Waits for the end; gives the exit code, and what was printed."""
        code = _ask(self.pid)
        with self.out, self.err:
            return subprocess.CompletedProcess(self.command, code, self.out.read(), self.err.read())


def catches(pid: int, signum: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught & (1 << (signum - 1)))


def wait_until(moment: Callable[[], bool]) -> None:
    """Waits, for ten minutes at most."""
    last = time.monotonic() + 600
    while not moment():
        assert time.monotonic() < last, "the moment did not come"
        time.sleep(0.01)


def begin_forked(
    module: str,
    *arguments: str,
    folder: pathlib.Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Forked:
    """Begins what `python -m MODULE ARGUMENTS` does; `end` of it has to be called.

    Args:
        module: such as `cell_search`, or one of `tests/helpers`.
        arguments: of the command line.
        folder: where it runs.
        environment: in place of this process's own; variables that TensorFlow reads when it is
            imported change nothing any more.
    """
    out, err = (tempfile.NamedTemporaryFile("r") for _ in range(2))  # noqa: SIM115  See `end`.
    command = {
        "command": [module, *arguments],
        "folder": str(folder),
        "environment": dict(os.environ if environment is None else environment),
        "streams": [out.name, err.name],
    }
    return Forked([module, *arguments], _ask(command), out, err)


def run_forked(
    module: str,
    *arguments: str,
    folder: pathlib.Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """As `begin_forked`, and waits for the end: the exit code, and what was printed."""
    return begin_forked(module, *arguments, folder=folder, environment=environment).end()
