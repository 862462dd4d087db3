"""Settings of two runs, compared key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cells.support.errors import cut, listed


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as `a.b.c: value`.

    Args:
        values: settings, nested by mappings. Empty lists and mappings say as much as none, and are
            left out; tuples become lists, as JSON and YAML give them back.
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= {f"{key}.{name}": inner for name, inner in flat(value).items()}
        elif not isinstance(value, list | tuple) or value:
            result[key] = _plain(value)
    return result


def settings_differences(
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    free: Callable[[str], bool] = lambda key: False,
) -> list[str]:
    """What keeps a run from going on with other settings than it began with.

    Args:
        now: the settings that are asked for, flat or nested.
        before: those that the run began with, flat or nested.
        defaults: what `before` means where it lacks a key, such as one that the version of then
            did not have. A key that is missing everywhere is the same as None.
        free: whether a key, `a.b.c`, may differ.

    Returns:
        `a.b.c is VALUE, was VALUE` for each key that differs, in the order of `now`; long ones cut.

    Example:
        >>> settings_differences({"a": {"b": 1, "c": [2]}}, {"a": {"b": 1, "c": (3,)}})
        ['a.c is [2], was [3]']
    """
    new, old = flat(now), flat(defaults or {}) | flat(before)
    return [
        f"{cut(str(key))} is {_shown(new, key)}, was {_shown(old, key)}"
        for key in dict.fromkeys([*new, *old])
        if new.get(key) != old.get(key) and not free(key)
    ]


def in_words(different: Sequence[str]) -> str:
    """What differs, as a sentence can hold it: the first keys, and how many more.

    Args:
        different: of `settings_differences`.
    """
    return listed(different, 4, "; ")


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return cut(repr(values[key])) if key in values else "not set"
