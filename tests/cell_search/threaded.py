"""A search whose candidates finish out of order, without data sets and without processes."""

from __future__ import annotations

import dataclasses
import pathlib
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search import config, driver
from cell_search.config import Search
from cell_search.directory import SearchDirectory
from cell_search.evaluators import Evaluator, Request, Result, evaluate
from cell_search.images import ImageSettings
from cell_search.interruption import Interruptible
from cell_search.pools import Pool, PoolSettings
from cell_search.space import Space


@dataclass(frozen=True)
class Weighing(Evaluator):
    """Weighs the decisions, after some milliseconds; every sixth trial fails.

    Attributes:
        wait: the longest time, seconds.
    """

    reward: ClassVar[str] = "weight"
    uses_images: ClassVar[bool] = False

    wait: float = 0.01

    def check(self, images: ImageSettings, space: Space) -> None:
        pass

    def metrics(self) -> tuple[str, ...]:
        return ("weight", "cost")

    def score(self, request: Request) -> dict[str, float]:
        time.sleep(self.wait * (request.number * 7 % 5) / 4)
        if request.number % 6 == 5:
            raise MemoryError(f"<out of memory> {request.number // 30}")
        point = request.decisions.items()
        weight = sum(zlib.crc32(f"{k}{v}".encode()) / 2**32 for k, v in point)
        return {"weight": weight, "cost": float(len({v for _, v in point}))}


@dataclass(frozen=True)
class Threads(PoolSettings):
    """Workers that are threads of this process, each of which calls itself a worker."""

    workers: int = 4

    def open(self) -> Pool:
        return _Threads(self.workers)


class _Threads:
    def __init__(self, workers: int):
        self.workers = workers
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="worker")

    def submit(self, request: Request) -> Future[Result]:
        return self._executor.submit(_evaluate, request)

    def close(self) -> None:
        self._executor.shutdown()


def _evaluate(request: Request) -> Result:
    import threading

    return dataclasses.replace(evaluate(request), worker=threading.current_thread().name)


def threaded(settings: dict[str, Any]) -> Search:
    """A search in the space of NAS-Bench-201 with other settings of one's own."""
    values = {
        "space": {"name": "nas_bench_201"},
        "evaluator": {"type": "nas_bench_201"},
        **{key: value for key, value in settings.items() if key != "objectives"},
    }
    search = config.resolve(config.from_values(values, "test"))
    search.config.objectives = settings.get("objectives", [])
    return dataclasses.replace(search, evaluator=Weighing(), pool=Threads())


def run(path: pathlib.Path, search: Search) -> list[str]:
    """Runs it in a directory, or goes on with it."""
    directory = SearchDirectory(path)
    with directory.locked():
        directory.store_config(config.used_values(search.config))
        return driver.search(directory, search, Interruptible())
