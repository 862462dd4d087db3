"""`cells auto` as people run it, and what its classifier says of each test image.

The command gets the folders `train` and `test`, and its own report has the accuracy. Afterwards,
uncounted, what it trained names the test images one by one as `cell-transfer --mode=predict` does,
so that runs can be paired by image, too.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
from typing import Any

import numpy as np

from benchmarks.contenders.measured import ROOT
from benchmarks.contenders.task import Task

#: By name: flags that are added to the command.
ARMS: dict[str, tuple[str, ...]] = {
    "product": (),
    "product_without_search": ("--search=0",),
    "product_cells": ("--entrants=cells",),
    "product_nasnet_a": ("--genotype=nasnet_a", "--search=0"),
}

#: Flags of all arms, by data set: weights that were trained on CIFAR-10 have no place in a
#: figure on it.
FLAGS: dict[str, tuple[str, ...]] = {"cifar10": ("--shipped-weights=off",)}


def flags(arm: str, dataset: str) -> list[str]:
    """What an arm adds to the command."""
    return [*FLAGS.get(dataset, ()), *ARMS[arm]]


def code() -> str:
    """A digest of all that the packages hold: code, cells, costs, weights."""
    digest = hashlib.sha256()
    for package in ("auto", "cell_search", "cells", "transfer"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def command(task: Task, arm: str, dataset: str, folder: pathlib.Path) -> list[str]:
    """The arguments of `python` for an arm; its images lie in `FOLDER/images`."""
    return [
        *("-m", "cells", "auto"),
        f"--images={folder / 'images'}",
        f"--output={folder / 'run'}",
        f"--budget={task.budget:g}s",
        f"--seed={task.seed}",
        *(["--flip"] if task.mirror else []),
        *flags(arm, dataset),
    ]


def told(folder: pathlib.Path) -> dict[str, Any]:
    """What the command tells of its run, as far as it is worth a line."""
    facts = json.loads((folder / "run" / "report.json").read_text(encoding="utf-8"))
    return {
        "accuracy": facts["test"]["accuracy"],
        "network": facts["network"],
        "epochs": round(facts["training"]["epochs"], 1),
    }


def _predict(folder: pathlib.Path) -> None:
    """Writes the class that the trained network gives each test image."""
    import transfer

    # Named by their places among the test images.
    files = sorted((folder / "images" / "test").glob("*/*.png"), key=lambda file: file.name)
    found = transfer.predict(folder / "run" / "training", files, top=1)
    np.save(folder / "names.npy", np.array([prediction.guesses[0].name for prediction in found]))


if __name__ == "__main__":
    _predict(pathlib.Path(sys.argv[1]))
