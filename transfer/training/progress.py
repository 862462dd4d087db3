"""What people see while a network trains: one line a loop, one an evaluation.

Model Garden's own messages go to absl's log (`--verbosity=0` shows them); what its training loop
prints besides is replaced by these lines.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import orbit


class Progress:
    """Actions for Model Garden's training and evaluation loops.

    Attributes:
        step: of the training, as far as it has been told.
        begun: the step that training began at, or goes on from.
        evaluated: metrics of the last evaluation by name; None before the first.
    """

    def __init__(self, train_steps: int, begun: int = 0):
        self.train_steps = train_steps
        self.step = self.begun = begun
        self.evaluated: dict[str, float] | None = None
        self._out = sys.stdout
        self._last: tuple[int, float] | None = None

    def begin(self, step: int, *, training: bool) -> None:
        """Takes the step of the checkpoint that was restored, and says where training goes on."""
        self.step = step
        if step > self.train_steps and training:
            self.say(
                f"is at step {step:,} already, and trainer.train_steps is {self.train_steps:,}: "
                "there is nothing to train"
            )
        elif step and training:
            self.say(f"continues at step {step:,} of {self.train_steps:,}")
        elif training:
            self.say(f"trains {self.train_steps:,} steps; the first of them wait for the compiler")

    def trained(self, step: int, output: dict[str, Any]) -> None:
        """Prints the mean loss and, of a classifier, accuracy of the loop that ended at `step`."""
        values = numbers(output)
        now, pace = time.monotonic(), ""
        if self._last is not None:  # The time of the first loop is the compiler's.
            before, then = self._last
            rate = (step - before) / max(now - then, 1e-9)
            left = datetime.timedelta(seconds=round((self.train_steps - step) / max(rate, 1e-9)))
            pace = f"  {rate:.1f} steps/s  {left} left"
        self.step, self._last = step, (step, now)
        accuracy = f"accuracy {values['accuracy']:.4f}  " if "accuracy" in values else ""
        self.say(
            f"step {step:,}/{self.train_steps:,}  loss {values['training_loss']:.4f}  {accuracy}"
            f"learning rate {values['learning_rate']:.3g}{pace}"
        )

    def evaluation(self, output: dict[str, Any]) -> None:
        """Keeps the metrics of an evaluation, and prints them."""
        self.evaluated = numbers(output)
        self.say(f"evaluation at step {self.step:,}: {described(self.evaluated)}")
        self._last = (self.step, time.monotonic())

    def say(self, line: str) -> None:
        """Prints a line past `quiet`."""
        print(line, file=self._out, flush=True)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Keeps what the training loop prints from the screen."""
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield


def numbers(output: dict[str, Any]) -> dict[str, float]:
    """The scalars of a loop's output."""
    return {name: float(orbit.utils.get_value(value)) for name, value in output.items()}


def described(metrics: dict[str, float]) -> str:
    """Metrics in words, accuracy (or a detector's average precision) first."""
    top = [name for name in metrics if name.startswith("top_") and name.endswith("_accuracy")]
    names = {
        "accuracy": "accuracy",
        "AP": "AP",
        "AP50": "AP50",
        **{name: f"top-{name.split('_')[1]}" for name in top},
        "validation_loss": "loss",
        "cross_entropy": "cross entropy",
        "calibration_error": "calibration error",
    }
    return ", ".join(
        f"{told} {metrics[name]:.4f}" for name, told in names.items() if name in metrics
    )
