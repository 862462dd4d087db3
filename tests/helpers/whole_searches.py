"""Searches from beginning to end in the process of the test, and what two of them can differ in."""

from __future__ import annotations

import pathlib
from typing import Any

from cell_search.config import resolve, schema
from cell_search.driver import driver
from cell_search.driver.interruption import Interruptible
from cell_search.study.directory import SearchDirectory


def searched(path: pathlib.Path, settings: dict[str, Any]) -> SearchDirectory:
    """Runs a search, or goes on with it."""
    wanted = schema.from_values(settings, "test")
    search = resolve.resolve(wanted)
    search.check()
    directory = SearchDirectory(path)
    with directory.locked():
        directory.store_config(schema.used_values(wanted))
        driver.search(directory, search, Interruptible())
    return directory


def story(directory: SearchDirectory) -> tuple[list, dict[str, bytes]]:
    """All that trials say but their durations, and the kept files."""
    trials = directory.read_study().trials
    kept = {p.name: p.read_bytes() for p in pathlib.Path(directory.weights()).iterdir()}
    metrics = [{k: v for k, v in t.user_attrs["metrics"].items() if k != "seconds"} for t in trials]
    left = [t.user_attrs.get("next") for t in trials]
    return [(t.params, t.value, m, n) for t, m, n in zip(trials, metrics, left, strict=True)], kept
