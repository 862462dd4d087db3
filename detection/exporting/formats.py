"""The files that a trained detector is written as, each with the way to open it again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cells.support.files import json_text, write_atomically
from detection.data.categories import Categories
from detection.exporting import serving
from detection.inference.detector import KEYS, Detections, Detector, of_outputs
from transfer.exporting import files

CATEGORIES = "categories.json"

Look = Callable[[np.ndarray], Detections]
"""An image, uint8 (height, width, 3), RGB -> what is found in it, in its pixels."""


@dataclass(frozen=True)
class Exported:
    """What is written.

    Attributes:
        params: the configuration of the run.
        detector: trained.
    """

    params: Any
    detector: Detector


@dataclass(frozen=True)
class DetectorFormat(files.Format[Exported, Look]):
    """A kind of file; opened for a detector, whose labels it gives. Its `difference` is of scores,
    and of boxes relative to the image.

    Attributes:
        two_stage: whether Faster and Mask R-CNN can be written.
    """

    two_stage: bool = False


def categories_text(categories: Categories) -> str:
    """JSON that names the category ids that files give, as COCO's files do."""
    return json_text(categories.entries, indent=1)


def _save(served: serving.ServedDetector, signatures: Any, path: str) -> None:
    """Writes functions of a detector, without its layers, which would all be traced once more."""
    module = tf.Module()
    module.weights = served.model.variables
    tf.saved_model.save(module, path, signatures=signatures)


def _write_saved_model(exported: Exported, path: str) -> None:
    served = serving.ServedDetector(exported.params, exported.detector.model)
    _save(served, served.get_inference_signatures({"image_bytes": "serving_default"}), path)
    text = categories_text(exported.detector.categories)
    write_atomically(os.path.join(path, CATEGORIES), text.encode())


def _open_saved_model(exported: Exported, path: str) -> Look:
    saved = tf.saved_model.load(path)

    def look(image: np.ndarray) -> Detections:
        # By way of the whole: a signature alone does not keep its variables alive.
        run = saved.signatures["serving_default"]
        found = run(inputs=tf.constant([tf.io.encode_png(image).numpy()]))
        return _detections({k: v.numpy() for k, v in found.items()}, exported.detector.categories)

    return look


def _write_tflite(exported: Exported, path: str) -> None:
    served = _plain(exported, None)
    height, width = exported.params.task.model.input_size[:2]
    function = served.inference_from_pixels.get_concrete_function(
        tf.TensorSpec([1, height, width, 3], tf.float32, "pixels"),
        tf.TensorSpec([1, 2], tf.float32, "size"),
    )
    with tempfile.TemporaryDirectory() as folder:
        # Only a SavedModel's signatures keep the names of what goes in and comes out.
        _save(served, function, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        with files.quiet():
            converted = converter.convert()
    with open(path, "wb") as file:
        file.write(converted)
    files.attach(path, CATEGORIES, categories_text(exported.detector.categories))


def _open_tflite(exported: Exported, path: str) -> Look:
    interpreter = tf.lite.Interpreter(model_path=path)
    run = interpreter.get_signature_runner()
    served = _plain(exported, None)

    def look(image: np.ndarray) -> Detections:
        pixels, size, scale = served.scaled(image)
        found = run(pixels=pixels, size=size)
        found["detection_boxes"] = found["detection_boxes"] / np.tile(scale, 2)
        return _detections(found, exported.detector.categories)

    return look


def _write_onnx(exported: Exported, path: str) -> None:
    import tf2onnx

    given = [tf.TensorSpec([None, None, 3], tf.uint8, "image")]
    served = _plain(exported, 0.0)  # The function alone does not keep it alive.
    with files.quiet():
        tf2onnx.convert.from_function(
            served.inference_from_image, given, opset=17, output_path=path
        )
    files.add_metadata(path, CATEGORIES, categories_text(exported.detector.categories))


def _open_onnx(exported: Exported, path: str) -> Look:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def look(image: np.ndarray) -> Detections:
        found = dict(zip(names, session.run(names, {"image": image}), strict=True))
        return _detections(found, exported.detector.categories)

    return look


def _plain(exported: Exported, sigma: float | None) -> serving.ServedDetector:
    model = serving.of_plain_operators(exported.detector.model, sigma)
    return serving.ServedDetector(exported.params, model)


def _detections(found: dict[str, np.ndarray], categories: Categories) -> Detections:
    """What a file says of its one image, as a detector tells it."""
    only = {key: found[key][0] for key in KEYS if key in found}
    return of_outputs(only, categories.labels.__getitem__)


FORMATS = {
    "saved_model": DetectorFormat(
        "saved_model",
        _write_saved_model,
        _open_saved_model,
        "image files (JPEG, PNG, BMP, GIF) of any sizes",
        difference=1e-4,
        two_stage=True,
    ),
    "tflite": DetectorFormat(
        "detector.tflite",
        _write_tflite,
        _open_tflite,
        "one image that is scaled and padded already, float32 of 0 to 255, and its size",
        difference=1e-3,
    ),
    "onnx": DetectorFormat(
        "detector.onnx",
        _write_onnx,
        _open_onnx,
        "one image of any size, uint8",
        difference=1e-3,
        extra="onnx",
    ),
}
