"""Searches for other benchmarks, and their trials, read through Optuna's public API."""

from __future__ import annotations

import pathlib

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
