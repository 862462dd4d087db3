"""What is seen of a search while it runs: how far it is, in lines or in a panel."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from cell_search.study import trials
from cell_search.study.objectives import Objective

#: The pace is that of so many last trials.
_LAST = 50


def duration(seconds: float) -> str:
    """Such as `8.2 s`, `42 s`, `4 min 10 s`, `3 h 20 min`, `12 d 3 h`."""
    if seconds < 60:
        return f"{seconds:.{int(seconds < 9.95)}f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < 100 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{int(seconds // 86400):,} d {int(seconds % 86400 // 3600)} h"


def number(value: float) -> str:
    """Such as `0.9633` or `49,230`: a score as it stands in every line."""
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def trial_name(trial: FrozenTrial) -> str:
    """What a trial of a search is called."""
    return f"trial {trial.number}"


class Progress:
    """How far a search is; prints it while it is entered.

    In a terminal a panel stands below a line for each new best and each failure; elsewhere every
    trial has a line.

    Args:
        total: how many trials there will be.
        known: the trials that had finished before.
        objectives: what is wanted; the best is that by the first.
        named: what a trial is called.
        places: whether to say of each trial at which place it is among those so far.

    Attributes:
        total: how many trials there will be.
        done: how many have finished.
        running: how many are being evaluated, which the driver says.
        states: how many finished in which state.
        best: the best trial so far.
    """

    def __init__(
        self,
        total: int,
        known: Sequence[FrozenTrial],
        objectives: Sequence[Objective],
        named: Callable[[FrozenTrial], str] = trial_name,
        places: bool = False,
    ):
        self.total, self.objectives, self._named = total, objectives, named
        self._values: list[float] | None = [] if places else None
        self.done, self.running = 0, 0
        self.states: Counter[TrialState] = Counter()
        self.best: FrozenTrial | None = None
        for trial in known:
            self._take(trial)
        self._times = deque([time.monotonic()], maxlen=_LAST + 1)
        self._panel: Any = None

    def __enter__(self) -> Progress:
        if sys.stdout.isatty():
            from cell_search.output.panel import Panel

            self._panel = Panel(self)
            self._panel.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._panel is not None:
            self._panel.stop()
            self._panel = None

    def _take(self, trial: FrozenTrial) -> None:
        self.done += 1
        self.states[trial.state] += 1
        value, sign = trials.reward(trial), self.objectives[0].sign
        if value is not None and self._values is not None:
            self._values.append(sign * value)
        if value is not None and (self.best is None or sign * value > sign * self.best.values[0]):
            self.best = trial

    def finished(self, trial: FrozenTrial) -> None:
        """Tells of a trial that has just finished.

        Args:
            trial: the one.
        """
        self._take(trial)
        self.running = max(self.running - 1, 0)
        self._times.append(time.monotonic())
        if self._panel is None:
            print(self._line(trial), flush=True)
        elif trial is self.best or trials.reward(trial) is None:
            self._panel.print(self._line(trial))

    @property
    def pace(self) -> float | None:
        """Seconds from one result to the next, lately; None before the second.

        Of few results the later half says it: the first ones wait for the compiler.
        """
        later = list(self._times)[len(self._times) // 2 :]
        # Of several workers the first results come at once.
        if len(later) < 2 or len(self._times) - 1 <= self.running:
            return None
        return (later[-1] - later[0]) / (len(later) - 1)

    def _line(self, trial: FrozenTrial) -> str:
        if trial.state == TrialState.PRUNED:
            metric, (value,) = self.objectives[0].metric, trial.values
            epochs = "1 epoch" if trial.last_step == 1 else f"{trial.last_step} epochs"
            what = f"stopped after {epochs}, {metric} {number(value)}"
        elif trials.reward(trial) is None:
            what = f"failed: {trials.failure(trial)}"
        else:
            what = "  ".join(
                f"{o.metric} {number(value)}"
                for o, value in zip(self.objectives, trial.values, strict=True)
            )
            if self._values is not None:
                better = sum(value > self._values[-1] for value in self._values)
                what += f", place {better + 1} of {len(self._values)}"
        parts = [f"{self._named(trial)}  {self.done}/{self.total}", what]
        if self.best is not None:
            parts.append(self.best_so_far)
        parts.append(duration(trials.seconds(trial)))
        if (left := self.total - self.done) and self.pace is not None:
            parts.append(f"{duration(left * self.pace)} left")
        return "  ".join(parts)

    @property
    def best_so_far(self) -> str:
        """Such as `best 0.9267 (trial 3)`."""
        if self.best is None:
            return "best none yet"
        of = f" {self.objectives[0].metric}" if len(self.objectives) > 1 else ""
        return f"best{of} {number(self.best.values[0])} ({self._named(self.best)})"
