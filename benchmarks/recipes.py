"""What each ingredient of a training's recipe is worth by itself.

  python -m benchmarks.recipes --seeds=3

A network is trained on 5,000 images of CIFAR-10 by a plain recipe, and by the same recipe with one
ingredient changed; what counts is the accuracy on 2,000 other training images, paired by seed (the
test images are never read), with the processor seconds of both. Every trained network is also
scored with two and with six views. Unequal classes are met on a set of its own, of which the rarest
class has a tenth of the images of the most frequent one. `--ingredients` takes some of the table,
`--epochs` other lengths, at which other ingredients pay.

Each training is a process of its own, so that oneDNN's kernels can be turned off and processor time
is that of one training. They are kept in --output by the state of the code: a run that is stopped
goes on where it was. Needs --data_dir or CELLS_DATA_DIR with `cifar10`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.kept import ROOT, Records, code_of_modules
from benchmarks.report import Figure, mean_and_error, observed, print_figures, required

LIMITS = {
    "augmentation, ms of processor time an image": (
        "<= 0.1",
        0.57,
        "images decoded and augmented one by one in every epoch",
    ),
}

#: The recipe that every ingredient is compared with.
PLAIN: dict[str, Any] = {
    "nesterov": False,
    "schedule": "cosine",
    "warmup": 0.0,
    "smoothing": 0.0,
    "average": "none",
    "statistics": 0,
    "border": "black",
    "cutout": 0,
}

_USUAL: dict[str, Any] = {
    "nesterov": True,
    "schedule": "one_cycle",
    "smoothing": 0.1,
    "average": "exponential",
    "statistics": 2048,
    "border": "reflect",
    "cutout": 8,
}

#: By name: what is changed. What is no field of a recipe says how it is run.
INGREDIENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "nesterov": {"nesterov": True},
    "warm-up": {"warmup": 1.0},
    "one-cycle": {"schedule": "one_cycle"},
    "trapezoid": {"schedule": "trapezoid", "warmup": 1.0},
    "half the learning rate": {"learning_rate": 0.05},
    "twice the learning rate": {"learning_rate": 0.2},
    "half the L2": {"l2": 1.25e-4},
    "twice the L2": {"l2": 5e-4},
    "smoothing": {"smoothing": 0.1},
    "exponential average": {"average": "exponential", "statistics": 2048},
    "exponential average, its own statistics averaged": {"average": "exponential"},
    "stochastic average": {"average": "stochastic", "statistics": 2048},
    "statistics estimated anew": {"statistics": 2048},
    "batch-norm momentum 0.8": {"batch_norm_momentum": 0.8},
    "batch 32": {"batch": 32, "learning_rate": 0.05},
    "batch 128": {"batch": 128, "learning_rate": 0.2},
    "batch 256": {"batch": 256, "learning_rate": 0.4},
    "no shift": {"shift": 0},
    "no mirror": {"flip": False},
    "reflected border": {"border": "reflect"},
    "cutout 8": {"cutout": 8},
    "cutout 12": {"cutout": 12},
    "small images for half of the time": {"small": 0.5},
    "oneDNN's kernels off": {"onednn": False},
    "bfloat16 convolutions": {"bfloat16": True},
    "all that is usual": _USUAL,
    # Which can be prolonged, as a race wants it.
    **{
        f"all that is usual, a trapezoid that falls for {decay:.0%}": {
            **_USUAL,
            "schedule": "trapezoid",
            "warmup": 1.0,
            "decay": decay,
        }
        for decay in (0.4, 0.75)
    },
    "unequal": {"unequal": True},
    "unequal, class weights": {"unequal": True, "balance": "weights"},
    "unequal, balanced sampling": {"unequal": True, "balance": "sampling"},
}

NETWORKS = ("resnet_9", "snas_mild")


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--training", type=int, default=5000, help="images")
    parser.add_argument("--held_out", type=int, default=2000, help="images that score")
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    parser.add_argument("--ingredients", default="", help="names, by semicolons; by default all")
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "runs" / "recipes")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(_train(json.loads(args.one))))
        return
    chosen = [name.strip() for name in args.ingredients.split(";") if name.strip()]
    unknown = set(chosen) - set(INGREDIENTS)
    if unknown:
        parser.error(f"--ingredients: {', '.join(sorted(unknown))}: use {'; '.join(INGREDIENTS)}")
    names = list(dict.fromkeys(["plain", *chosen])) if chosen else list(INGREDIENTS)
    if any(name.startswith("unequal,") for name in names) and "unequal" not in names:
        names.append("unequal")
    code = code_of_modules("cell_search.recipes.training", "cells.network.residual")
    records = Records(args.output / f"{code}.jsonl")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    # Seed by seed, so that what else runs on the machine meets all of them.
    for seed in range(args.seeds):
        for name, rows in found.items():
            rows.append(_found(records, name, seed, args))
            print(f"== {name}, seed {seed}: {rows[-1]}", flush=True)
    print_figures(_figures(found, args), seeds=range(args.seeds))


def _found(records: Records, name: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    key = {
        "network": args.network,
        "changes": INGREDIENTS[name],
        "epochs": args.epochs,
        "training": args.training,
        "held_out": args.held_out,
        "seed": seed,
    }
    row = records.find(key)
    if row is None:
        given = json.dumps({**key, "data_dir": args.data_dir})
        onednn = "1" if INGREDIENTS[name].get("onednn", True) else "0"
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.recipes", f"--one={given}"],
            cwd=ROOT,
            env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn, "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{name}, seed {seed}: the training ended with exit code {done.returncode}")
        row = json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])
        records.add(key, row)
    return row


def _train(key: dict[str, Any]) -> dict[str, float]:
    """One training, in this process."""
    from cell_search import images as image_files
    from cell_search.children.precision import mixed_bfloat16
    from cell_search.recipes.batches import TrainingImages
    from cell_search.recipes.recipe import Recipe
    from cell_search.recipes.training import WholeTraining
    from cells.data.views import views

    # The division is the same for all: what differs by seed is the training.
    loaded = image_files.load(
        image_files.ImageSettings(
            data_dir=key["data_dir"], held_out=key["held_out"], training=key["training"]
        )
    )
    images = loaded.training
    changes = dict(key["changes"])
    changes.pop("onednn", None)
    precise = mixed_bfloat16(changes.pop("bfloat16", False))
    if changes.pop("unequal", False):
        kept = _unequal(images[1], loaded.num_classes)
        images = images[0][kept], images[1][kept]
    recipe = Recipe(**{**PLAIN, **changes})
    graph, config = _network(key["network"], loaded.size, loaded.num_classes)
    drawn = TrainingImages(*images, recipe, key["seed"])
    began = time.process_time()
    for step in range(drawn.per_epoch):
        drawn.draw(step)
    drawing = time.process_time() - began
    training = WholeTraining(
        graph, config, recipe, images, key["seed"], planned=key["epochs"] * drawn.per_epoch
    )
    began = time.process_time()
    with precise:
        loss = training.run()
    trained = time.process_time()
    scores = {
        f"accuracy, {len(chosen)} views": training.score(*loaded.held_out, chosen).accuracy
        for chosen in (views(mirrored=m, shift=s) for m, s in ((False, 0), (True, 0), (True, 1)))
    }
    return {
        **scores,
        "training loss": loss,
        "steps": training.steps,
        "training s": trained - began,
        "scoring s": time.process_time() - trained,
        "drawing ms": 1000.0 * drawing / (drawn.per_epoch * drawn.batch),
    }


def _network(name: str, size: tuple[int, int], num_classes: int) -> tuple[Any, Any]:
    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.residual import ResidualConfig, residual
    from cells.network.stack import stack

    if name == "resnet_9":
        config = ResidualConfig(image_size=size, num_classes=num_classes)
        return residual(config), config
    genotype = catalogue.load(name)
    cells = presets.configure(
        genotype, "cifar", num_classes=num_classes, normal_cells=1, filters=16, image_size=size
    )
    cells = dataclasses.replace(cells, auxiliary_head=False, drop_path_keep=1.0)
    return stack(genotype, cells), cells


def _unequal(labels: np.ndarray, classes: int) -> np.ndarray:
    """Images of which class 0 has all and the last a tenth, in equal ratios between."""
    parts = [np.flatnonzero(labels == c) for c in range(classes)]
    shares = 0.1 ** (np.arange(classes) / (classes - 1))
    return np.sort(
        np.concatenate([p[: max(round(s * len(p)), 1)] for p, s in zip(parts, shares, strict=True)])
    )


def _figures(found: dict[str, list[dict[str, float]]], args: argparse.Namespace) -> list[Figure]:
    def column(name: str, key: str) -> np.ndarray:
        return np.array([row[key] for row in found[name]])

    one = "accuracy, 1 views"
    note = f"{args.network}, {args.epochs} epochs, {args.seeds} seeds"
    accuracy, spread = mean_and_error(100 * column("plain", one))
    figures = [
        required(
            LIMITS,
            "augmentation, ms of processor time an image",
            round(float(np.median([column(name, "drawing ms") for name in found])), 4),
            note="median of all recipes",
        ),
        observed("plain: accuracy, %", accuracy, error=spread, note=note),
    ]
    for name in found:
        base = "unequal" if name.startswith("unequal,") else "plain"
        seconds = column(name, "training s").mean()
        if name != base:
            gain, error = mean_and_error(100 * (column(name, one) - column(base, one)))
            cost = seconds / column(base, "training s").mean()
            told = f"{seconds:.0f} processor s, {cost:.2f} times those without"
            figures.append(observed(f"{name}: points gained", gain, error=error, note=told))
    views = [key for key in found["plain"][0] if key.startswith("accuracy, ") and key != one]
    for key in views:
        gains = [column(n, key) - column(n, one) for n in found if n != "no mirror"]
        gain, error = mean_and_error(100 * np.mean(gains, axis=0))
        figures.append(
            observed(f"{key.split(', ')[1]}: points gained", gain, error=error, note="all recipes")
        )
    return figures


if __name__ == "__main__":
    main()
