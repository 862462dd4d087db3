"""What every pool is."""

from __future__ import annotations

import abc
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from cell_search.evaluators import Request, Result
from cells.support.registry import Registry

#: Pools by name: frozen dataclasses whose fields are their settings.
POOLS: Registry[type[PoolSettings]] = Registry("pool.type")

#: Of a search, and threads of a worker.
MAX_WORKERS = 10_000


class Pool(Protocol):
    """Workers that evaluate requests.

    Attributes:
        workers: how many requests are worth having under way.
    """

    workers: int

    def submit(self, request: Request) -> Future[Result]:
        """Hands a request over.

        Returns:
            A future of the result. A candidate that fails, kills its worker or takes too long
            has a result with the reason; an exception means that no candidate can be evaluated.
        """
        ...

    def close(self) -> None:
        """Gives up what is under way; returns within seconds."""
        ...


@dataclass(frozen=True)
class PoolSettings(abc.ABC):
    """The settings of a pool: a frozen dataclass; its fields have defaults."""

    @property
    def workers(self) -> int:
        """How many candidates are scored at the same time; 0: as many as there is room for."""
        return 1

    def check(self) -> None:  # noqa: B027 - most pools need no check
        """Raises a UserError where the pool cannot be had; called before anything is written."""

    @abc.abstractmethod
    def open(self) -> Pool:
        """Makes the pool.

        Raises:
            UserError: it cannot be had.
        """
