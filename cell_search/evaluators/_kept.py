"""What one trial leaves to the next: files in the folder of the requests, by trial."""

from __future__ import annotations

from cell_search.store import Store

#: A driver that was killed may have kept what a trial left, but not its result, and evaluates the
#: trial again: so the last two are there.
_FILES = 2

_NAME, _BEGIN, _END = "after-{:08}.npz", len("after-"), len("after-") + 8


def numbers(folder: str) -> list[int]:
    """The trials that left something, in order."""
    return [int(n[_BEGIN:_END]) for n in Store(folder).names() if n.startswith("after-")]


def read(folder: str, number: int) -> bytes:
    """What a trial left.

    Raises:
        FileNotFoundError: nothing.
    """
    data = Store(folder).read(_NAME.format(number))
    if data is None:
        raise FileNotFoundError(f"{folder}: what trial {number} left is gone")
    return data


def write(folder: str, number: int, data: bytes) -> None:
    """Keeps what a trial left, and of those before it the last."""
    store = Store(folder)
    store.write(_NAME.format(number), data)
    for old in numbers(folder)[:-_FILES]:
        store.remove(_NAME.format(old))
