"""A search that leaves no files: its studies live as long as the process."""

from __future__ import annotations

from typing import Any

import optuna

from cell_search.study.studies import STUDY_NAME, Studies


class InMemory(Studies):
    """The studies of a search without a directory."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = optuna.storages.InMemoryStorage()

    def weights(self, weights_dir: str = "", study: str = STUDY_NAME) -> str:
        return ""

    def _storage(self) -> Any:
        return self._kept
