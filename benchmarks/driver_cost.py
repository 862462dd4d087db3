"""What the driver takes for a trial with the embedded storage, early and late in a study.

  python -m benchmarks.driver_cost

A journal on the disk, in the published NASNet space (50 decisions), scored by a sum over the
decisions. Trials are asked, recorded and told as the driver does it; the time is that of the
clock, so that the waiting for the disk has its part. Between the two marks records are not
waited for, which changes nothing of what is in the file.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.report import observed, print_figures, required
from benchmarks.strategy_cost import EARLY, LATE, value
from cell_search.evaluators import Result
from cell_search.space import published
from cell_search.strategies import STRATEGIES
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory

LIMITS = {
    "ask at trial *, s": ("<= 0.02", 1.5, "the journal read from its beginning, about"),
    "record and tell at trial *, s": ("<= 0.01", 1.5, "the journal written anew, about"),
    "* at trial * against trial 1,000": ("<= 1.5", 20.0, "costs in proportion to the trials"),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategy", default="regularized_evolution")
    parser.add_argument("--window", type=int, default=300, help="trials of which the mean is taken")
    parser.add_argument("--late", type=int, default=LATE)
    parser.add_argument("--folder", help="where the journal lies; a temporary one by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        driver = _Driver(pathlib.Path(folder), args.strategy)
        with _no_waiting():
            driver.run(EARLY - args.window)
        early = driver.run(EARLY)
        with _no_waiting():
            driver.run(args.late - args.window)
        late = driver.run(args.late)
        size = driver.directory.journal.stat().st_size / args.late
    figures = [
        observed("the journal, bytes of a trial", round(size)),
        required(LIMITS, f"ask at trial {args.late:,}, s", late[0]),
        required(LIMITS, f"record and tell at trial {args.late:,}, s", late[1]),
    ]
    for name, before, after in zip(("ask", "record and tell"), early, late, strict=True):
        figures.append(
            required(
                LIMITS,
                f"{name} at trial {args.late:,} against trial {EARLY:,}",
                round(after / before, 2),
                note=f"{before} s at trial {EARLY:,}",
            )
        )
    print_figures(figures, seeds=[0])
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


class _Driver:
    def __init__(self, folder: pathlib.Path, strategy: str):
        self.directory = SearchDirectory(folder)
        self.space = published.find("nasnet")
        self.sampler = STRATEGIES.find(strategy)(self.space, seed=0)
        self.study = self.directory.open_study()
        self.count = 0

    def run(self, until: int) -> tuple[float, float]:
        """Goes on to so many trials; means of the seconds of ask, and of record and tell."""
        asks: list[float] = []
        records: list[float] = []
        for number in range(self.count, until):
            start = time.perf_counter()
            point = trials.propose(self.study, self.sampler, self.space, number)
            asked = time.perf_counter()
            trials.begin(self.study, self.space, point, after=number)
            trials.finish(self.study, number, Result(value(point)), order=number)
            asks.append(asked - start)
            records.append(time.perf_counter() - asked)
        self.count = until
        return round(statistics.fmean(asks), 5), round(statistics.fmean(records), 5)


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Records go to the disk when the system likes."""
    before, os.fsync = os.fsync, lambda file: None
    try:
        yield
    finally:
        os.fsync = before


if __name__ == "__main__":
    main()
