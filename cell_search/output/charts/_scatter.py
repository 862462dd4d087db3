"""Trials by two values: the front of two objectives, and cheap scores against dear ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from html import escape

import numpy as np

from cell_search.output.charts import _frame as frame
from cell_search.space import pareto
from cells.support.html import number


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
        frame.svg(told, [*marks, frame.line(path)], labels[0])
        + "<p class=legend><span class=line></span>front"
        f" <span class=dot></span>trial ({escape(labels[1])} upwards)</p>"
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
        frame.svg(f"{labels[1]} against {labels[0]}", marks, labels[0])
        + f"<p class=legend><span class=dot></span>trial ({escape(labels[1])} upwards)</p>"
    )


def _scattered(
    points: Sequence[tuple[int, float, float]], marked: Collection[int], labels: tuple[str, str]
) -> tuple[list[str], Callable[[float], float], Callable[[float], float]]:
    """Axes and points, and where values are on the two axes."""
    y, marks = frame.vertical([value for _, _, value in points])
    x, axis = frame.horizontal([value for _, value, _ in points], frame.short)
    marks += axis

    def placed(wanted: bool) -> list[tuple[float, float, str]]:
        return [
            (x(a), y(b), f"trial {n}: {labels[1]} {number(b)}, {labels[0]} {number(a)}")
            for n, a, b in points
            if (n in marked) == wanted
        ]

    # The marked ones last, so that nothing hides them.
    marks.append(frame.dots(placed(False), "trial", 3, len(points) > frame.TIPS))
    marks.append(frame.dots(placed(True), "front", 4, False))
    return marks, x, y
