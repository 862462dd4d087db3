"""The published networks' parameters and multiply-adds, as `cells summary` prints them."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.report import Figure, print_figures, required

#: By arguments of `cells summary`; the counts of the TF-slim networks.
LIMITS = {
    "nasnet_a --network=imagenet_mobile trainable": (
        "== 5289978",
        5_326_716,
        "statistics counted, too",
    ),
    "nasnet_a --network=imagenet_mobile total": ("== 5326716", 5_289_978, "statistics not counted"),
    "nasnet_a --network=imagenet_mobile multiply_adds": (
        "== 563638816",
        1_127_277_632,
        "both operations counted",
    ),
    "nasnet_a --network=imagenet_large trainable": (
        "== 88753150",
        88_949_818,
        "statistics counted, too",
    ),
    "nasnet_a --network=imagenet_large total": (
        "== 88949818",
        88_753_150,
        "statistics not counted",
    ),
    "nasnet_a --network=imagenet_large multiply_adds": (
        "== 23783414658",
        47_566_829_316,
        "both operations counted",
    ),
    "nasnet_a --network=cifar trainable": ("== 3346538", 3_383_786, "statistics counted, too"),
    "nasnet_a --network=cifar total": ("== 3383786", 3_346_538, "statistics not counted"),
    "nasnet_a --network=cifar multiply_adds": (
        "== 544333312",
        1_088_666_624,
        "both operations counted",
    ),
    "nasnet_a --network=cifar --normal_cells=2 trainable": (
        "== 1294698",
        1_310_442,
        "statistics counted, too",
    ),
    "nasnet_a --network=cifar --normal_cells=2 total": (
        "== 1310442",
        1_294_698,
        "statistics not counted",
    ),
    "nasnet_a --network=cifar --normal_cells=2 multiply_adds": (
        "== 232185344",
        464_370_688,
        "both operations counted",
    ),
    "pnasnet_5 --network=imagenet_large trainable": (
        "== 86057668",
        86_234_656,
        "statistics counted, too",
    ),
    "pnasnet_5 --network=imagenet_large total": (
        "== 86234656",
        86_057_668,
        "statistics not counted",
    ),
    "pnasnet_5 --network=imagenet_large multiply_adds": (
        "== 24937395792",
        49_874_791_584,
        "both operations counted",
    ),
    "pnasnet_5 --network=imagenet_mobile trainable": (
        "== 5064487",
        5_098_151,
        "statistics counted, too",
    ),
    "pnasnet_5 --network=imagenet_mobile total": (
        "== 5098151",
        5_064_487,
        "statistics not counted",
    ),
    "pnasnet_5 --network=imagenet_mobile multiply_adds": (
        "== 587293200",
        1_174_586_400,
        "both operations counted",
    ),
}


def main() -> None:
    """Prints the figures."""
    figures: list[Figure] = []
    printed: dict[str, dict[str, int]] = {}
    for name in LIMITS:
        arguments, _, key = name.rpartition(" ")
        if arguments not in printed:
            command = [sys.executable, "-m", "cells", "summary", *arguments.split(), "--json"]
            done = subprocess.run(command, capture_output=True, check=True)
            printed[arguments] = json.loads(done.stdout)
        figures.append(required(LIMITS, name, printed[arguments][key]))
    print_figures(figures)


if __name__ == "__main__":
    main()
