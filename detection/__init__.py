"""Genotypes as backbones of object detectors, trained with Model Garden.

    import detection

    detection.train("runs/digits", genotype="nasnet_a", evaluate=True)
    detection.open_detector("runs/digits").detect(pixels)

Names are imported when they are first used, so that nothing waits for TensorFlow before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detection.conversion.from_files import ConversionResult, convert
    from detection.exporting.export import export
    from detection.inference.detector import Detections, Detector, open_detector
    from detection.inference.predict import Predicted
    from detection.prediction import predict
    from detection.runs import EvaluationResult, TrainingResult, evaluate, train

_MODULES = {
    "ConversionResult": "detection.conversion.from_files",
    "Detections": "detection.inference.detector",
    "Detector": "detection.inference.detector",
    "EvaluationResult": "detection.runs",
    "Predicted": "detection.inference.predict",
    "TrainingResult": "detection.runs",
    "convert": "detection.conversion.from_files",
    "evaluate": "detection.runs",
    "export": "detection.exporting.export",
    "open_detector": "detection.inference.detector",
    "predict": "detection.prediction",
    "train": "detection.runs",
}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
