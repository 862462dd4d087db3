"""Fields of JSON data, by a path of names and indices."""

from __future__ import annotations

from typing import Any


def changed(data: Any, path: str, value: Any) -> Any:
    """The data with the field at `path` (dots between) set in place, or deleted for None."""
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = data
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data
