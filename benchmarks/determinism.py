"""The same search twice in two processes, and what TensorFlow's deterministic operations cost."""

from __future__ import annotations

import argparse
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.report import Figure, exactly, print_figures
from benchmarks.searches import trials


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
            exactly("same genotypes in both processes", int(same), 1),
            exactly("bit-equal scores in both processes", int(equal), 1),
            Figure(
                "time of a deterministic child, parts of a free one", round(cost, 2), "any", True
            ),
        ]
    )


def _seconds(found: list) -> float:
    return sum((t.datetime_complete - t.datetime_start).total_seconds() for t in found)


if __name__ == "__main__":
    main()
