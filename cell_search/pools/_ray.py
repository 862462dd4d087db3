"""Actors on a Ray cluster, which may grow and shrink and lose nodes."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cell_search.evaluators import Request, Result, evaluate
from cell_search.pools._pool import MAX_WORKERS, POOLS, Pool, PoolSettings
from cell_search.pools._slots import Slots, TooLate, Worker, WorkerDied
from cell_search.pools._threads import thread_variables
from cells.support import registry
from cells.support.errors import UserError, first_line
from cells.support.settings import check, setting

#: Seconds until an actor that does not answer counts as lost.
_PATIENCE = 60.0

#: Seconds for a connection to the cluster.
_KNOCK = 20.0


@POOLS.register("ray")
@dataclass(frozen=True)
class Ray(PoolSettings):
    """Workers on a Ray cluster, each an actor that keeps its engine.

    Attributes:
        workers: how many; 0: as many as the cluster has room for now. A cluster that grows needs
            a number: workers that find no room make it grow.
        seconds: time limit of a candidate; 0: none. Its worker is killed then.
        address: of the cluster: `auto` on one of its machines, `ray://HOST:10001` elsewhere;
            empty: what `RAY_ADDRESS` says, else this machine alone.
        cpus: of a worker, and its threads.
        gpus: of a worker; parts of 1 share a GPU.
        working_dir: folder or archive that workers run in; where this project is not installed
            on the nodes, a folder that holds it.
        image: container image that workers run in.
    """

    workers: int = setting(0, least=0, most=MAX_WORKERS)
    seconds: float = setting(0.0, least=0)
    address: str = ""
    cpus: float = setting(1.0, least=0, most=1e6)
    gpus: float = setting(0.0, least=0, most=1e6)
    working_dir: str = ""
    image: str = ""

    def check(self) -> None:
        check(self, "pool.ray.")
        try:
            import ray  # noqa: F401
        except ImportError:
            raise UserError(
                "pool.type: ray is not installed; install 'transferable-cells[ray]', or use "
                "pool.type=processes"
            ) from None

    def open(self) -> Pool:
        import ray

        connected = self._connect()
        made = ray.remote(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            max_restarts=0,
            runtime_env={
                "env_vars": thread_variables(max(1, int(self.cpus))) | registry.variables()
            },
        )(_Actor)
        workers = self.workers or self._room()
        makers: list[Callable[[], Worker]] = [lambda: _RayWorker(made)] * workers
        return _RayPool(makers, self.seconds, connected)

    def _connect(self) -> bool:
        """Whether it was this that connected to the cluster."""
        import ray

        if ray.is_initialized():
            return False
        _knock(self.address)
        wanted = {"working_dir": self.working_dir, "image_uri": self.image}
        # Ray puts its own handlers in the place of the driver's.
        handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            ray.init(
                address=self.address or None,
                runtime_env={name: value for name, value in wanted.items() if value},
                logging_level=logging.WARNING,
            )
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            where = self.address or "a cluster on this machine"
            why = first_line(error)
            raise UserError(f"pool.ray.address: {where} cannot be reached ({why})") from None
        finally:
            for signum, handler in handlers.items():
                # Only the main thread may set it, and only there did Ray.
                with contextlib.suppress(ValueError):
                    signal.signal(signum, handler)
        return True

    def _room(self) -> int:
        import ray

        there = ray.cluster_resources()
        needed = {"CPU": self.cpus, "GPU": self.gpus}
        rooms = [int(there.get(name, 0.0) // need) for name, need in needed.items() if need]
        room = min(rooms, default=0)
        if room < 1:
            ray.shutdown()
            raise UserError(
                f"pool.ray: a worker needs {self.cpus:g} CPUs and {self.gpus:g} GPUs, and the "
                f"cluster has {there.get('CPU', 0):g} and {there.get('GPU', 0):g}; for a cluster "
                "that grows, say how many with pool.ray.workers"
            )
        return room


def _knock(address: str) -> None:
    """Whether somebody listens there: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"pool.ray.address: {address} cannot be reached ({reason})") from None


class _RayPool(Slots):
    def __init__(self, makers: list[Callable[[], Worker]], seconds: float, connected: bool):
        super().__init__(makers, seconds, "pool.ray")
        self._connected = connected

    def close(self) -> None:
        import ray

        super().close()
        if self._connected:
            ray.shutdown()


class _Actor:
    def ready(self) -> None:
        """Answers once it is there."""
        registry.import_named()

    def evaluate(self, request: Request) -> Result | UserError:
        try:
            return evaluate(request)
        except UserError as error:
            return error


class _RayWorker(Worker):
    def __init__(self, made: Any):
        self._made = made
        self._actor: Any = None

    def start(self) -> None:
        import ray

        self._actor = self._made.remote()
        try:
            ray.get(self._actor.ready.remote())
        except ray.exceptions.RayActorError as error:
            raise WorkerDied(_how(error)) from None

    def alive(self) -> bool:
        import ray

        try:
            ray.get(self._actor.ready.remote(), timeout=_PATIENCE)
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            return False
        return True

    def ask(self, request: Request, seconds: float | None) -> Result:
        import ray

        try:
            answer = ray.get(self._actor.evaluate.remote(request), timeout=seconds)
        except ray.exceptions.GetTimeoutError:
            raise TooLate from None
        except ray.exceptions.RayActorError as error:
            how = _how(error)
            raise WorkerDied(how, innocent="its node" in how) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self) -> None:
        import ray

        if self._actor is not None and ray.is_initialized():
            ray.kill(self._actor)


def _how(error: Exception) -> str:
    """Why an actor died, in Ray's words: of a page of them, the line that says so."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if "died" in line and "because" in line), lines[0])[:200]
