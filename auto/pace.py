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
        looks: by so much longer the pace is looked at before it is known. Where others share the
            machine it changes: who doubles this each time begins again a few times at most.

    Attributes:
        step: the last; 0 before the first loop.
        startup: seconds until the first loop was over: building and tracing.
        seconds: of a step, once they are known.
    """

    def __init__(
        self, left: Callable[[], float], steps: int, *, late: float, early: float, looks: int = 1
    ):
        self._left, self._steps, self._late, self._early = left, steps, late, early
        self._looks = looks
        self._began = time.monotonic()
        self._first: tuple[int, float] | None = None
        self.step = 0
        self.startup = self.seconds = 0.0

    def enough(self, step: int) -> bool:
        """Behind a loop: whether to stop there, since the end would miss the time."""
        now = time.monotonic()
        self.step = step
        if self._first is None:
            # The first loop builds and traces.
            self._first, self.startup = (step, now), now - self._began
            return False
        since, done = now - self._first[1], step - self._first[0]
        self.seconds = since / done
        over = (self._steps - step) * self.seconds - self._left()
        # Another beginning costs the startup: as long the pace is looked at, but not to the end.
        known = (
            since >= self._looks * max(_PROBE, self.startup)
            or 2 * done >= self._steps - self._first[0]
        )
        return known and not -self._early - self.startup <= over <= self._late + self.startup
