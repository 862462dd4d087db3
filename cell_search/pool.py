"""Where candidates are evaluated: a pool takes requests and hands out futures."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from cell_search.evaluators import Request, Result, evaluate
from cell_search.registry import Registry


class Pool(Protocol):
    """Workers that evaluate requests.

    Attributes:
        workers: how many requests are worth having under way.
    """

    workers: int

    def submit(self, request: Request) -> Future[Result]:
        """Hands a request over; the future holds the result, or a UserError."""
        ...

    def close(self) -> None:
        """Gives up what is under way."""
        ...


POOLS: Registry[type[Pool]] = Registry("pool")


@POOLS.register("inline")
class InlinePool:
    """This process: `submit` returns when the result is there."""

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
