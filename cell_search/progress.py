"""What is seen of a search while it runs: a line for each trial, and TensorBoard's scalars."""

from __future__ import annotations

import pathlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from cell_search import trials
from cell_search.objectives import Objective


def duration(seconds: float) -> str:
    """Such as `8.2 s`, `4 min 10 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


class Progress:
    """Tells people about finished trials.

    Args:
        folder: of TensorBoard's files.
        total: how many trials there will be.
        known: the trials that had finished before.
        objectives: what is wanted; the best is that by the first.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        total: int,
        known: list[FrozenTrial],
        objectives: Sequence[Objective],
    ):
        self._folder, self._total, self._objectives = folder, total, objectives
        self._writer: Any = None
        self._done = len(known)
        self._best: tuple[float, int] | None = None
        for trial in known:
            self._take(trial)
        self._times = deque([time.monotonic()], maxlen=11)

    def _take(self, trial: FrozenTrial) -> None:
        value = trials.reward(trial)
        sign = self._objectives[0].sign
        if value is not None and (self._best is None or sign * value > sign * self._best[0]):
            self._best = value, trial.number

    def finished(self, trial: FrozenTrial) -> None:
        """Prints the line of a trial and writes its scalars."""
        self._done += 1
        self._take(trial)
        self._times.append(time.monotonic())
        print(self._line(trial), flush=True)
        scalars = {"seconds": trials.seconds(trial)}
        value = trials.reward(trial)
        if value is not None:
            scalars["reward"] = value
            others = zip(self._objectives[1:], trial.values[1:], strict=True)
            scalars |= {objective.metric: value for objective, value in others}
        if self._best is not None:
            scalars["best reward"] = self._best[0]
        self._write(scalars, trial.number)

    def _line(self, trial: FrozenTrial) -> str:
        if trials.reward(trial) is None:
            what = f"failed: {trials.failure(trial)}"
        else:
            what = "  ".join(
                f"{o.metric} {value:.4f}" if abs(value) < 1000 else f"{o.metric} {value:,.0f}"
                for o, value in zip(self._objectives, trial.values, strict=True)
            )
        parts = [f"trial {trial.number}  {self._done}/{self._total}", what]
        if self._best is not None:
            value, number = self._best
            of = f" {self._objectives[0].metric}" if len(self._objectives) > 1 else ""
            parts.append(f"best{of} {value:,.4g} (trial {number})")
        parts.append(duration(trials.seconds(trial)))
        if left := self._total - self._done:
            pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
            parts.append(f"{duration(left * pace)} left")
        return "  ".join(parts)

    def _write(self, scalars: dict[str, float], step: int) -> None:
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        with self._writer.as_default(step=step):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
        self._writer.flush()
