"""The last line that every benchmark prints, and how it is read again."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from benchmarks.recording.limits import Limits, find, holds


@dataclass(frozen=True)
class Figure:
    """A measured value.

    Attributes:
        name: what was measured, with its unit; the same in every run.
        value: what came out.
        kind: `requirement`, which must keep its limit, or `observation`, which only informs.
        limit: of a requirement, such as `<= 600`.
        ok: whether the limit is kept.
        error: standard error of the value, where it has one.
        note: whatever else was measured with it, such as a spread.
    """

    name: str
    value: float | int | str
    kind: str = "observation"
    limit: str = ""
    ok: bool = True
    error: float | None = None
    note: str = ""


def required(
    limits: Limits, name: str, value: float, *, error: float | None = None, note: str = ""
) -> Figure:
    """A figure that must keep the limit which the benchmark's `LIMITS` has for its name.

    Raises:
        KeyError: there is none.
    """
    entry = find(limits, name)
    if entry is None:
        raise KeyError(f"no limit for {name!r}")
    ok = holds(entry[0], value, error or 0.0)
    return Figure(name, value, "requirement", entry[0], ok, error, note)


def judged(
    limits: Limits, name: str, value: float, *, error: float | None = None, note: str = ""
) -> Figure:
    """A requirement where the benchmark's `LIMITS` has its name, else an observation."""
    if find(limits, name):
        return required(limits, name, value, error=error, note=note)
    return observed(name, value, error=error, note=note)


def observed(
    name: str, value: float | int | str, *, error: float | None = None, note: str = ""
) -> Figure:
    """A figure that only informs."""
    return Figure(name, value, error=error, note=note)


def mean_and_error(values: Iterable[float], digits: int = 2) -> tuple[float, float | None]:
    """The mean, and its standard error, which a single value lacks.

    Args:
        values: percents or the like.
        digits: to which both are rounded.
    """
    found = [float(value) for value in values]
    many = len(found) > 1
    error = round(statistics.stdev(found) / math.sqrt(len(found)), digits) if many else None
    return round(statistics.mean(found), digits), error


def print_figures(figures: list[Figure], seeds: Iterable[int] = ()) -> None:
    """Prints a table for people, then the one line for programs.

    Args:
        figures: what was measured.
        seeds: of everything random in it; none where nothing is.
    """
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        mark = "ok " if figure.ok else "NOT"
        words = "; ".join(filter(None, (figure.limit, figure.note)))
        error = "" if figure.error is None else f" ± {figure.error}"
        print(f"{mark} {figure.name:<{width}} {figure.value}{error} ({words or figure.kind})")
    told = {"figures": [asdict(figure) for figure in figures], "seeds": _short(sorted(seeds))}
    print(json.dumps(told), flush=True)


def read_figures(output: str) -> tuple[list[Figure], str]:
    """The figures of a benchmark's output, and its seeds.

    Raises:
        ValueError: its last line holds none.
    """
    last = output.rstrip().rsplit("\n", 1)[-1]
    try:
        told = json.loads(last)
        return [Figure(**figure) for figure in told["figures"]], told["seeds"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the last line holds no figures: {last[:200]!r}") from None


def _short(seeds: list[int]) -> str:
    """`0-199`, `0, 7`, or `none`."""
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ", ".join(map(str, seeds)) or "none"
