"""Drivers in processes of their own, for tests that kill them.

They are forked from a process that has imported everything, so that one starts at once.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import pathlib
import resource
import socket
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.evaluators import Evaluator, Request, Score
from cells.support.errors import UserError

# Workers import this module for `Scored` alone; what else it needs is imported late.

#: What is searched where a job says nothing else.
TRIALS = 60

SETTINGS: dict[str, Any] = {
    "space": {"name": "pnas", "blocks": 2},
    "strategy": {
        "type": "regularized_evolution",
        "regularized_evolution": {"population": 10, "sample": 3},
    },
    "evaluator": "parameters",
    "trials": TRIALS,
    "top": 2,
    "report_minutes": 0.0,
}


@dataclass(frozen=True)
class Scored(Evaluator):
    """A score that follows from the decisions, after a moment.

    Attributes:
        seconds: the moment.
        hanging: trials that take for ever.
    """

    reward: ClassVar[str] = "score"
    uses_images: ClassVar[bool] = False
    whole_networks: ClassVar[bool] = True

    seconds: float = 0.003
    hanging: tuple[int, ...] = ()

    def score(self, request: Request) -> Score:
        time.sleep(600 if request.number in self.hanging else self.seconds)
        made = json.dumps(request.decisions, sort_keys=True)
        return Score({"score": zlib.crc32(made.encode()) / 2**32})


@dataclass(frozen=True)
class Job:
    """What a driver does.

    Attributes:
        path: the search directory.
        settings: on top of `SETTINGS`.
        evaluator: of the candidates.
        largest: bytes that a file may have at most.
        host: what the machine calls itself.
    """

    path: pathlib.Path
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    evaluator: Scored = Scored()
    largest: int = 0
    host: str = ""

    def run(self) -> None:
        """Searches, here."""
        import cell_search
        from cells.support.signals import Interruptible

        with Interruptible().listening() as interruptible:
            cell_search.search(
                SETTINGS | self.settings,
                evaluator=self.evaluator,
                directory=self.path,
                interruptible=interruptible,
            )


def _work(job: Job) -> None:
    """A driver's process; what it says on standard error is kept in a file."""
    import cell_search
    from cells.support.signals import Interruption

    here = pathlib.Path(cell_search.__file__).parents[1]
    assert here == pathlib.Path(__file__).parents[2], "another copy of the project is installed"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(_log(job.path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if job.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest, job.largest))
    if job.host:
        socket.gethostname = lambda: job.host
    try:
        job.run()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except Interruption as stop:
        sys.exit(128 + stop.signum)


def _log(path: pathlib.Path) -> pathlib.Path:
    # Not in the directory, nor beside it, where the disk may be full.
    return pathlib.Path(tempfile.gettempdir()) / f"said-{zlib.crc32(str(path).encode())}"


def said(path: pathlib.Path) -> str:
    """What the last driver of a directory said on standard error."""
    return _log(path).read_text()


def forks() -> Any:
    """What makes processes that have imported everything."""
    context = multiprocessing.get_context("forkserver")
    modules = ["tensorflow", "matplotlib.backends.backend_svg", "cell_search.config.schema"]
    context.set_forkserver_preload([*modules, "cell_search.driver.driver", "cells.drawing.figure"])
    return context


def begin(job: Job) -> Any:
    """Starts the process of a driver."""
    process = forks().Process(target=_work, args=(job,))
    process.job = job
    process.start()
    return process


def ends(process: Any, code: int = 0, seconds: float = 240) -> None:
    """The process ends with an exit code."""
    process.join(seconds)
    assert process.exitcode == code, said(process.job.path)


def trials_of(path: pathlib.Path) -> list[Any]:
    """The trials of a search directory; none while there is no search."""
    from cell_search.study.directory import SearchDirectory

    try:
        return SearchDirectory(path).read_study().trials
    except UserError:
        return []


def story(path: pathlib.Path) -> list[tuple]:
    """What must be equal between two runs of one search."""
    return [
        (t.number, t.state, t.value, t.params, t.user_attrs.get("finished"))
        for t in trials_of(path)
    ]


def has_finished(path: pathlib.Path, count: int) -> bool:
    """Whether so many trials have an end."""
    return sum(t.state.is_finished() for t in trials_of(path)) >= count
