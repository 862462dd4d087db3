"""Curve and front of a search as SVG elements whose colours are those of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from html import escape

import numpy as np

from cell_search import pareto

_WIDTH, _HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 44


def chart(points: Sequence[tuple[int, float | None]], label: str, *, maximize: bool = True) -> str:
    """Each trial as a point (failed ones as crosses at the bottom), the best so far as a line.

    Args:
        points: number and reward of the finished trials, by number; None where it failed.
        label: of the vertical axis.
        maximize: whether larger is better.
    """
    values = [value for _, value in points if value is not None]
    if not values:
        return "<p>No trial has succeeded yet.</p>"
    last = max(points[-1][0], 1)
    y, marks = _vertical(values)

    def x(number: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * number / last

    marks += [_below(x(number), f"{number:,}") for number in _trial_ticks(last)]
    path, best, sign = "", -math.inf, 1.0 if maximize else -1.0
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
        if sign * value > best:
            step = f"H{x(number):.1f}V{y(value):.1f}"
            path += step if path else f"M{x(number):.1f} {y(value):.1f}"
            best = sign * value
    path += f"H{x(last):.1f}"
    return (
        _svg(f"{label} of each trial and the best so far", [*marks, _line(path)], "trial")
        + "<p class=legend><span class=line></span>best so far "
        "<span class=dot></span>trial <span class=cross>×</span>failed trial</p>"
    )


def scatter(
    points: Sequence[tuple[int, float, float]],
    front: Collection[int],
    labels: tuple[str, str],
    signs: tuple[float, float],
) -> str:
    """Trials by two objectives, and what can be had at most of one for the other, as a staircase.

    Args:
        points: number, horizontal and vertical value of the trials that succeeded.
        front: the numbers of those that no other dominates, in all objectives.
        labels: of the horizontal and of the vertical axis.
        signs: of both, -1 where smaller is better.
    """
    if not points:
        return "<p>No trial has succeeded yet.</p>"
    marks, x, y = _scattered(points, front, labels)
    pairs = np.unique([pair for _, *pair in points], axis=0)
    path = ""
    for one, other in pairs[~pareto.dominated(pairs * np.array(signs))]:
        at, height = f"H{x(one):.1f}", f"V{y(other):.1f}"
        # The corner is the worse in both of its two neighbours.
        step = at + height if signs[0] < 0 else height + at
        path += step if path else f"M{x(one):.1f} {y(other):.1f}"
    told = f"{labels[1]} and {labels[0]} of each trial, and the front"
    return (
        _svg(told, [*marks, _line(path)], labels[0])
        + f"<p class=legend><span class=line></span>front "
        f"<span class=dot></span>trial ({escape(labels[1])} upwards)</p>"
    )


def comparison(
    points: Sequence[tuple[int, float, float]], winner: int, labels: tuple[str, str]
) -> str:
    """Trials by two scores of one kind of thing.

    Args:
        points: number, horizontal and vertical value.
        winner: the number of the one that is marked.
        labels: of the horizontal and of the vertical axis.
    """
    marks, _, _ = _scattered(points, {winner}, labels)
    return (
        _svg(f"{labels[1]} against {labels[0]}", marks, labels[0])
        + f"<p class=legend><span class=dot></span>trial ({escape(labels[1])} upwards)</p>"
    )


def _svg(told: str, marks: Sequence[str], axis: str) -> str:
    """The picture; `told` to those who do not see it, `axis` below it."""
    return (
        f'<svg class=chart viewBox="0 0 {_WIDTH} {_HEIGHT}" role=img '
        f'aria-label="{escape(told, quote=True)}">' + "".join(marks) + "<text class=axis "
        f'x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" '
        f"text-anchor=middle>{escape(axis)}</text></svg>"
    )


def _line(path: str) -> str:
    return f'<path class=best d="{path}"/>'


def _scattered(
    points: Sequence[tuple[int, float, float]], marked: Collection[int], labels: tuple[str, str]
) -> tuple[list[str], Callable[[float], float], Callable[[float], float]]:
    """Axes and points, and where values are on the two axes."""
    y, marks = _vertical([value for _, _, value in points])
    x, ticks = _scale([value for _, value, _ in points], _LEFT, _WIDTH - _RIGHT)
    marks += [_below(x(tick), _short(tick)) for tick in ticks]
    # The marked ones last, so that nothing hides it.
    for number, one, other in sorted(points, key=lambda p: p[0] in marked):
        kind = "front" if number in marked else "trial"
        marks.append(
            f'<circle class={kind} cx="{x(one):.1f}" cy="{y(other):.1f}" '
            f"r={4 if kind == 'front' else 3}><title>trial {number}: "
            f"{escape(labels[1])} {other:.6g}, {escape(labels[0])} {one:.6g}</title></circle>"
        )
    return marks, x, y


def _vertical(values: Sequence[float]) -> tuple[Callable[[float], float], list[str]]:
    """Where a value is on the vertical axis, and the axis itself."""
    y, ticks = _scale(values, _HEIGHT - _BOTTOM, _TOP)
    return y, [
        f'<line class=grid x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" '
        f'y2="{y(tick):.1f}"/><text class=tick x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" '
        f"text-anchor=end>{_short(tick)}</text>"
        for tick in ticks
    ]


def _scale(
    values: Sequence[float], start: float, end: float
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value is between `start` and `end`, and the ticks."""
    ticks = _ticks(min(values), max(values))
    low, high = min(ticks[0], min(values)), max(ticks[-1], max(values))
    return lambda value: start + (end - start) * (value - low) / (high - low), ticks


def _below(x: float, text: str) -> str:
    """A tick of the horizontal axis."""
    return (
        f'<text class=tick x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" '
        f"text-anchor=middle>{text}</text>"
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
