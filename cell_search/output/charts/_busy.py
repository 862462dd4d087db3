"""How many candidates were under evaluation at a time."""

from __future__ import annotations

from collections.abc import Sequence

from cell_search.output.charts import _frame as frame

#: Units of time, with the span from which on they are used, in seconds.
_UNITS = (("hours", 3600.0, 3 * 3600.0), ("minutes", 60.0, 180.0), ("seconds", 1.0, 0.0))


def busy(levels: Sequence[float], seconds: float) -> str:
    """The mean number of busy workers in equal stretches of time.

    Args:
        levels: one for each stretch.
        seconds: the length of all of them together.
    """
    unit, length, _ = next(u for u in _UNITS if seconds >= u[2])
    span = seconds / length
    y, marks = frame.vertical([0.0, *levels])
    x, axis = frame.horizontal([0.0, span], "{:,g}".format)
    path = f"M{x(0):.1f} {y(levels[0]):.1f}"
    for i, level in enumerate(levels):
        path += f"V{y(level):.1f}H{x(span * (i + 1) / len(levels)):.1f}"
    area = frame.line(f"{path}V{frame.HEIGHT - frame.BOTTOM}H{frame.LEFT}Z", "area")
    marks += [*axis, area, frame.line(path)]
    return frame.svg("busy workers in the course of the search", marks, unit)
