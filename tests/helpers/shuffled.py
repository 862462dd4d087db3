"""A search whose candidates finish out of order, without data sets and without processes."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import threading
import time
import zlib
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.config import resolve, schema
from cell_search.config.search import Search
from cell_search.driver import driver
from cell_search.evaluators import Evaluator, Request, Result, Score, evaluate
from cell_search.images import ImageSettings
from cell_search.pools import Pool, PoolSettings
from cell_search.search_result import SearchResult
from cell_search.space.space import Space
from cell_search.study.directory import SearchDirectory
from cells.support.signals import Interruptible


@dataclass(frozen=True)
class Weighing(Evaluator):
    """Weighs the decisions, after some milliseconds; every sixth trial fails.

    Attributes:
        wait: the longest time, seconds.
    """

    reward: ClassVar[str] = "weight"
    uses_images: ClassVar[bool] = False

    wait: float = 0.002

    def check(self, images: ImageSettings, space: Space) -> None:
        pass

    def metrics(self) -> tuple[str, ...]:
        return ("weight", "cost")

    def score(self, request: Request) -> Score:
        time.sleep(self.wait * (request.number * 7 % 5) / 4)
        if request.number % 6 == 5:
            raise MemoryError(f"<out of memory> {request.number // 30}")
        point = request.decisions.items()
        weight = sum(zlib.crc32(f"{k}{v}".encode()) / 2**32 for k, v in point)
        return Score({"weight": weight, "cost": float(len({v for _, v in point}))})


@dataclass(frozen=True)
class Shuffled(PoolSettings):
    """Workers that are always busy: whenever all are, a random one of them hands in its result."""

    workers: int = 4

    def open(self) -> Pool:
        return _Shuffled(self.workers)


class _Shuffled:
    def __init__(self, workers: int):
        self.workers = workers
        self._rng = random.Random(0)
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[Future[Result], Result]] = {}
        self._last: threading.Timer | None = None

    def submit(self, request: Request) -> Future[Result]:
        future: Future[Result] = Future()
        result = evaluate(request)
        with self._lock:
            worker = next(i for i in range(self.workers) if i not in self._busy)
            self._busy[worker] = future, dataclasses.replace(result, worker=f"worker {worker}")
            if len(self._busy) == self.workers:
                self._hand_in(self._rng.randrange(self.workers))
        if self._last is not None:
            self._last.cancel()
        # When nothing more is submitted, those that are left come in.
        self._last = threading.Timer(0.5, self._hand_in_all)
        self._last.start()
        return future

    def _hand_in(self, worker: int) -> None:
        future, result = self._busy.pop(worker)
        future.set_result(result)

    def _hand_in_all(self) -> None:
        with self._lock:
            for worker in list(self._busy):
                self._hand_in(worker)

    def close(self) -> None:
        if self._last is not None:
            self._last.cancel()


def shuffled(settings: dict[str, Any]) -> Search:
    """A search in the space of NAS-Bench-201 with other settings of one's own."""
    values = {
        "space": {"name": "nas_bench_201"},
        "evaluator": {"type": "nas_bench_201"},
        **{key: value for key, value in settings.items() if key != "objectives"},
    }
    search = resolve.resolve(schema.from_values(values, "test"))
    search.config.objectives = settings.get("objectives", [])
    return dataclasses.replace(search, evaluator=Weighing(), pool=Shuffled())


def run(path: pathlib.Path, search: Search) -> SearchResult:
    """Runs it in a directory, or goes on with it."""
    directory = SearchDirectory(path)
    with directory.locked():
        directory.store_config(schema.used_values(search.config))
        return driver.search(directory, search, Interruptible())
