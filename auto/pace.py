"""How quickly a training goes, and how many steps fit into a time."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds of steps, behind the first loop, from which the pace of a training is told.
_PROBE = 4.0


class Pace:
    """Looks at one run of a training, loop by loop.

    Args:
        left: gives the seconds that are left.
        steps: at which the training is to end.
        late, early: by so many seconds the end may miss the time that is left; what another
            beginning costs comes on top.

    Attributes:
        step: the last; 0 before the first loop.
    """

    def __init__(self, left: Callable[[], float], steps: int, *, late: float, early: float):
        self._left, self._steps, self._late, self._early = left, steps, late, early
        self._began = time.monotonic()
        self._first: tuple[int, float] | None = None
        self.step = 0
        self._startup = self._seconds = 0.0

    def enough(self, step: int) -> bool:
        """Behind a loop: whether to stop there, since the end would miss the time."""
        now = time.monotonic()
        self.step = step
        if self._first is None:
            # The first loop builds and traces.
            self._first, self._startup = (step, now), now - self._began
            return False
        since = now - self._first[1]
        self._seconds = since / (step - self._first[0])
        over = (self._steps - step) * self._seconds - self._left()
        return since >= _PROBE and not (
            -self._early - self._startup <= over <= self._late + self._startup
        )

    def plan(self, least: int, loop: float) -> tuple[int, int]:
        """A new end, behind a stop.

        Args:
            least: steps that there must be.
            loop: seconds between two looks at the clock.

        Returns:
            The step at which the training is to end, and the steps of a loop.
        """
        fit = int(max(self._left() - self._startup, 0.0) / self._seconds)
        return max(self.step + fit, least, self.step + 1), max(1, round(loop / self._seconds))
