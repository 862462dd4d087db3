"""Genotypes trained as image classifiers, with Model Garden's trainer.

    import transfer

    transfer.train("run", genotype="nasnet_a", config_file="settings.yaml", evaluate=True)
    transfer.predict("run", "photo.jpg")

Names are imported when they are first used, so that nothing waits for TensorFlow before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "EvaluationResult",
    "Guess",
    "Prediction",
    "Trained",
    "TrainingResult",
    "evaluate",
    "export",
    "open_classifier",
    "predict",
    "train",
]

if TYPE_CHECKING:
    from transfer.api import EvaluationResult, evaluate, predict, train
    from transfer.exporting.export import export
    from transfer.prediction import Guess, Prediction
    from transfer.training.checkpoints import Trained, open_classifier
    from transfer.training.result import TrainingResult
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
