"""The trials of a search directory, read through Optuna's public API."""

from __future__ import annotations

import pathlib


def trials(search_dir: pathlib.Path) -> list:
    """All trials of a search, in the order of their numbers."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(search_dir / "study.journal")))
    return optuna.load_study(study_name=None, storage=storage).get_trials()
