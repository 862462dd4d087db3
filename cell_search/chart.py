"""The curve of a search as an SVG element whose colours are those of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 44


def chart(points: Sequence[tuple[int, float | None]], label: str) -> str:
    """Each trial as a point (failed ones as crosses at the bottom), the best so far as a line.

    Args:
        points: number and reward of the finished trials, by number; None where it failed.
        label: of the vertical axis.
    """
    values = [value for _, value in points if value is not None]
    if not values:
        return "<p>No trial has succeeded yet.</p>"
    ticks = _ticks(min(values), max(values))
    low, high = min(ticks[0], min(values)), max(ticks[-1], max(values))
    last = max(points[-1][0], 1)

    def x(number: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * number / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    marks = []
    for tick in ticks:
        marks.append(
            f'<line class=grid x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text class=tick x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" '
            f"text-anchor=end>{_short(tick)}</text>"
        )
    for number in _trial_ticks(last):
        marks.append(
            f'<text class=tick x="{x(number):.1f}" y="{_HEIGHT - _BOTTOM + 20}" '
            f"text-anchor=middle>{number:,}</text>"
        )
    path, best = "", -math.inf
    for number, value in points:
        if value is None:
            at, bottom = x(number), _HEIGHT - _BOTTOM
            marks.append(
                f'<path class=failed d="M{at - 3:.1f} {bottom - 3}l6 6m0 -6l-6 6">'
                f"<title>trial {number}: failed</title></path>"
            )
            continue
        marks.append(
            f'<circle class=trial cx="{x(number):.1f}" cy="{y(value):.1f}" r=3>'
            f"<title>trial {number}: {value:.6g}</title></circle>"
        )
        if value > best:
            step = f"H{x(number):.1f}V{y(value):.1f}"
            path += step if path else f"M{x(number):.1f} {y(value):.1f}"
            best = value
    path += f"H{x(last):.1f}"
    return (
        f'<svg class=chart viewBox="0 0 {_WIDTH} {_HEIGHT}" role=img '
        f'aria-label="{escape(label, quote=True)} of each trial and the best so far">'
        + "".join(marks)
        + f'<path class=best d="{path}"/>'
        f'<text class=axis x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" '
        f"text-anchor=middle>trial</text></svg>"
        "<p class=legend><span class=line></span>best so far "
        "<span class=dot></span>trial <span class=cross>×</span>failed trial</p>"
    )


def _short(value: float) -> str:
    """Such as 0.35, 1,200 or 3.5M."""
    for unit, letter in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:,g}"


def _ticks(low: float, high: float) -> list[float]:
    """Round values that enclose low and high."""
    span = high - low or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def _trial_ticks(last: int) -> list[int]:
    step = max(int(_ticks(0, last)[1]), 1)
    return list(range(0, last + 1, step))
