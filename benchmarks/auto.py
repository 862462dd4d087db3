"""Whether `cells auto` pays: against NASNet-A trained all the time, in the same budget.

The images of sign_language_digits are written as a folder of files. `cells auto` gets it twice with
one budget: once it takes the cells that its rule says (docs/auto.md), once it trains NASNet-A for
all of it. Both are tested on the same images, which neither saw.

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
from benchmarks.report import Figure, at_least, at_most, print_figures
from cells.support.files import atomic_path

#: Of ten digits.
CHANCE = 0.1

ARMS = {"cells of its choice": [], "NASNet-A": ["--genotype=nasnet_a"]}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="6m", help="of each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", help="folder of everything that is written, to be kept")
    args = parser.parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        _write_images(folder / "sign_language_digits")
        reports: dict[str, list[dict]] = {name: [] for name in ARMS}
        for seed in range(args.seeds):
            for name, found in reports.items():
                found.append(_run(name, seed, args, folder))
    print_figures(_figures(reports))


def _run(name: str, seed: int, args: argparse.Namespace, folder: pathlib.Path) -> dict:
    output = folder / f"{name} {seed}"
    run(
        "cells",
        "auto",
        f"--images={folder / 'sign_language_digits'}",
        f"--output={output}",
        f"--budget={args.budget}",
        f"--seed={seed}",
        "--flip",
        *ARMS[name],
    )
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def _figures(reports: dict[str, list[dict]]) -> list[Figure]:
    means = {
        n: statistics.mean(r["test"]["accuracy"] for r in found) for n, found in reports.items()
    }
    every = [report for found in reports.values() for report in found]
    budget = every[0]["settings"]["budget"]
    searched = "with" if every[0]["settings"]["search"] else "without"
    minutes = f"of {budget / 60:g} minutes, {searched} a search"
    runs = len(every) // len(reports)
    return [
        *(
            at_least(f"{name}, test accuracy, mean of {runs}", round(mean, 4), CHANCE)
            for name, mean in means.items()
        ),
        at_least(
            f"what the choice gains within a budget {minutes}",
            round(means["cells of its choice"] - means["NASNet-A"], 4),
            0.0,
        ),
        at_most(
            "largest time, in parts of the budget",
            round(max(r["seconds_in_all"] for r in every) / budget, 3),
            1.1,
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
