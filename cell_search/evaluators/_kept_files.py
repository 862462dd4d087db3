"""What one trial leaves to the next: files in the folder of the requests, by trial."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import TypeVar

from cell_search.evaluators._store import Store
from cells.support.errors import UserError

T = TypeVar("T")

#: A driver that was killed may have kept what a trial left, but not its result, and evaluates the
#: trial again: so the last two are there.
_FILES = 2

_NAME, _BEGIN, _END = "after-{:08}.npz", len("after-"), len("after-") + 8


def numbers(folder: str) -> list[int]:
    """The trials that left something, in order."""
    return [int(n[_BEGIN:_END]) for n in Store(folder).names() if n.startswith("after-")]


def last(folder: str, number: int, parse: Callable[[bytes], T]) -> T | None:
    """What the last trial before trial `number` left, or None where none has left anything.

    Args:
        folder: of the requests.
        number: of the trial that is evaluated.
        parse: reads the file.

    Raises:
        UserError: the file is damaged.
    """
    before = [n for n in numbers(folder) if n < number]
    if not before:
        return None
    name = _NAME.format(before[-1])
    try:
        return parse(Store(folder).read(name) or b"")
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{folder}/{name}: is damaged ({error}); remove it, and the search goes on with what "
            "an earlier trial left"
        ) from None


def write(folder: str, number: int, data: bytes) -> None:
    """Keeps what a trial left, and of those before it the last."""
    store = Store(folder)
    store.write(_NAME.format(number), data)
    for old in numbers(folder)[:-_FILES]:
        store.remove(_NAME.format(old))
