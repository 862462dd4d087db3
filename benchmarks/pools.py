"""One worker process and two: the time of a fixed search of 16 children on two cores.

  python -m benchmarks.pools

The children are those of random search, so both runs train the same ones, each on one thread. The
time is that of the whole command; every worker starts and fills its own bank of compiled pieces, so
two do not take half of the time of one: the shorter the children, the less is won.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import tempfile

from benchmarks.commands import run
from benchmarks.report import print_figures, required
from benchmarks.searches import trials

LIMITS = {
    "time of two workers, parts of one": ("<= 0.6", 1.0, "workers that wait for each other"),
    "same children and scores with one and with two": ("== 1", 0, "seeds by worker"),
}

SETTINGS = (
    "space.name=pnas,space.blocks=2,strategy.type=random,evaluator.train.epochs={epochs},"
    "trials={trials},deterministic=true,report_minutes=0,"
    "pool.type=processes,pool.processes.threads=1"
)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=1, help="pairs of which the median is taken")
    args = parser.parse_args()
    ratios: list[float] = []
    told: list[str] = []
    same = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        # The data set is prepared before the clock runs.
        search(folder, "first", 1, trials=1, epochs=1)
        for repeat in range(args.repeats):
            seconds = {
                workers: search(folder, f"{workers}-{repeat}", workers, args.trials, args.epochs)
                for workers in (1, 2)
            }
            told.append(f"one worker {seconds[1]:.1f} s, two {seconds[2]:.1f} s")
            print(told[-1], flush=True)
            ratios.append(seconds[2] / seconds[1])
            found = [
                [(t.params, t.value) for t in trials(folder / f"{workers}-{repeat}")]
                for workers in (1, 2)
            ]
            same = same and found[0] == found[1]
    print_figures(
        [
            required(
                LIMITS,
                "time of two workers, parts of one",
                round(statistics.median(ratios), 3),
                note="; ".join(told),
            ),
            required(LIMITS, "same children and scores with one and with two", int(same)),
        ],
        seeds=[0],
    )


def search(folder: pathlib.Path, name: str, workers: int, trials: int, epochs: int) -> float:
    """Runs the search; seconds that it took."""
    settings = SETTINGS.format(trials=trials, epochs=epochs)
    return run(
        "cell-search",
        "--config_file=configs/search/digits_demo.yaml",
        f"--search_dir={folder}/{name}",
        f"--data_dir={folder}/data",
        f"--params_override={settings},pool.processes.workers={workers}",
    )


if __name__ == "__main__":
    main()
