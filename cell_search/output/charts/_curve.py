"""The curve of a search: what each trial scored, the best so far, the running median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cell_search.output.charts import _frame as frame
from cells.support.html import number as rounded

#: At so many places at most the running median is taken.
_PLACES = 300


def curve(points: Sequence[tuple[int, float | None]], label: str, *, maximize: bool = True) -> str:
    """Each trial as a point (failed ones as crosses at the bottom), the best so far and the
    running median as lines.

    Args:
        points: number and reward of the finished trials, by number; None where it failed.
        label: of the vertical axis.
        maximize: whether larger is better.
    """
    scored = [(number, value) for number, value in points if value is not None]
    if not scored:
        return "<p>No trial has succeeded yet.</p>"
    last = max(points[-1][0], 1)
    numbers, values = (np.array(column) for column in zip(*scored, strict=True))
    y, marks = frame.vertical(values.tolist())

    def x(number: float) -> float:
        return frame.LEFT + (frame.WIDTH - frame.LEFT - frame.RIGHT) * number / last

    marks += [frame.below(x(number), f"{number:,}") for number in frame.whole_ticks(last)]
    failed = [number for number, value in points if value is None]
    marks += [_cross(x(number), f"trial {number}: failed") for number in failed[-frame.TIPS :]]
    tips = ((x(n), y(v), f"trial {n}: {rounded(v)}") for n, v in scored)
    marks.append(frame.dots(tips, "trial", 3, len(scored) > frame.TIPS))
    window = max(5, len(values) // 20)
    places, medians = running_median(values, window)
    path = "L".join(f"{x(numbers[i]):.1f} {y(m):.1f}" for i, m in zip(places, medians, strict=True))
    marks.append(frame.line(f"M{path}", "median"))
    best = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
    path = f"M{x(numbers[0]):.1f} {y(best[0]):.1f}"
    for i in np.flatnonzero(np.diff(best)) + 1:
        path += f"H{x(numbers[i]):.1f}V{y(best[i]):.1f}"
    marks.append(frame.line(f"{path}H{x(last):.1f}"))
    return (
        frame.svg(f"{label} of each trial and the best so far", marks, "trial")
        + f"<p class=legend><span class=line></span>best so far, {rounded(best[-1])} "
        f'<span class="line middle"></span>median of the last {min(window, len(values))}, '
        f"{rounded(medians[-1])} <span class=dot></span>trial"
        + ("<span class=cross>×</span>failed trial</p>" if failed else "</p>")
    )


def _cross(x: float, tip: str) -> str:
    path = f"M{x - 3:.1f} {frame.HEIGHT - frame.BOTTOM - 3}l6 6m0 -6l-6 6"
    return f'<path class=failed d="{path}"><title>{tip}</title></path>'


def running_median(values: np.ndarray, window: int) -> tuple[np.ndarray, list[float]]:
    """The median of the last `window` values, or of all where there are fewer.

    Args:
        values: float `(n,)`.
        window: values that count, at most.

    Returns:
        Places among the values, with the last one, and the median at each.
    """
    count = len(values)
    places = np.unique(np.linspace(0, count - 1, min(count, _PLACES)).astype(int))
    return places, [float(np.median(values[max(0, i + 1 - window) : i + 1])) for i in places]
