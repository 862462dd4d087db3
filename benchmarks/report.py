"""The last line that every benchmark prints, and how it is read again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value beside its limit.

    Attributes:
        name: what was measured, with its unit.
        value: what came out.
        limit: what it must be, in words that a reader can check: `<= 600`, `== 5289978`.
        ok: whether it is.
    """

    name: str
    value: float | int | str
    limit: str
    ok: bool


def at_most(name: str, value: float, limit: float) -> Figure:
    """A figure that must not exceed its limit."""
    return Figure(name, value, f"<= {limit}", value <= limit)


def at_least(name: str, value: float, limit: float) -> Figure:
    """A figure that must reach its limit."""
    return Figure(name, value, f">= {limit}", value >= limit)


def exactly(name: str, value: int | str, limit: int | str) -> Figure:
    """A figure that has one right value."""
    return Figure(name, value, f"== {limit}", value == limit)


def print_figures(figures: list[Figure]) -> None:
    """Prints a table for people, then the one line for programs."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        mark = "ok " if figure.ok else "NOT"
        print(f"{mark} {figure.name:<{width}} {figure.value} ({figure.limit})")
    print(json.dumps({"figures": [asdict(figure) for figure in figures]}), flush=True)


def read_figures(output: str) -> list[Figure]:
    """The figures of a benchmark's output.

    Raises:
        ValueError: its last line holds none.
    """
    last = output.rstrip().rsplit("\n", 1)[-1]
    try:
        return [Figure(**figure) for figure in json.loads(last)["figures"]]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the last line holds no figures: {last[:200]!r}") from None
