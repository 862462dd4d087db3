"""What the front doors say of a wrong argument begins with its name, as Python users wrote it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import auto
import cell_search
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
    (transfer.predict, "top", {"model_dir": "run", "images": [], "top": 0}),
    (transfer.export, "output", {"model_dir": "run", "output": "model.h5"}),
    (detection.train, "params_override", {"model_dir": "run", "params_override": "tusk.x=1"}),
    (detection.evaluate, "model_dir", {"model_dir": "nowhere"}),
    (detection.export, "formats", {"model_dir": "run", "output": "out", "formats": ["tflit"]}),
]


@pytest.mark.parametrize(("call", "name", "arguments"), CALLS)
def test_the_argument_is_named(call, name, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        call(**arguments)
    assert str(error.value).startswith(f"{name}: ")
    assert name in inspect.signature(call).parameters
    assert list(tmp_path.iterdir()) == []
