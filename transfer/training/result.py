"""What comes of a training, in this stage and in detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Evaluation = TypeVar("Evaluation")


@dataclass(frozen=True)
class TrainingResult(Generic[Evaluation]):
    """What came of a training.

    Attributes:
        model_dir: the folder of the run.
        steps: the training steps of its last checkpoint.
        evaluation: the stage's `EvaluationResult` of the last checkpoint; None where none was
            asked for.

    Example:
        >>> from transfer import TrainingResult
        >>> TrainingResult("run", steps=40, evaluation=None)
        TrainingResult(model_dir='run', steps=40, evaluation=None)
    """

    model_dir: str
    steps: int
    evaluation: Evaluation | None
