"""What the charts share: their frame, axes, ticks and points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

WIDTH, HEIGHT = 860, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44

#: So many points at most have a tooltip each; more are one element, and a page stays light.
TIPS = 2000

_LARGEST, _SMALLEST_SPAN = 1e300, 1e-300


def svg(told: str, marks: Sequence[str], axis: str) -> str:
    """The picture; `told` to those who do not see it, `axis` below it."""
    return (
        f'<svg class=chart viewBox="0 0 {WIDTH} {HEIGHT}" role=img '
        f'aria-label="{escape(told, quote=True)}">' + "".join(marks) + "<text class=axis "
        f'x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" '
        f"text-anchor=middle>{escape(axis)}</text></svg>"
    )


def line(path: str, kind: str = "best") -> str:
    """A line of one of the kinds that the page has colours for."""
    return f'<path class={kind} d="{path}"/>'


def dots(points: Iterable[tuple[float, float, str]], kind: str, radius: int, many: bool) -> str:
    """Points, each with a tooltip unless there are `many`.

    Args:
        points: place on the picture, and the tooltip.
        kind: one that the page has colours for.
        radius: of a point.
        many: whether all are one element of smaller points; those on one place are then one.
    """
    if many:
        places = sorted({(round(x), round(y)) for x, y, _ in points})
        path = "".join(f"M{x} {y}h0" for x, y in places)
        return f'<path class="dots {kind}" stroke-width={radius} d="{path}"/>'
    return "".join(
        f'<circle class={kind} cx="{x:.1f}" cy="{y:.1f}" r={radius}>'
        f"<title>{escape(tip)}</title></circle>"
        for x, y, tip in points
    )


def vertical(values: Sequence[float]) -> tuple[Callable[[float], float], list[str]]:
    """Where a value is on the vertical axis, and the axis itself."""
    y, marks = scale(values, HEIGHT - BOTTOM, TOP)
    return y, [
        f'<line class=grid x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" '
        f'y2="{y(tick):.1f}"/><text class=tick x="{LEFT - 8}" y="{y(tick) + 4:.1f}" '
        f"text-anchor=end>{short(tick)}</text>"
        for tick in marks
    ]


def horizontal(
    values: Sequence[float], written: Callable[[float], str]
) -> tuple[Callable[[float], float], list[str]]:
    """Where a value is on the horizontal axis, and the axis itself, its ticks `written`."""
    x, marks = scale(values, LEFT, WIDTH - RIGHT)
    return x, [below(x(tick), written(tick)) for tick in marks]


def scale(
    values: Sequence[float], start: float, end: float
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value is between `start` and `end`, and the ticks."""
    least, most = _held(min(values)), _held(max(values))
    marks = ticks(least, most)
    low, high = min(marks[0], least), max(marks[-1], most)
    return lambda value: start + (end - start) * (_held(value) - low) / (high - low), marks


def _held(value: float) -> float:
    """A value that can be reckoned with: twice the largest float would be infinite."""
    return min(max(value, -_LARGEST), _LARGEST)


def below(x: float, text: str) -> str:
    """A tick of the horizontal axis."""
    return (
        f'<text class=tick x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor=middle>{text}</text>'
    )


def short(value: float) -> str:
    """Such as 0.35, 1,200, 50k or 3.5M."""
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:g}{letter}"
    return f"{value:,g}"


def ticks(low: float, high: float) -> list[float]:
    """Round values that enclose low and high."""
    span = high - low or abs(high) or 1.0
    span = max(span, _SMALLEST_SPAN)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def whole_ticks(last: int) -> list[int]:
    """Round whole numbers from 0 to at most `last`."""
    step = max(int(ticks(0, last)[1]), 1)
    return list(range(0, last + 1, step))
