"""How a network is trained: the settings of a whole training, and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cells.data.views import BORDERS
from cells.support import settings
from cells.support.settings import setting

SCHEDULES = ("one_cycle", "cosine", "trapezoid")
AVERAGES = ("none", "exponential", "stochastic")
BALANCES = ("none", "weights", "sampling")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Stochastic gradient descent with momentum and L2 on kernels, on the cross-entropy.

    Attributes:
        batch: images of a step; all images where there are fewer.
        learning_rate: its highest value.
        momentum: of the descent.
        nesterov: whether the step looks ahead (Sutskever et al. 2013, section 2).
        l2: factor of the sum of squares of all kernels.
        clip: largest global norm of a gradient.
        smoothing: part of a label that all classes share (Szegedy et al. 2016, section 7).
        auxiliary_weight: factor of the auxiliary head's loss, where there is one.
        schedule: `one_cycle` rises and falls along two lines (Smith & Topin 2017,
            arXiv:1708.07120); `cosine` falls by half a cosine after a warm-up (Loshchilov &
            Hutter 2016, arXiv:1608.03983); `trapezoid` stays after a warm-up and falls along a
            line at the end (Zhai et al. 2021, arXiv:2106.04560; Haegele et al. 2024,
            arXiv:2405.18392). Only the last can be prolonged: what was trained so far is the
            beginning of the longer training, too, but for the fall, if that had begun (Wen et al.
            2024, arXiv:2410.05192, go on from there as well).
        peak: part of a `one_cycle` that rises.
        warmup: epochs in which `cosine` and `trapezoid` rise from 0.
        decay: part of a `trapezoid` that falls.
        average: `exponential` (Polyak & Juditsky 1992), `stochastic`: all weights from some step
            on count equally (Izmailov et al. 2018, arXiv:1803.05407), or `none`.
        average_decay: part of an exponential average that is kept in a step; less at first.
        average_from: part of the training that is over before a `stochastic` average begins.
        statistics: training images whose batches give the batch norms of the scored network their
            statistics anew, as averaged weights have none of their own (Izmailov et al. 2018,
            section 3.2); 0: those that training moved, averaged as the weights are.
        batch_norm_momentum: part of the moving statistics that is kept in a step; short trainings
            want less.
        flip: whether images are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most; less in images that are smaller.
        border: what enters there: `reflect` (the image itself, mirrored) or `black`.
        cutout: side of a square of mean colour that is laid over them at random (DeVries & Taylor
            2017, arXiv:1708.04552); 0: none.
        small: part of the training, from its beginning on, with smaller images (progressive
            resizing, Howard 2018); 0: none.
        small_scale: their height and width, as a part of the full ones.
        balance: what unequal classes are met with: `weights` of the loss that are inverse to the
            number of a class's images, `sampling` of equally many images of each, or `none`.
    """

    batch: int = setting(64, least=1)
    learning_rate: float = setting(0.1, above=0)
    momentum: float = setting(0.9, least=0, below=1)
    nesterov: bool = True
    l2: float = setting(2.5e-4, least=0)
    clip: float = setting(5.0, above=0)
    smoothing: float = setting(0.1, least=0, below=1)
    auxiliary_weight: float = setting(0.4, least=0)
    schedule: str = setting("one_cycle", choices=SCHEDULES)
    peak: float = setting(0.25, least=0, below=1)
    warmup: float = setting(1.0, least=0)
    decay: float = setting(0.4, above=0, most=1)
    average: str = setting("exponential", choices=AVERAGES)
    average_decay: float = setting(0.995, least=0, below=1)
    average_from: float = setting(0.75, least=0, below=1)
    statistics: int = setting(2048, least=0)
    batch_norm_momentum: float = setting(0.9, least=0, below=1)
    flip: bool = True
    shift: int = setting(4, least=0)
    border: str = setting("reflect", choices=BORDERS)
    cutout: int = setting(8, least=0)
    small: float = setting(0.0, least=0, below=1)
    small_scale: float = setting(0.75, above=0, most=1)
    balance: str = setting("none", choices=BALANCES)

    def check(self) -> None:
        """Raises a UserError where a setting is impossible; says what is possible."""
        settings.check(self, "recipe.")

    @property
    def prolongable(self) -> bool:
        """Whether a training may be made longer when it has begun."""
        return self.schedule == "trapezoid"

    def rate(self, step: int, planned: int | None, per_epoch: int) -> float:
        """The learning rate of a step.

        Args:
            step: how many steps were made before.
            planned: steps of the training; None where that is open, so that nothing falls yet.
            per_epoch: steps of an epoch.

        Example:
            >>> recipe = Recipe(schedule="trapezoid", learning_rate=1.0, warmup=2.0, decay=0.5)
            >>> [recipe.rate(step, 8, per_epoch=1) for step in range(8)]
            [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
        """
        warm = min(1.0, (step + 1) / max(self.warmup * per_epoch, 1.0))
        if planned is None:
            return self.learning_rate * warm
        left = planned - step
        if self.schedule == "trapezoid":
            return self.learning_rate * min(warm, left / max(self.decay * planned, 1.0))
        if self.schedule == "cosine":
            return self.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * step / planned))
        peak = max(round(self.peak * planned), 1)
        return self.learning_rate * min((step + 1) / peak, left / max(planned - peak, 1))
