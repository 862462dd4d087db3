"""One driver and many workers: how busy it keeps them, simulated on a virtual clock.

First a search of 20,000 trials with 512 workers is run for real: the driver, the strategy
(regularized evolution with its default settings, in the published NASNet space of 50 decisions),
the embedded storage, TensorBoard's files, the report. Only the children are not there: they end
when the driver waits for them. What the driver spends on each trial is measured, in processor time
and in waiting for the disk.

Then searches with 1, 8, 64 and 512 workers are simulated. The driver's costs are those that were
measured, trial by trial; a child takes 60 or 1,800 virtual seconds with a standard deviation of
30 %; a report is written every two minutes, and whoever ends meanwhile waits. Utilisation is the
share of the workers' time, from the moment when all of them have work to the last proposal, that
was work.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import contextlib
import dataclasses
import heapq
import io
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.report import Figure, judged, observed, print_figures, required
from benchmarks.strategy_cost import value
from cell_search.config import resolve, schema
from cell_search.driver import driver
from cell_search.evaluators import Request, Result
from cell_search.output import report
from cell_search.pools import Pool, PoolSettings
from cell_search.study.directory import SearchDirectory
from cell_search.study.studies import STUDY_NAME
from cells.support.signals import Interruptible

LIMITS = {
    "512 workers, children of 1,800 s, utilisation": (
        ">= 0.99",
        0.7,
        "a driver that takes 5 s for a trial",
    ),
    "512 workers, children of 60 s, utilisation": (
        ">= 0.95",
        0.6,
        "a driver that takes 0.2 s for a trial",
    ),
    "driver's processor time on a trial at trial * against trial *": (
        "<= 1.5",
        20.0,
        "costs in proportion to the trials",
    ),
    "bytes of the storage a trial, late in parts of early": (
        "<= 1.1",
        20.0,
        "the whole history written with each trial",
    ),
}

#: Standard deviation of a child's duration.
SPREAD = 0.3

#: Workers and seconds of a child.
CASES = tuple((workers, seconds) for workers in (512, 64, 8, 1) for seconds in (1800.0, 60.0))

#: Workers while the driver is measured: with the most of them it has the most to do.
WORKERS = 512

#: Seconds between two reports, as in the default configuration.
REPORTS = 120.0

#: Trials at either end over which the growth of costs is taken.
WINDOW = 1000


@dataclass
class Costs:
    """What a driver spent, in seconds.

    Attributes:
        processor: its processor time on each trial, from submitting the one before to submitting
            it: telling a result, asking for a proposal, recording it.
        disk: how long it waited for the disk meanwhile.
        reports: of some reports, by the number of trials at that time.
        journal: bytes of the storage, by the number of trials.
    """

    processor: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)
    reports: dict[int, float] = field(default_factory=dict)
    journal: dict[int, int] = field(default_factory=dict)

    @property
    def trials(self) -> np.ndarray:
        """Of each trial, float64."""
        return np.array(self.processor) + np.array(self.disk)

    def report(self, trials: int) -> float:
        """Of a report on so many trials, between those that were measured."""
        return float(np.interp(trials, list(self.reports), list(self.reports.values())))


def durations(count: int, seconds: float) -> np.ndarray:
    """Of children, seconds, float64."""
    spread = np.random.default_rng(0).normal(1.0, SPREAD, count)
    return seconds * np.maximum(spread, 0.1)


def simulate(costs: Costs, workers: int, seconds: float) -> float:
    """The utilisation of workers whose driver has such costs."""
    lasts = durations(len(costs.trials), seconds)
    ends: list[float] = []
    spans = []
    now, reported = 0.0, 0.0
    for number, (cost, duration) in enumerate(zip(costs.trials, lasts, strict=True)):
        if len(ends) == workers:
            # The driver takes up what has ended first, when it has time.
            now = max(now, heapq.heappop(ends))
        now += cost
        spans.append((now, now + duration))
        heapq.heappush(ends, now + duration)
        if len(ends) == workers and now - reported >= REPORTS:
            now += costs.report(number)
            reported = now
    return utilisation(spans, workers)


def utilisation(spans: Sequence[tuple[float, float]], workers: int) -> float:
    """See above.

    Args:
        spans: begin and end of each child, by number.
        workers: how many.
    """
    begun, ended = np.array(spans).T
    start, end = begun[workers - 1], begun[-1]
    work = np.clip(ended, start, end) - np.clip(begun, start, end)
    return float(work.sum() / (workers * (end - start)))


def measure(folder: pathlib.Path, trials: int, workers: int = WORKERS) -> Costs:
    """Runs a search whose children are imaginary, and measures its driver.

    Args:
        folder: the search directory.
        trials: how many.
        workers: how many children are under way at a time.
    """
    values = {
        "space": {"name": "nasnet"},
        "evaluator": {"type": "parameters"},
        "trials": trials,
        "report_minutes": 0.0,
    }
    pool = _Imaginary(workers, trials)
    search = resolve.resolve(schema.from_values(values, "scale"))
    search = dataclasses.replace(search, pool=_Settings(pool))
    directory = SearchDirectory(folder)
    marks = {round(trials * share) for share in (0.05, 0.25, 0.5, 0.75)}
    with directory.locked(), contextlib.redirect_stdout(io.StringIO()):
        study = directory.open_study()

        def look(done: int) -> None:
            """Sizes and reports, off the record."""
            started = time.process_time()
            report.write(directory, search, study, drawings=driver.DRAWINGS)
            meter.costs.reports[done] = time.process_time() - started
            meter.costs.journal[done] = directory.journal.stat().st_size

        meter = _Meter(pool, marks, look)
        with meter.timing_the_disk():
            files = driver.Files(directory, search, study)
            driver.run(directory, STUDY_NAME, search, study, meter, files)
        look(trials)
    return meter.costs


class _Meter(Interruptible):
    """Stands where the driver may be interrupted: before it submits and before it waits.

    Args:
        pool: where children end when the driver waits.
        marks: after so many trials `look` is called.
        look: is told how many there are; what it does costs nothing.
    """

    def __init__(self, pool: _Imaginary, marks: set[int], look: Callable[[int], None]):
        super().__init__()
        self.costs = Costs()
        self._pool, self._marks, self._look = pool, marks, look
        self._disk, self._mark = 0.0, time.process_time()

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        known = self._pool.submitted
        if self._pool.waits():
            worked = time.process_time() - self._mark
            if (done := self._pool.submitted) in self._marks:
                self._marks.remove(done)
                self._look(done)
            self._pool.end_some()
            self._mark = time.process_time() - worked
        yield
        if self._pool.submitted > known:
            mark = time.process_time()
            self.costs.processor.append(mark - self._mark)
            self.costs.disk.append(self._disk)
            self._mark, self._disk = mark, 0.0

    @contextlib.contextmanager
    def timing_the_disk(self) -> Iterator[None]:
        """Counts the time that writes wait, which is no processor time."""
        sync = os.fsync

        def timed(file: int) -> None:
            started = time.perf_counter()
            sync(file)
            self._disk += time.perf_counter() - started

        os.fsync = timed
        try:
            yield
        finally:
            os.fsync = sync


class _Child(Future[Result]):
    collected = False

    def result(self, timeout: float | None = None) -> Result:
        self.collected = True
        return super().result(timeout)


class _Imaginary:
    """Workers whose children end, in the order of their durations, when the driver waits."""

    def __init__(self, workers: int, total: int):
        self.workers = workers
        self._durations = durations(total, 1800.0)
        self._running: list[tuple[float, int, Request, _Child]] = []
        self._ended: _Child | None = None
        self._now = 0.0
        self.submitted = 0

    def submit(self, request: Request) -> Future[Result]:
        child = _Child()
        end = self._now + self._durations[self.submitted]
        heapq.heappush(self._running, (end, self.submitted, request, child))
        self.submitted += 1
        return child

    def waits(self) -> bool:
        """Whether the driver has nothing to do before a child ends."""
        full = len(self._running) == self.workers or self.submitted == len(self._durations)
        return full and (self._ended is None or self._ended.collected)

    def end_some(self) -> None:
        """The next child ends."""
        begun = self._now
        self._now, _, request, child = heapq.heappop(self._running)
        score = value(request.decisions)
        worker = f"worker {request.number % self.workers}"
        result = Result(score, {"parameters": score}, 1800.0, worker=worker, began=begun)
        child.set_result(result)
        self._ended = child

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class _Settings(PoolSettings):
    pool: Any

    def open(self) -> Pool:
        return self.pool


def figures_of(costs: Costs) -> list[Figure]:
    """The figures of the driver and of all cases."""
    figures = []
    for workers, seconds in CASES:
        name = f"{workers} workers, children of {seconds:,.0f} s, utilisation"
        if workers > len(costs.trials) // 2:
            continue
        share = round(simulate(costs, workers, seconds), 4)
        figures.append(judged(LIMITS, name, share))
    processor, disk = np.array(costs.processor), np.array(costs.disk)
    size = len(processor)
    late, early = (
        float(part.mean()) for part in (processor[-WINDOW:], processor[WINDOW // 2 :][:WINDOW])
    )
    (before, at_first), *_, (_, at_last) = costs.journal.items()
    growth = (at_last - at_first) / (size - before)
    figures += [
        required(
            LIMITS,
            f"driver's processor time on a trial at trial {size:,} against trial {WINDOW:,}",
            round(late / early, 2),
            note=f"{late:.5f} s and {early:.5f} s",
        ),
        observed(
            f"driver's processor time on {size:,} trials, s",
            round(float(processor.sum()), 1),
            note=f"and {disk.sum():.1f} s of waiting for the disk",
        ),
        observed(
            f"driver's time on the last of the reports, of {size:,} trials, s",
            round(costs.report(size), 2),
        ),
        observed(f"bytes of the storage a trial, from trial {before:,} on", round(growth)),
        required(
            LIMITS,
            "bytes of the storage a trial, late in parts of early",
            round(growth / (at_first / before), 3),
        ),
    ]
    return figures


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=20_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(pathlib.Path(folder), args.trials)
    figures = figures_of(costs)
    print_figures(figures, seeds=[0])
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


if __name__ == "__main__":
    main()
