"""Whether a search pays within the budget of `cells auto`: against NASNet-A trained all the time.

The images of sign_language_digits are written as a folder of files. `cells auto` gets it twice with
one budget: once it searches cells and trains what it found in the time that remains, once it trains
NASNet-A for all of it. Both are tested on the same images, which neither saw. Without --search the
first takes the cells that its rule says (docs/auto.md), which searches nothing in a short budget.

Needs CELLS_DATA_DIR with `sign_language_digits` prepared.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import Figure, observed, print_figures, required
from cells.support.files import atomic_path

LIMITS = {
    "what the search gains within a budget of * minutes": (
        "> 0",
        -0.59,
        "cells that are not trained, which have chance's 0.1",
    ),
    "what the choice gains within a budget of * minutes": (
        "> 0",
        0.0,
        "NASNet-A against itself, in the mean",
    ),
    "largest time, in parts of the budget": ("<= 1.1", 2.0, "a training that begins after it"),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="6m", help="of each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--search", type=float, help="share of the budget; by default the rule's")
    parser.add_argument("--output", help="folder of everything that is written, to be kept")
    args = parser.parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        _write_images(folder / "sign_language_digits")
        searched = args.search is not None
        ours = "found cells" if searched else "cells of its choice"
        arms = {
            ours: [f"--search={args.search}"] if searched else [],
            "NASNet-A": ["--genotype=nasnet_a"],
        }
        reports: dict[str, list[dict]] = {name: [] for name in arms}
        for seed in range(args.seeds):
            for name, found in reports.items():
                output = folder / f"{name} {seed}"
                found.append(_run(output, arms[name], seed, args.budget, folder))
    gains = f"what the {'search' if searched else 'choice'} gains within a budget of"
    print_figures(_figures(reports, ours, gains), seeds=range(args.seeds))


def _run(
    output: pathlib.Path, arm: list[str], seed: int, budget: str, folder: pathlib.Path
) -> dict:
    run(
        "cells",
        "auto",
        f"--images={folder / 'sign_language_digits'}",
        f"--output={output}",
        f"--budget={budget}",
        f"--seed={seed}",
        "--flip",
        *arm,
    )
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def _figures(reports: dict[str, list[dict]], ours: str, gains: str) -> list[Figure]:
    means = {
        n: statistics.mean(r["test"]["accuracy"] for r in found) for n, found in reports.items()
    }
    every = [report for found in reports.values() for report in found]
    budget = every[0]["settings"]["budget"]
    told = "with a search" if every[0]["settings"]["search"] else "without a search"
    gains += f" {budget / 60:g} minutes"
    runs = len(every) // len(reports)
    return [
        *(
            observed(f"{name}, test accuracy, mean of {runs}", round(mean, 4))
            for name, mean in means.items()
        ),
        required(LIMITS, gains, round(means[ours] - means["NASNet-A"], 4), note=told),
        required(
            LIMITS,
            "largest time, in parts of the budget",
            round(max(r["seconds_in_all"] for r in every) / budget, 3),
        ),
    ]


def _write_images(folder: pathlib.Path) -> None:
    """All images of the set as `CLASS/*`, so that the command draws its own test images."""
    import tensorflow as tf

    from cells import data

    builder = data.builder("sign_language_digits", data_dir())
    classes = data.image_classes(builder)
    for split in builder.info.splits:
        for number, example in enumerate(builder.as_dataset(split=split)):
            name = classes.class_names[int(example[classes.label_key])]
            path = folder / name / f"{split}{number:05}.png"
            if not path.exists():
                with atomic_path(path) as temporary:
                    temporary.write_bytes(tf.io.encode_png(example[classes.image_key]).numpy())


if __name__ == "__main__":
    main()
