"""On what a figure was measured."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import threading
from collections.abc import Iterator
from importlib import metadata

PACKAGES = ("tensorflow", "keras", "tf_keras", "numpy", "optuna", "tf-models-official")

#: Seconds between two looks at the load.
_INTERVAL = 5.0


def cores() -> int:
    """Of those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Of Python and the packages that figures depend on; one that is missing is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextlib.contextmanager
def watching_load() -> Iterator[dict[str, float]]:
    """The load of the machine (its average over a minute) while the block runs.

    Yields:
        What holds `mean` and `max` after the block. The block's own work is part of it.
    """
    seen = [os.getloadavg()[0]]
    over = threading.Event()

    def look() -> None:
        while not over.wait(_INTERVAL):
            seen.append(os.getloadavg()[0])

    load: dict[str, float] = {}
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield load
    finally:
        over.set()
        thread.join()
        seen.append(os.getloadavg()[0])
        load["mean"], load["max"] = round(statistics.mean(seen), 2), round(max(seen), 2)
