"""Runs of `cells auto`, opened as the command opens them."""

from __future__ import annotations

import pathlib
from typing import Any

from auto import test_split
from auto.budget import Budget
from auto.context import Run
from auto.record import Settings, opened
from cell_search.study.directory import SearchDirectory
from cells.support.signals import Interruptible


def begin(folder: pathlib.Path, root: pathlib.Path, **changes: Any) -> Run:
    """A run of a folder of images, with some settings changed; or goes on with it. Weights of the
    package take no part by default."""
    found = test_split.find(str(root))
    given: dict[str, Any] = {
        "images": str(root),
        "fingerprint": found.fingerprint,
        "budget": 60.0,
        "genotype": "",
        "search": 0.0,
        "size": 32,
        "flip": False,
        "seed": 0,
        "shipped_weights": False,
    }
    folder.mkdir(exist_ok=True)
    settings = Settings(**{**given, **changes})
    budget = Budget(settings.budget, folder / "seconds.json", settings.search)
    directory = SearchDirectory(folder / "search")
    return Run(folder, found, opened(folder, settings), budget, directory, Interruptible())
