"""What the front doors say of a wrong argument begins with its name, as Python users wrote it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import auto
import cell_search
import cells
import detection
import transfer
from cells import UserError

CALLS: list[tuple[Any, str, dict[str, Any]]] = [
    (auto.run, "budget", {"images": "photos", "output": "out", "budget": "soon"}),
    (auto.run, "images", {"images": "nowhere", "output": "out"}),
    (cell_search.search, "params_override", {"params_override": "trails=3"}),
    (cell_search.open_search, "directory", {"directory": "nowhere"}),
    (transfer.train, "experiment", {"model_dir": "run", "experiment": "cells_cifar"}),
    (transfer.evaluate, "model_dir", {"model_dir": "nowhere"}),
    (transfer.train, "output", {"model_dir": "run", "output": "/proc/nowhere/e.json"}),
    (transfer.evaluate, "output", {"model_dir": "run", "output": "/proc/nowhere/e.json"}),
    (detection.train, "output", {"model_dir": "run", "output": "/proc/nowhere/e.json"}),
    (transfer.predict, "top", {"model_dir": "run", "images": [], "top": 0}),
    (transfer.export, "output", {"model_dir": "run", "output": "model.h5"}),
    (detection.train, "params_override", {"model_dir": "run", "params_override": "tusk.x=1"}),
    (detection.evaluate, "model_dir", {"model_dir": "nowhere"}),
    (detection.export, "formats", {"model_dir": "run", "output": "out", "formats": ["tflit"]}),
]


#: Of another type than the argument has.
TYPES: list[tuple[Any, str, dict[str, Any]]] = [
    (auto.run, "flip", {"images": "photos", "output": "out", "flip": "no"}),
    (cell_search.search, "trials", {"trials": "ten"}),
    (cell_search.search, "trials", {"trials": True}),
    (cell_search.search, "space", {"space": 3}),
    (cell_search.search, "score", {"score": "accuracy"}),
    (cell_search.rerank, "top_k", {"result": "runs", "top_k": 2.5}),
    (cells.draw, "dark", {"genotype": "nasnet_a", "dark": "yes"}),
    (transfer.train, "experiment", {"model_dir": "run", "experiment": 3}),
    (transfer.train, "params_override", {"model_dir": "run", "params_override": 3}),
    (transfer.evaluate, "crops", {"model_dir": "run", "crops": "10"}),
    (transfer.predict, "images", {"model_dir": "run", "images": 3}),
    (transfer.predict, "images", {"model_dir": "run", "images": [np.zeros((8, 8, 3))]}),
    (transfer.train, "config_file", {"model_dir": "run", "config_file": ["a.yaml", {}]}),
    (cells.register_operation, "name", {"name": 3}),
    (transfer.predict, "model_dir", {"model_dir": 3, "images": "photo.png"}),
    (detection.train, "evaluate", {"model_dir": "run", "evaluate": 1}),
    (detection.predict, "output", {"model_dir": "run", "output": 3}),
    (
        detection.predict,
        "score_threshold",
        {"model_dir": "run", "output": "o", "score_threshold": "x"},
    ),
]


@pytest.mark.parametrize(("call", "name", "arguments"), [*CALLS, *TYPES])
def test_the_argument_is_named(call, name, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        call(**arguments)
    assert str(error.value).startswith(f"{name}: ")
    assert name in inspect.signature(call).parameters
    assert list(tmp_path.iterdir()) == []
