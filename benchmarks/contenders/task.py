"""What a contender is given, and what it answers.

Contenders run in environments of their own, so this needs nothing but NumPy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """What a contender is given.

    Attributes:
        images: uint8 (n, height, width, 3), to train with.
        labels: int (n,), their classes.
        test: uint8 (m, height, width, 3), to be named.
        classes: how many there are.
        budget: processor seconds for everything, from the start of the process to its answer.
        seed: of everything random.
        mirror: whether a mirrored image is of the same class.
    """

    images: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    classes: int
    budget: float
    seed: int
    mirror: bool

    def left(self, parts: float = 1.0) -> float:
        """Processor seconds that this process may still take of so large a part of the budget."""
        return parts * self.budget - time.process_time()


@dataclass(frozen=True)
class Answer:
    """What a contender answers.

    Attributes:
        guesses: int (m,), a class for each test image.
        told: whatever else is worth a line, such as epochs.
        also: makes guesses of other kinds by name, which are told and not counted, with time that
            is not counted.
    """

    guesses: np.ndarray
    told: dict[str, Any] = field(default_factory=dict)
    also: Callable[[], dict[str, np.ndarray]] = dict
