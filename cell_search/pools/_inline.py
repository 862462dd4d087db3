"""No workers: candidates are evaluated in this process."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from cell_search.evaluators import Request, Result, evaluate
from cell_search.pools._pool import POOLS, Pool, PoolSettings


@POOLS.register("inline")
@dataclass(frozen=True)
class Inline(PoolSettings):
    """This process, one candidate after the other."""

    def open(self) -> Pool:
        return _InlinePool()


class _InlinePool:
    workers = 1

    def submit(self, request: Request) -> Future[Result]:
        future: Future[Result] = Future()
        try:
            future.set_result(evaluate(request))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass
