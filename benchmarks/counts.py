"""The published networks' parameters and multiply-adds, as `cells summary` prints them."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.report import Figure, exactly, print_figures

#: Arguments of `cells summary`, and trainable, total, multiply-adds (of the TF-slim networks).
EXPECTED = {
    "nasnet_a --network=imagenet_mobile": (5_289_978, 5_326_716, 563_638_816),
    "nasnet_a --network=imagenet_large": (88_753_150, 88_949_818, 23_783_414_658),
    "nasnet_a --network=cifar": (3_346_538, 3_383_786, 544_333_312),
    "nasnet_a --network=cifar --normal_cells=2": (1_294_698, 1_310_442, 232_185_344),
    "pnasnet_5 --network=imagenet_large": (86_057_668, 86_234_656, 24_937_395_792),
    "pnasnet_5 --network=imagenet_mobile": (5_064_487, 5_098_151, 587_293_200),
}


def main() -> None:
    """Prints the figures."""
    figures: list[Figure] = []
    for arguments, numbers in EXPECTED.items():
        command = [sys.executable, "-m", "cells", "summary", *arguments.split(), "--json"]
        printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for key, number in zip(("trainable", "total", "multiply_adds"), numbers, strict=True):
            figures.append(exactly(f"{arguments} {key}", printed[key], number))
    print_figures(figures)


if __name__ == "__main__":
    main()
