"""Searches for other benchmarks, and their trials, read through Optuna's public API."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.commands import run


def trials(search_dir: pathlib.Path) -> list:
    """All trials of a search, in the order of their numbers."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(search_dir / "study.journal")))
    return optuna.load_study(study_name=None, storage=storage).get_trials()


def short_search(folder: pathlib.Path, trials: int) -> str:
    """Searches on the embedded digits, for cells that a search found and not for good ones.

    Args:
        folder: of the search (`search`) and its data (`data`).
        trials: how many.

    Returns:
        The genotype file.
    """
    run(
        "cell-search",
        "--config_file=configs/search/digits_demo.yaml",
        f"--params_override=trials={trials}",
        f"--search_dir={folder}/search",
        f"--data_dir={folder}/data",
    )
    return f"{folder}/search/genotype.json"


def search_for(
    folder: pathlib.Path, settings: Mapping[str, Any], minutes: float, *, chunk: int, name: str
) -> list[list[float]]:
    """Searches until so much time of a processor is over, or goes on where it was.

    A search that was killed does the trials since its last look at the clock again for nothing.

    Args:
        folder: of the search (`search`) and of its clock.
        settings: of the search, but for `trials`.
        minutes: of a processor.
        chunk: trials between two looks at the clock.
        name: of the search, to print.

    Returns:
        At each look: trials so far, seconds of the processor, and the best value.
    """
    import cell_search

    clock = folder / "clock.json"
    curve: list[list[float]] = json.loads(clock.read_text()) if clock.exists() else []
    while not curve or curve[-1][1] < 60 * minutes:
        trials = int(curve[-1][0]) + chunk if curve else chunk
        started = time.process_time()
        result = cell_search.search({**settings, "trials": trials}, directory=folder / "search")
        spent = (curve[-1][1] if curve else 0.0) + time.process_time() - started
        best = max(t.value for t in result.study.trials if t.value is not None)
        curve.append([trials, round(spent, 1), best])
        clock.write_text(json.dumps(curve))
        print(f"{name}: {trials} children, {spent / 60:.1f} min, {best:.4f}", flush=True)
    return curve
