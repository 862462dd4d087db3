"""What trials keep in the folder of the requests.

`NUMBER.npz` is the training of a trial: to go on with it, or to start other children from it.
`after-NUMBER.npz` is what a trial leaves to those after it, where each depends on the one before.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from cell_search import array_file
from cell_search.evaluators._request import Request
from cell_search.evaluators._store import Store
from cells.support.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class KeptTraining:
    """What the file of a training holds.

    Attributes:
        facts: whatever JSON can say.
        arrays: by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


class TrainingFiles:
    """The file of one trial's training, and those of others.

    Args:
        request: says where they lie, and what the training depends on: a file of another training
            under the same number is not taken for this one's.
    """

    def __init__(self, request: Request):
        self._store, self._number = Store(request.folder), request.number
        images = dataclasses.replace(request.images, data_dir="")
        what = (request.evaluator, images, request.genotype, request.seed)
        self._key = hashlib.sha256(repr(what).encode()).hexdigest()

    def read(self) -> KeptTraining | None:
        """What is kept of this trial's training, if anything."""
        kept = self.of(self._number)
        return kept if kept is not None and kept.facts.get("key") == self._key else None

    def of(self, number: int) -> KeptTraining | None:
        """What is kept of a trial.

        Args:
            number: of the trial.

        Returns:
            None where nothing is, or the file is damaged.
        """
        data = self._store.read(_training(number))
        if data is None:
            return None
        try:
            arrays = array_file.from_bytes(data)
            return KeptTraining(json.loads(arrays.pop("facts").tobytes()), arrays)
        except array_file.DAMAGED:
            return None

    def write(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps this trial's training, in place of what was kept before.

        Args:
            facts: whatever JSON can say.
            arrays: by name.

        Raises:
            UserError: the folder cannot be written.
        """
        text = json.dumps({**facts, "key": self._key}).encode()
        data = array_file.to_bytes({"facts": np.frombuffer(text, np.uint8), **arrays})
        self._store.write(_training(self._number), data)


def remove_training(folder: str, number: int) -> None:
    """Removes what is kept of a trial's training, if anything is.

    Args:
        folder: of the requests.
        number: of the trial.
    """
    Store(folder).remove(_training(number))


def _training(number: int) -> str:
    return f"{number}.npz"


class Succession:
    """What each trial leaves to the next.

    Args:
        folder: of the requests.
    """

    #: A driver that was killed may have kept what a trial left, but not its result, and evaluates
    #: the trial again: so the last two are there.
    _FILES = 2

    _PREFIX, _SUFFIX = "after-", ".npz"

    def __init__(self, folder: str):
        self._folder, self._store = folder, Store(folder)

    def numbers(self) -> list[int]:
        """The trials that left something, in order."""
        return [
            int(name.removeprefix(self._PREFIX).removesuffix(self._SUFFIX))
            for name in self._store.names()
            if name.startswith(self._PREFIX)
        ]

    def read_before(self, number: int, parse: Callable[[bytes], T]) -> T | None:
        """What the last trial before another left; None where none has left anything.

        Args:
            number: of the trial that is evaluated.
            parse: reads the file.

        Raises:
            UserError: the file is damaged.
        """
        before = [n for n in self.numbers() if n < number]
        if not before:
            return None
        name = self._name(before[-1])
        data = self._store.read(name) or b""
        try:
            return parse(data)
        except array_file.DAMAGED as error:
            raise UserError(
                f"{self._folder}/{name}: is damaged ({error}); remove it, and the search goes on "
                "with what an earlier trial left"
            ) from None

    def write(self, number: int, data: bytes) -> None:
        """Keeps what a trial left, and of those before it the last.

        Args:
            number: of the trial.
            data: for `read_before`.

        Raises:
            UserError: the folder cannot be written.
        """
        self._store.write(self._name(number), data)
        for old in self.numbers()[: -self._FILES]:
            self._store.remove(self._name(old))

    def _name(self, number: int) -> str:
        return f"{self._PREFIX}{number:08}{self._SUFFIX}"
