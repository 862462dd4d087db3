"""Processes of this machine, each with its own GPU or its share of the cores."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import Any

from cell_search.evaluators import Request, Result
from cell_search.pools._pool import MAX_WORKERS, POOLS, Pool, PoolSettings
from cell_search.pools._slots import Slots, TooLate, Worker, WorkerDied
from cell_search.pools._threads import thread_variables
from cell_search.pools._worker import work
from cells.support import command_line
from cells.support.settings import check, setting

_GPUS = "CUDA_VISIBLE_DEVICES"

#: Loggers whose levels `cells.support.command_line.hush` sets.
_LOGGERS = ("absl", "tensorflow")


@POOLS.register("processes")
@dataclass(frozen=True)
class Processes(PoolSettings):
    """Worker processes on this machine.

    Attributes:
        workers: how many; 0: one for each GPU, or for each core where there is no GPU.
        seconds: time limit of a candidate; 0: none. Its process is killed then.
        threads: of a worker; 0: its share of the cores.
    """

    workers: int = setting(0, least=0, most=MAX_WORKERS)
    seconds: float = setting(0.0, least=0)
    threads: int = setting(0, least=0, most=MAX_WORKERS)

    def check(self) -> None:
        check(self, "pool.processes.")
        _leave_gpus()

    def open(self) -> Pool:
        gpus, cores = visible_gpus(), len(os.sched_getaffinity(0))
        workers = self.workers or len(gpus) or cores
        threads = self.threads or max(1, cores // workers)
        return Slots(
            [partial(_Process, _environment(threads, gpus, i, workers)) for i in range(workers)],
            self.seconds,
            "pool.processes",
        )


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    TensorFlow is not asked: to look, it would take memory on each of them.
    """
    if _GPUS in os.environ:
        named = [name.strip() for name in os.environ[_GPUS].split(",")]
        # CUDA reads the list up to the first that does not exist.
        until = next((i for i, name in enumerate(named) if name in ("", "-1")), len(named))
        return named[:until]
    if shutil.which("nvidia-smi") is None:
        return []
    done = subprocess.run(
        ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.split() if done.returncode == 0 else []


def _leave_gpus() -> None:
    """Keeps the driver off the GPUs: it needs none, and would take memory on all of them."""
    if visible_gpus():
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # It has them already.
            tf.config.set_visible_devices([], "GPU")


def _environment(threads: int, gpus: list[str], index: int, workers: int) -> dict[str, str]:
    """The environment of a worker."""
    made = thread_variables(threads)
    if gpus:
        made[_GPUS] = gpus[index % len(gpus)]
        if workers > len(gpus):
            # Otherwise the first worker takes all memory of a GPU that others share.
            made["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return made


class _Process(Worker):
    def __init__(self, environment: dict[str, str]):
        context = multiprocessing.get_context("spawn")
        self._pipe, self._other = context.Pipe()
        levels = {name: logging.getLogger(name).level for name in _LOGGERS}
        self._process = context.Process(
            target=work,
            args=(self._other, environment, levels, command_line.warns_as()),
            daemon=True,
        )
        self._starting = threading.Lock()
        self._killed = False

    def start(self) -> None:
        with self._starting:
            if self._killed:
                raise WorkerDied("killed before it began")
            # Ctrl-C in a terminal goes to all its processes; it is the driver that ends the
            # workers. What is blocked here is blocked there from the first moment.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._other.close()
        self._receive(None)

    def alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, request: Request, seconds: float | None) -> Result:
        try:
            self._pipe.send(request)
        except OSError:
            raise WorkerDied(self._how(), innocent=True) from None
        # The time of the candidate begins when its worker has read the request.
        answer = self._receive(None) or self._receive(seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _receive(self, seconds: float | None) -> Any:
        ready = connection.wait([self._pipe, self._process.sentinel], seconds)
        if not ready:
            raise TooLate
        if self._pipe in ready:
            try:
                return self._pipe.recv()
            except (EOFError, OSError):
                pass  # It died in the middle of the answer.
        raise WorkerDied(self._how())

    def _how(self) -> str:
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"with exit code {code}"
        return f"killed by {signal.Signals(-code).name}"

    def kill(self) -> None:
        with self._starting:
            self._killed = True
            if self._process.pid is not None:
                self._process.kill()


#: Seconds until a process whose pipe is closed has an exit code.
_PATIENCE = 5.0
