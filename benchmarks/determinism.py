"""The same search twice in two processes, and what TensorFlow's deterministic operations cost."""

from __future__ import annotations

import argparse
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.report import observed, print_figures, required
from benchmarks.searches import trials

LIMITS = {
    "same genotypes in both processes": ("== 1", 0, "proposals from an unseeded generator"),
    "bit-equal scores in both processes": ("== 1", 0, "weights from an unseeded generator"),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, deterministic in (("first", True), ("second", True), ("free", False)):
            run(
                "cell-search",
                "--config_file=configs/search/digits_demo.yaml",
                f"--search_dir={folder}/{name}",
                f"--data_dir={folder}/data",
                f"--params_override=trials={args.trials},deterministic={str(deterministic).lower()}",
            )
        first, second, free = (trials(folder / n) for n in ("first", "second", "free"))
    same = [t.params for t in first] == [t.params for t in second]
    equal = [t.value for t in first] == [t.value for t in second]
    cost = _seconds(first[1:] + second[1:]) / 2 / _seconds(free[1:])
    print_figures(
        [
            required(LIMITS, "same genotypes in both processes", int(same)),
            required(LIMITS, "bit-equal scores in both processes", int(equal)),
            observed("time of a deterministic child, parts of a free one", round(cost, 2)),
        ],
        seeds=[0],
    )


def _seconds(found: list) -> float:
    return sum((t.datetime_complete - t.datetime_start).total_seconds() for t in found)


if __name__ == "__main__":
    main()
