"""Runs a command on one core, and measures what its whole tree of processes takes.

A launcher of its own takes in processes whose parent has ended, so that nothing goes uncounted, and
ends what the command leaves behind, however the benchmark itself ends. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

ROOT = pathlib.Path(__file__).parents[2]

#: Of prctl: a signal when the parent ends; to become the parent of orphaned descendants.
_PARENT_DEATH, _SUBREAPER = 1, 36

#: One thread, as each of the libraries reads it.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        exit_code: of it; of one that was ended for its time, the negative signal.
        wall: seconds.
        processor: seconds of all its processes, in user and kernel mode.
        memory: the largest of any one process, in MB.
    """

    exit_code: int
    wall: float
    processor: float
    memory: float


def run(
    command: Sequence[str],
    *,
    core: int,
    most: float,
    log: pathlib.Path,
    environment: Mapping[str, str] | None = None,
) -> Usage:
    """Runs a command with one thread on one core.

    Args:
        command: with its arguments.
        core: the only one that it may use.
        most: wall seconds after which it is ended.
        log: file for what it prints.
        environment: variables that are added.

    Returns:
        What it took, its start included.
    """
    usage = log.with_suffix(".usage.json")
    usage.unlink(missing_ok=True)
    launcher = [sys.executable, "-m", __name__, f"--core={core}", f"--most={most}"]
    with open(log, "wb") as out:
        subprocess.run(
            [*launcher, f"--usage={usage}", "--", *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **ONE_THREAD, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return Usage(**json.loads(usage.read_text(encoding="utf-8")))


def processor() -> str:
    """The model of the machine's processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def end_with_parent() -> None:
    """Lets this process be terminated when the one that started it ends."""
    parent = os.getppid()
    _prctl(_PARENT_DEATH, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the benchmark has ended")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--most", type=float, required=True)
    parser.add_argument("--usage", type=pathlib.Path, required=True)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    end_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _prctl(_SUBREAPER, 1)
    os.sched_setaffinity(0, {args.core})
    try:
        start = time.monotonic()
        process = subprocess.Popen(args.command)
        try:
            exit_code = process.wait(args.most)
        except subprocess.TimeoutExpired:
            process.kill()
            exit_code = process.wait()
        wall = time.monotonic() - start
    finally:
        _end_children()
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = Usage(exit_code, wall, took.ru_utime + took.ru_stime, took.ru_maxrss / 1024)
    args.usage.write_text(json.dumps(asdict(usage)), encoding="utf-8")


def _end_children() -> None:
    """Ends and takes in all descendants: an orphan becomes a child of this process."""
    while True:
        for task in pathlib.Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    _main()
