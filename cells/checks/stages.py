"""Whose a folder is: each program keeps out of those that another one made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from cells.support.errors import UserError
from cells.support.files import exists
from cells.support.overrides import read_yaml

SEARCH, CLASSIFIER, DETECTOR, AUTO = "cell-search", "cell-transfer", "cell-detect", "cells auto"

#: The configuration of a training, in its folder.
PARAMS = "params.yaml"

_WHAT = {
    SEARCH: "a search",
    CLASSIFIER: "the training of a classifier",
    DETECTOR: "the training of a detector",
    AUTO: "a run of cells auto",
}


def of_training(params: Mapping[str, Any]) -> str:
    """The program that trains by a configuration: detectors alone say how boxes are generated.

    Args:
        params: nested, as in `params.yaml`.
    """
    return DETECTOR if "detection_generator" in model_of(params) else CLASSIFIER


def model_of(params: Any) -> Mapping[str, Any]:
    """`task.model` of a configuration, nested as in `params.yaml`; empty where there is none."""
    for key in ("task", "model"):
        params = params.get(key) if isinstance(params, Mapping) else None
    return params if isinstance(params, Mapping) else {}


def require_own(flag: str, folder: str | os.PathLike[str], stage: str, argument: str = "") -> None:
    """Raises a UserError where a folder was made by another program, or is a file.

    Args:
        flag: that names the folder.
        folder: need not exist.
        stage: the program that would use it.
        argument: the name of the argument in Python, where it is not that of the flag.
    """
    if os.path.isfile(folder):
        raise UserError(f"--{flag}: {os.fspath(folder)} is a file; give a folder", argument)
    found = _mark(os.fspath(folder))
    if found is not None and found[1] != stage:
        mark, owner = found
        raise UserError(
            f"--{flag}: {os.fspath(folder)} is the folder of {_WHAT[owner]}, since it holds "
            f"{mark}; give {stage} another one",
            argument,
        )


def require_run(folder: str, stage: str) -> None:
    """Raises a UserError where a folder, `--model_dir`, is not that of a training of this program.

    Args:
        folder: of the run.
        stage: the program that would use it.
    """
    require_own("model_dir", folder, stage)
    if not exists(os.path.join(folder, PARAMS)):
        raise UserError(
            f"--model_dir: {folder} is not the folder of a run, since it has no {PARAMS}; give "
            "one that a training wrote"
        )


def _mark(folder: str) -> tuple[str, str] | None:
    """A file that only one program writes, and the program."""
    for name, stage in (("auto.json", AUTO), ("study.journal", SEARCH), (PARAMS, "")):
        path = os.path.join(folder, name)
        if exists(path):
            return name, stage or of_training(_values(path))
    # A search whose study lies in a database has no journal.
    path = os.path.join(folder, "config.yaml")
    if exists(path) and {"strategy", "evaluator"} <= set(_values(path)):
        return "config.yaml", SEARCH
    return None


def _values(path: str) -> Mapping[str, Any]:
    try:
        return read_yaml(path)
    except UserError:  # Damaged: its own program says so.
        return {}
