"""What a training survives: a signal, and weights that are no numbers any more."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from types import FrameType
from typing import Any

import tensorflow as tf

from cells.support.errors import UserError
from cells.support.signals import handled_by


class Signals:
    """Remembers Ctrl-C and SIGTERM, until there is a moment to stop without losing a step."""

    def __init__(self) -> None:
        self.received = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[Signals]:
        """Replaces the handlers for the time of a `with` block; a second signal acts at once."""
        with handled_by(self._handle):
            yield self

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = signum


def check_numbers(step: int, loss: float, weights: list[Any], kept: str | None) -> None:
    """Ends a training whose loss or weights are no finite numbers any more.

    Args:
        step: at which the loop ended.
        loss: mean of the loop.
        weights: of the model; a last update may spoil them behind a good loss.
        kept: the last checkpoint; None where there is none.

    Raises:
        UserError: with the step, and what is kept.
    """
    spoilt = None
    if not math.isfinite(loss):
        spoilt = f"the loss is {loss}"
    elif not all(bool(tf.reduce_all(tf.math.is_finite(w))) for w in weights):
        spoilt = "weights are infinite or no numbers"
    if spoilt:
        where = f"the last good checkpoint is {kept}" if kept else "there was no checkpoint yet"
        raise UserError(
            f"step {step:,}: {spoilt}, so training stopped; {where}; lower the learning rate, or "
            "clip gradients (global_clipnorm in trainer.optimizer_config.optimizer)"
        )
