"""How a network is trained: the settings of a whole training, and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from cell_search.recipes.augmentation import BORDERS
from cells.support.errors import UserError

AVERAGES = ("none", "exponential", "stochastic")
BALANCES = ("none", "weights", "sampling")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Descent
        Stochastic gradient descent with momentum and L2 on kernels, on the cross-entropy.

        batch: images of a step; all images where there are fewer.
        learning_rate: its highest value.
        momentum: of the descent.
        nesterov: whether the step looks ahead (Sutskever et al. 2013, section 2).
        l2: factor of the sum of squares of all kernels.
        clip: largest global norm of a gradient.
        smoothing: part of a label that all classes share (Szegedy et al. 2016, section 7).
        auxiliary_weight: factor of the auxiliary head's loss, where there is one.

    Schedule
        schedule: `one_cycle` rises and falls along two lines (Smith & Topin 2017,
            arXiv:1708.07120); `cosine` falls by half a cosine behind a warm-up (Loshchilov &
            Hutter 2016, arXiv:1608.03983); `trapezoid` stays behind a warm-up and falls along a
            line at the end (Zhai et al. 2021, arXiv:2106.04560; Haegele et al. 2024,
            arXiv:2405.18392). Only the last can be prolonged: what was trained so far is the
            beginning of the longer training, too, but for the fall, if that had begun (Wen et al.
            2024, arXiv:2410.05192, go on from there as well).
        peak: part of a `one_cycle` that rises.
        warmup: epochs in which `cosine` and `trapezoid` rise from 0.
        decay: part of a `trapezoid` that falls.

    What is kept of the weights
        average: `exponential` (Polyak & Juditsky 1992), `stochastic`: all weights from some step
            on count equally (Izmailov et al. 2018, arXiv:1803.05407), or `none`.
        average_decay: part of an exponential average that is kept in a step; less at first.
        average_from: part of the training that is over before a `stochastic` average begins.
        statistics: training images whose batches give the batch norms of the scored network their
            statistics anew, as averaged weights have none of their own (Izmailov et al. 2018,
            section 3.2); 0: those that training moved, averaged as the weights are.
        batch_norm_momentum: part of the moving statistics that is kept in a step; short trainings
            want less.

    Images
        flip: whether they are mirrored at random (not for digits and letters).
        shift: pixels by which they are moved at random, at most.
        border: what enters there: `reflect` (the image itself, mirrored) or `black`.
        cutout: side of a square of mean colour that is laid over them at random (DeVries & Taylor
            2017, arXiv:1708.04552); 0: none.
        small: part of the training, from its beginning on, with smaller images (progressive
            resizing, Howard 2018); 0: none.
        small_scale: their height and width, as a part of the full ones.
        balance: what unequal classes are met with: `weights` of the loss that are inverse to the
            number of a class's images, `sampling` of equally many images of each, or `none`.
    """

    batch: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    l2: float = 2.5e-4
    clip: float = 5.0
    smoothing: float = 0.1
    auxiliary_weight: float = 0.4
    schedule: str = "one_cycle"
    peak: float = 0.25
    warmup: float = 1.0
    decay: float = 0.4
    average: str = "exponential"
    average_decay: float = 0.995
    average_from: float = 0.75
    statistics: int = 2048
    batch_norm_momentum: float = 0.9
    flip: bool = True
    shift: int = 4
    border: str = "reflect"
    cutout: int = 8
    small: float = 0.0
    small_scale: float = 0.75
    balance: str = "none"

    def check(self, where: str = "recipe") -> None:
        """Checks the settings.

        Args:
            where: what precedes their names in messages.

        Raises:
            UserError: one is impossible; names it and what is possible.
        """
        for name, known in _KNOWN.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"{where}.{name}: {getattr(self, name)!r}: use one of {', '.join(known)}"
                )
        for field in fields(self):
            if field.name in _KNOWN or isinstance(field.default, bool):
                continue
            value, (holds, words) = getattr(self, field.name), _BOUNDS[field.name]
            if not holds(value):
                raise UserError(f"{where}.{field.name}: {value}: use a number {words}")

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


_KNOWN = {
    "schedule": ("one_cycle", "cosine", "trapezoid"),
    "average": AVERAGES,
    "balance": BALANCES,
    "border": BORDERS,
}

_Bound = tuple[Callable[[float], bool], str]
_LEAST_0: _Bound = (lambda value: value >= 0.0, "of at least 0")
_LEAST_1: _Bound = (lambda value: value >= 1.0, "of at least 1")
_POSITIVE: _Bound = (lambda value: value > 0.0, "larger than 0")
_PART: _Bound = (lambda value: 0.0 <= value < 1.0, "in [0, 1)")
_SHARE: _Bound = (lambda value: 0.0 < value <= 1.0, "in (0, 1]")

_BOUNDS: dict[str, _Bound] = {
    "batch": _LEAST_1,
    "learning_rate": _POSITIVE,
    "momentum": _PART,
    "l2": _LEAST_0,
    "clip": _POSITIVE,
    "smoothing": _PART,
    "auxiliary_weight": _LEAST_0,
    "peak": _PART,
    "warmup": _LEAST_0,
    "decay": _SHARE,
    "average_decay": _PART,
    "average_from": _PART,
    "statistics": _LEAST_0,
    "batch_norm_momentum": _PART,
    "shift": _LEAST_0,
    "cutout": _LEAST_0,
    "small": _PART,
    "small_scale": _SHARE,
}
