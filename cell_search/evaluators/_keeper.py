"""Children in training as files: to go on with them, or to start their own children from."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cell_search.evaluators._base import Request
from cell_search.evaluators._store import Store


@dataclass(frozen=True)
class Kept:
    """What a file holds.

    Attributes:
        facts: whatever JSON can say.
        arrays: by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Keeper:
    """The file of one trial, and those of others.

    Args:
        request: says where they lie, and what the training depends on: a file of another training
            under the same number is not taken for this one's.
    """

    def __init__(self, request: Request):
        self._store, self._number = Store(request.folder), request.number
        images = dataclasses.replace(request.images, data_dir="")
        what = (request.evaluator, images, request.genotype, request.seed)
        self._key = hashlib.sha256(repr(what).encode()).hexdigest()

    def read(self) -> Kept | None:
        """What is kept of this trial's training, if anything."""
        kept = self.of(self._number)
        return kept if kept is not None and kept.facts.get("key") == self._key else None

    def of(self, number: int) -> Kept | None:
        """What is kept of a trial; None also where the file is damaged."""
        data = self._store.read(_name(number))
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data)) as file:
                arrays = {name: file[name] for name in file.files}
            return Kept(json.loads(arrays.pop("facts").tobytes()), arrays)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps this trial's training, in place of what was kept before.

        Raises:
            UserError: the folder cannot be written.
        """
        text = json.dumps({**facts, "key": self._key}).encode()
        file = io.BytesIO()
        np.savez(file, facts=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]
        self._store.write(_name(self._number), file.getvalue())


def forget(folder: str, number: int) -> None:
    """Removes what is kept of a trial."""
    Store(folder).remove(_name(number))


def _name(number: int) -> str:
    return f"{number}.npz"
