"""What the tests of the search share: a small search on the digits."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml


@pytest.fixture(autouse=True, scope="module")
def determinism_ends_here() -> Iterator[None]:
    """A search may ask TensorFlow for deterministic operations, for the rest of its process.

    Other tests of this process have random operations without a seed, which are refused then.
    """
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config

        config.disable_op_determinism()


@pytest.fixture(scope="session")
def small(digits_dir: pathlib.Path) -> dict:
    """Settings of a search whose children take a second or two: one block, one cell."""
    return {
        "space": {"name": "pnas", "blocks": 1},
        "strategy": {
            "type": "regularized_evolution",
            "regularized_evolution": {"population": 2, "sample": 1},
        },
        "evaluator": {
            "type": "train",
            "train": {
                "normal_cells": 1,
                "filters": 4,
                "epochs": 1,
                "batch": 32,
                "flip": False,
                "shift": 1,
            },
        },
        "images": {
            "name": "digits",
            "data_dir": str(digits_dir),
            "held_out": 200,
            "training": 640,
        },
        "trials": 4,
        "deterministic": True,
    }


@pytest.fixture
def counting(digits_dir: pathlib.Path) -> dict:
    """Settings of a search that counts parameters: hundreds of trials in a second."""
    return {
        "space": {"name": "nasnet", "blocks": 2},
        "strategy": {
            "type": "regularized_evolution",
            "regularized_evolution": {"population": 10, "sample": 3},
        },
        "evaluator": {"type": "parameters", "parameters": {"normal_cells": 1, "filters": 4}},
        "images": {"name": "digits", "data_dir": str(digits_dir)},
        "trials": 40,
        "top": 2,
        "report_minutes": 0.0,
    }


@pytest.fixture
def command(tmp_path: pathlib.Path) -> Callable[..., list[str]]:
    """Makes the command line of a search in a directory with settings."""

    def make(directory: pathlib.Path, settings: dict | None = None, *more: str) -> list[str]:
        arguments = [sys.executable, "-m", "cell_search", f"--search_dir={directory}", *more]
        if settings is not None:
            file = tmp_path / f"{directory.name}.yaml"
            file.write_text(yaml.safe_dump(settings))
            arguments.append(f"--config_file={file}")
        return arguments

    return make


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """Starts the drivers of `drivers.Job`s, and ends what is left of them."""
    from drivers import begin

    started: list[Any] = []

    def start(job: Any) -> Any:
        started.append(begin(job))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()
