"""Searches from beginning to end in the process of the test, and what two of them can differ in."""

from __future__ import annotations

import pathlib
from typing import Any

import cell_search
from cell_search.study.directory import SearchDirectory


def searched(path: pathlib.Path, settings: dict[str, Any]) -> SearchDirectory:
    """Runs a search, or goes on with it."""
    cell_search.search(settings, directory=path)
    return SearchDirectory(path)


def story(directory: SearchDirectory) -> tuple[list, dict[str, bytes]]:
    """All that trials say but their durations, and the kept files."""
    trials = directory.read_study().trials
    kept = {p.name: p.read_bytes() for p in pathlib.Path(directory.weights()).iterdir()}
    metrics = [{k: v for k, v in t.user_attrs["metrics"].items() if k != "seconds"} for t in trials]
    left = [t.user_attrs.get("next") for t in trials]
    return [(t.params, t.value, m, n) for t, m, n in zip(trials, metrics, left, strict=True)], kept
