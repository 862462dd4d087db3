"""Every image size from 32 to 331: one list of weights, one function.

A network of NASNet-A built once for images of any size takes each size; a network built for that
size alone must have the same weights and give the same logits.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.report import print_figures, required

LIMITS = {
    "other lists of weights": ("== 0", 600, "weights with a counter in their names"),
    "largest relative difference of the logits": (
        "<= 1e-05",
        0.1,
        "borders cropped at the wrong side, about",
    ),
}


def sizes(step: int) -> list[tuple[int, int]]:
    """Squares of every size, and as many rectangles from a seed."""
    squares = [(s, s) for s in range(32, 332, step)]
    rng = np.random.default_rng(0)
    rectangles = [(int(a), int(b)) for a, b in rng.integers(32, 332, (len(squares), 2))]
    return squares + rectangles


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="take every STEP-th size only")
    args = parser.parse_args()
    import keras

    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.build import build_network

    genotype = catalogue.load("nasnet_a")
    config = presets.configure(genotype, "imagenet_mobile", normal_cells=1, filters=8)
    dynamic = build_network(genotype, config.replace(image_size=None), keras)
    weights = dynamic.get_weights()
    listed = [(w.path, tuple(w.shape)) for w in dynamic.weights]
    worst, other_lists = 0.0, 0
    todo = sizes(args.step)
    for number, size in enumerate(todo, 1):
        # The layers of the static network go with it, or memory grows with every build.
        static = build_network(genotype, config.replace(image_size=size), keras)
        other_lists += [(w.path, tuple(w.shape)) for w in static.weights] != listed
        static.set_weights(weights)
        x = np.random.default_rng(number).uniform(-1, 1, (1, *size, 3)).astype("float32")
        expected = np.asarray(static(x))
        difference = np.abs(np.asarray(dynamic(x)) - expected).max() / np.abs(expected).max()
        worst = max(worst, float(difference))
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"\r{number}/{len(todo)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print_figures(
        [
            required(LIMITS, "other lists of weights", other_lists, note=f"{len(todo)} sizes"),
            required(LIMITS, "largest relative difference of the logits", worst),
        ],
        seeds=[0],
    )


if __name__ == "__main__":
    main()
