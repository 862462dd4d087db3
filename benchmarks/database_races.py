"""Begins searches at the same moment on one new database, again and again.

  python -m benchmarks.database_races                  8 searches at once, 20 times
  python -m benchmarks.database_races --rounds=3 --searches=4

Each round has a new database, in which there are no tables yet; once with SQLite, once with a
PostgreSQL server that is started for it. Every search has to find its study, and its trial in it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from benchmarks import postgresql
from benchmarks.report import print_figures, required

LIMITS = {
    "*: searches that end otherwise": ("<= 0", 1, "one of two that began at once, in every pair"),
}


def main() -> None:
    """Prints what went wrong, then the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--searches", type=int, default=8, help="at once")
    args = parser.parse_args()
    rounds = range(args.rounds)
    with tempfile.TemporaryDirectory() as scratch, postgresql.server() as server:
        kinds = {"SQLite": [f"sqlite:///{scratch}/{number}.db" for number in rounds]}
        if server is not None:
            kinds["PostgreSQL"] = [server.new_database(f"round_{number}") for number in rounds]
        figures = []
        for kind, urls in kinds.items():
            faults = _faults(Path(scratch, kind), urls, args.searches)
            for fault in faults:
                print(f"{kind}: {fault}", flush=True)
            note = f"of {args.searches} at once, {args.rounds} times"
            name = f"{kind}: searches that end otherwise"
            figures.append(required(LIMITS, name, len(faults), note=note))
    print_figures(figures)


def _faults(folder: Path, urls: Sequence[str], count: int) -> list[str]:
    """What went wrong in all rounds, in words."""
    context = multiprocessing.get_context("spawn")
    barrier, faults = context.Barrier(count), context.SimpleQueue()
    processes = [
        context.Process(target=_searches, args=(number, folder, urls, barrier, faults), daemon=True)
        for number in range(count)
    ]
    for process in processes:
        process.start()
    found = [faults.get() for _ in range(count)]
    for process in processes:
        process.join()
    return [fault for of_one in found for fault in of_one]


def _searches(number: int, folder: Path, urls: Sequence[str], barrier: Barrier, told: Any) -> None:
    """Begins one search of every round."""
    from cell_search.study.directory import SearchDirectory

    faults = []
    for index, url in enumerate(urls):
        directory = SearchDirectory(folder / f"{index} {number}")
        name = f"search {number}"
        with directory.locked():
            directory.store_config({"storage": url, "study": name})
            barrier.wait()
            try:
                directory.open_study().tell(directory.open_study().ask(), number)
                study = directory.read_study()
                found = study.study_name, [trial.value for trial in study.trials]
                if found != (name, [number]):
                    faults.append(f"{name} of round {index}: finds {found}")
            except Exception as error:
                faults.append(f"{name} of round {index}: {type(error).__name__}: {error}")
    told.put(faults)


if __name__ == "__main__":
    main()
