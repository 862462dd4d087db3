"""Genotypes as backbones of object detectors, trained with Model Garden.

    import detection

    detection.train("run", genotype="nasnet_a", config_file="settings.yaml", evaluate=True)
    detection.open_detector("run").detect(pixels)

Names are imported when they are first used, so that nothing waits for TensorFlow before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "ConversionResult",
    "Detections",
    "Detector",
    "EvaluationResult",
    "Predicted",
    "TrainingResult",
    "convert",
    "evaluate",
    "export",
    "open_detector",
    "predict",
    "train",
]

if TYPE_CHECKING:
    from detection.api import EvaluationResult, evaluate, predict, train
    from detection.conversion.from_files import ConversionResult, convert
    from detection.exporting.export import export
    from detection.inference.detector import Detections, Detector, open_detector
    from detection.inference.predict import Predicted
    from transfer.training.result import TrainingResult
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
