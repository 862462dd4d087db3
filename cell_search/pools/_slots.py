"""What a pool does whatever its workers are: a slot for each, with a thread that waits for it.

The pools at hand do not survive what happens in long searches: the standard library's fails all
requests when one worker dies and cannot end one that hangs, and pebble's breaks when an idle
worker is killed. Here a slot knows its own worker only, and so does its misfortune.
"""

from __future__ import annotations

import abc
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from cell_search.evaluators import Request, Result
from cells.errors import UserError

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


class Slots:
    """A pool of workers that are independent of each other.

    A worker is started when there is something to do, and again where it died. It lives as long
    as the pool, so whatever it has compiled serves all its candidates.

    Args:
        makers: one for each slot; makes a worker that is not started.
        seconds: time limit of a candidate; 0: none.
        where: the section of the settings, for errors.
    """

    def __init__(self, makers: Sequence[Callable[[], Worker]], seconds: float, where: str):
        self.workers = len(makers)
        self._queue: queue.SimpleQueue[tuple[Future[Result], Request] | None] = queue.SimpleQueue()
        self._slots = [_Slot(make, seconds, where, self._queue) for make in makers]

    def submit(self, request: Request) -> Future[Result]:
        future: Future[Result] = Future()
        self._queue.put((future, request))
        return future

    def close(self) -> None:
        for slot in self._slots:
            slot.close()
            self._queue.put(None)
        until = time.monotonic() + _FAREWELL
        for slot in self._slots:
            slot.join(max(0.0, until - time.monotonic()))


class _Slot(threading.Thread):
    def __init__(
        self,
        make: Callable[[], Worker],
        seconds: float,
        where: str,
        requests: queue.SimpleQueue[tuple[Future[Result], Request] | None],
    ):
        super().__init__(daemon=True)
        self._make, self._seconds, self._where = make, seconds, where
        self._requests = requests
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._closed = False
        self.start()

    def run(self) -> None:
        while (item := self._requests.get()) is not None and not self._closed:
            future, request = item
            try:
                future.set_result(self._serve(request))
            except Exception as error:
                future.set_exception(error)

    def _serve(self, request: Request) -> Result:
        started = time.monotonic()
        deaths = 0
        while True:
            worker = self._present()
            try:
                return worker.ask(request, self._seconds or None)
            except TooLate:
                self._drop()
                failure = f"took longer than {self._seconds:g} s"
            except WorkerDied as death:
                self._drop()
                deaths += not death.innocent
                if deaths < DEATHS:
                    continue
                failure = f"its worker died {deaths} times, the last {death}"
            return Result(None, {}, time.monotonic() - started, failure)

    def _present(self) -> Worker:
        """The worker of this slot, alive as far as one can know."""
        if self._worker is not None and not self._worker.alive():
            self._drop()
        for attempt in range(DEATHS):
            with self._lock:
                if self._closed:
                    raise RuntimeError("the pool is closed")
                if self._worker is not None:
                    return self._worker
                worker = self._worker = self._make()
            try:
                worker.start()
                return worker
            except WorkerDied as death:
                self._drop()
                if attempt + 1 == DEATHS:
                    raise UserError(
                        f"{self._where}: a worker died while it started, {death}; what it wrote "
                        "is above"
                    ) from None
        raise AssertionError

    def _drop(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        self._closed = True
        self._drop()
