"""How long `--help` of each command takes: nothing heavy is imported for it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.report import print_figures, required

LIMITS = {"* --help, s": ("<= 1.5", 4.0, "with TensorFlow imported, about")}


def main() -> None:
    """Prints the median of five starts of each command, in seconds."""
    figures = []
    for package in ("cells", "cell_search", "transfer", "detection"):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            command = [sys.executable, "-m", package, "--help"]
            subprocess.run(command, capture_output=True, check=True)
            times.append(time.perf_counter() - start)
        median = round(statistics.median(times), 3)
        figures.append(required(LIMITS, f"{package} --help, s", median))
    print_figures(figures)


if __name__ == "__main__":
    main()
