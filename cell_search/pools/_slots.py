"""What a pool does whatever its workers are: a slot for each, with a thread that waits for it.

The pools at hand do not survive what happens in long searches: the standard library's fails all
requests when one worker dies and cannot end one that hangs, and pebble's breaks when an idle
worker is killed. Here a slot knows its own worker only, and so does its misfortune.
"""

from __future__ import annotations

import abc
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from cell_search.evaluators import Request, Result
from cells.support.errors import UserError

#: So many workers may die of a candidate. The first may have died of something else: of a
#: neighbour that took the memory, or by the hand of an administrator.
DEATHS = 2

#: So long `close` waits for the threads, in seconds.
_FAREWELL = 5.0


class WorkerDied(Exception):
    """A worker is gone.

    Args:
        how: such as `killed by SIGKILL`.
        innocent: whether the candidate cannot have been the cause.
    """

    def __init__(self, how: str, innocent: bool = False):
        super().__init__(how)
        self.innocent = innocent


class TooLate(Exception):
    """A worker did not answer in time."""


class Worker(abc.ABC):
    """Somewhere else, where candidates are evaluated one after the other."""

    @abc.abstractmethod
    def start(self) -> None:
        """Returns when the worker waits for requests.

        Raises:
            WorkerDied: it does not.
        """

    @abc.abstractmethod
    def alive(self) -> bool:
        """Whether the worker, which has nothing to do, is still there."""

    @abc.abstractmethod
    def ask(self, request: Request, seconds: float | None) -> Result:
        """Has a candidate evaluated.

        Args:
            request: the candidate.
            seconds: after which it is given up; None: never.

        Raises:
            WorkerDied: the worker died meanwhile.
            TooLate: it has not answered.
            UserError: the settings are at fault, not the candidate.
        """

    @abc.abstractmethod
    def kill(self) -> None:
        """Ends the worker; may be called from any thread, at any time, and again."""


@dataclass
class _Task:
    request: Request
    future: Future[Result] = field(default_factory=Future)
    deaths: int = 0


_Tasks = queue.SimpleQueue[_Task | None]


class Slots:
    """A pool of workers that are independent of each other.

    A slot takes a request only when its worker is there, so that none waits for a worker that
    finds no room while others are free. A worker lives as long as the pool, so whatever it has
    compiled serves all its candidates; where it dies, another is started.

    Args:
        makers: one for each slot; makes a worker that is not started.
        seconds: time limit of a candidate; 0: none.
        where: the section of the settings, for errors.
    """

    def __init__(self, makers: Sequence[Callable[[], Worker]], seconds: float, where: str):
        self.workers = len(makers)
        self._tasks: _Tasks = queue.SimpleQueue()
        self._slots = [_Slot(make, seconds, where, self._tasks) for make in makers]

    def submit(self, request: Request) -> Future[Result]:
        task = _Task(request)
        self._tasks.put(task)
        return task.future

    def close(self) -> None:
        for slot in self._slots:
            slot.close()
            self._tasks.put(None)
        until = time.monotonic() + _FAREWELL
        for slot in self._slots:
            slot.join(max(0.0, until - time.monotonic()))
        with contextlib.suppress(queue.Empty):
            while True:
                if task := self._tasks.get_nowait():
                    task.future.set_exception(_closed())


def _closed() -> RuntimeError:
    return RuntimeError("the pool is closed")


class _Slot(threading.Thread):
    def __init__(self, make: Callable[[], Worker], seconds: float, where: str, tasks: _Tasks):
        super().__init__(daemon=True)
        self._make, self._seconds, self._where, self._tasks = make, seconds, where, tasks
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False
        self.start()

    def run(self) -> None:
        while True:
            worker = self._present()
            task = self._tasks.get()
            if task is None:
                return
            if isinstance(worker, UserError):
                task.future.set_exception(worker)
            elif self._closed:
                task.future.set_exception(_closed())
            elif worker.alive():
                self._serve(worker, task)
            else:
                self._drop()
                self._tasks.put(task)

    def _present(self) -> Worker | UserError:
        """The worker of this slot, started if need be; or why there is none."""
        deaths = 0
        while True:
            with self._lock:
                if self._worker is not None:
                    return self._worker
                if self._closed:
                    return UserError(str(_closed()))
                worker = self._worker = self._make()
            try:
                worker.start()
            except WorkerDied as death:
                self._drop()
                deaths += 1
                if deaths == DEATHS:
                    return UserError(
                        f"{self._where}: a worker died while it started, {death}; what it wrote "
                        "is above"
                    )
            except Exception as error:
                self._drop()
                return UserError(f"{self._where}: a worker cannot be started ({error})")

    def _serve(self, worker: Worker, task: _Task) -> None:
        started = time.monotonic()
        try:
            result = worker.ask(task.request, self._seconds or None)
        except TooLate:
            self._drop()
            result = _failed(f"took longer than {self._seconds:g} s", started)
        except WorkerDied as death:
            self._drop()
            task.deaths += not death.innocent
            if self._closed:
                task.future.set_exception(_closed())
                return
            if task.deaths < DEATHS:
                self._tasks.put(task)
                return
            result = _failed(f"its worker died {task.deaths} times, the last {death}", started)
        except Exception as error:
            task.future.set_exception(error)
            return
        task.future.set_result(result)

    def _drop(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        self._closed = True
        self._drop()


def _failed(why: str, started: float) -> Result:
    return Result(None, {}, time.monotonic() - started, why)
