"""Begins searches at the same moment on one new database, again and again.

  python -m benchmarks.database_races                  8 searches at once, 20 times
  python -m benchmarks.database_races --rounds=3 --searches=4

Each round has a new database, in which there are no tables yet; once with SQLite, once with a
PostgreSQL server that is started for it. Every search has to end with all its trials.
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

_TRIALS = 3


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
        context.Process(target=_searches, args=(number, folder, urls, barrier, faults))
        for number in range(count)
    ]
    for process in processes:
        process.start()
    found = [faults.get() for _ in range(count)]
    for process in processes:
        process.join()
    return [fault for of_one in found for fault in of_one]


def _searches(number: int, folder: Path, urls: Sequence[str], barrier: Barrier, told: Any) -> None:
    """One search of every round."""
    import cell_search

    _search(cell_search, folder / f"first {number}", {})  # Imports what it needs.
    faults = []
    for index, url in enumerate(urls):
        settings = {"storage": url, "study": f"search {number}"}
        barrier.wait()
        try:
            result = _search(cell_search, folder / f"{index} {number}", settings)
            trials = [(trial["number"], trial["state"]) for trial in result.trials]
            if trials != [(i, "COMPLETE") for i in range(_TRIALS)]:
                faults.append(f"search {number} of round {index}: has the trials {trials}")
        except Exception as error:
            faults.append(f"search {number} of round {index}: {type(error).__name__}: {error}")
    told.put(faults)


def _search(cell_search: Any, folder: Path, settings: dict[str, str]) -> Any:
    def joined(genotype: Any) -> float:
        return float(len(genotype.normal.concat))

    folder.parent.mkdir(parents=True, exist_ok=True)
    return cell_search.search(
        score=joined, strategy="random", trials=_TRIALS, directory=folder, settings=settings
    )


if __name__ == "__main__":
    main()
