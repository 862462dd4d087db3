"""Trained detectors as SavedModels: image files in, boxes in pixels of these images out.

Model Garden's serving module, with boxes in pixels of the image as it was given, and the data set's
own numbers of classes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf
from official.vision.serving import detection as serving
from official.vision.serving import export_saved_model_lib

from cells.errors import UserError
from cells.files import write_atomically
from detection import experiments
from detection.detector import Detections, Detector, open_detector

#: Largest difference of scores, and of boxes relative to the image, with which a file is written.
TOLERANCE = 1e-4

CATEGORIES = "categories.json"


class ServedDetector(serving.DetectionModule):
    """What a SavedModel of a detector holds.

    Its signature `serving_default` takes `inputs`, strings (n,) of JPEG, PNG, BMP or GIF files of
    any sizes, and gives, of each image, up to `max_num_detections` objects, the surest first:
    `detection_boxes` float32 (n, m, 4), ymin, xmin, ymax, xmax in pixels of the image;
    `detection_classes` int64 (n, m), the data set's own category ids; `detection_scores` float32
    (n, m); `num_detections` int32 (n,), how many of the m are there.

    Args:
        params: the configuration of the run.
        model: the trained model.
    """

    def __init__(self, params: Any, model: Any):
        size = list(params.task.model.input_size[:2])
        super().__init__(
            params=params,
            batch_size=None,
            input_image_size=size,
            input_type="image_bytes",
            model=model,
        )
        # 0 is the background, and nothing is found of it.
        self._category_ids = tf.constant([-1, *params.task.category_ids], tf.int64)

    @tf.function
    def inference_from_image_bytes(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decodes and scales image by image, since they have different sizes."""
        with tf.device("cpu:0"):
            like = self._inputs_of(tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)))
            images, anchors, info = tf.map_fn(
                self._inputs_of,
                inputs,
                fn_output_signature=tf.nest.map_structure(
                    lambda t: tf.TensorSpec(t.shape, t.dtype), like
                ),
            )
        # Boxes are cut at the border of the scaled image, not at that of the padded input.
        shape = info[:, 0, :] * info[:, 2, :]
        found = self.model.call(
            images=images, image_shape=shape, anchor_boxes=anchors, training=False
        )
        classes = tf.cast(found["detection_classes"], tf.int32)
        return {
            "detection_boxes": found["detection_boxes"] / tf.tile(info[:, 2:3, :], [1, 1, 2]),
            "detection_classes": tf.gather(self._category_ids, tf.maximum(classes, 0)),
            "detection_scores": found["detection_scores"],
            "num_detections": found["num_detections"],
        }

    def _inputs_of(self, data: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
        image.set_shape([None, None, 3])
        pixels, anchors, info = self._build_inputs(image)
        return pixels, dict(anchors), info


def export(folder: str, output: str) -> dict[str, float]:
    """Writes the detector of a run as a SavedModel, after comparing it with the run's own.

    Args:
        folder: `--model_dir` of the training.
        output: folder of the SavedModel; must not exist. `categories.json` in it names the classes.

    Returns:
        The largest differences of `boxes`, relative to the image, and of `scores`.

    Raises:
        UserError: there is no such run, or `output` exists or cannot be written.
    """
    if os.path.exists(output):
        raise UserError(f"--output: {output} exists already; give a folder that does not")
    params = experiments.of_model_dir(folder)
    detector = open_detector(folder, params)
    parent = os.path.dirname(os.path.abspath(output))
    try:
        os.makedirs(parent, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=".export-", dir=parent)
    except OSError as error:
        raise UserError(f"--output: {output} cannot be written ({error.strerror})") from None
    try:
        export_saved_model_lib.export_inference_graph(
            input_type="image_bytes",
            batch_size=None,
            input_image_size=list(params.task.model.input_size[:2]),
            params=params,
            checkpoint_path=None,
            export_dir=temporary,
            export_module=ServedDetector(params, detector.model),
        )
        categories = [
            {"id": number, "name": name}
            for number, name in zip(detector.categories.ids, detector.categories.names, strict=True)
        ]
        text = json.dumps(categories, indent=1, ensure_ascii=False) + "\n"
        write_atomically(os.path.join(temporary, CATEGORIES), text.encode())
        differences = compare(temporary, detector, _pictures())
        os.chmod(temporary, 0o755)
        os.rename(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return differences


def detect(saved: Any, detector: Detector, image: np.ndarray) -> Detections:
    """What a loaded SavedModel finds in one image, as the detector tells it.

    Args:
        saved: `tf.saved_model.load` of it.
        detector: whose labels the result has.
        image: uint8 (height, width, 3), RGB.
    """
    found = saved.signatures["serving_default"](
        inputs=tf.constant([tf.io.encode_png(image).numpy()])
    )
    count = int(found["num_detections"][0])
    ymin, xmin, ymax, xmax = found["detection_boxes"][0, :count].numpy().T
    labels = {number: label for label, number in enumerate(detector.categories.ids)}
    return Detections(
        np.stack([xmin, ymin, xmax - xmin, ymax - ymin], axis=1),
        np.array([labels[int(c)] for c in found["detection_classes"][0, :count]], np.int64),
        found["detection_scores"][0, :count].numpy(),
    )


def compare(path: str, detector: Detector, images: list[np.ndarray]) -> dict[str, float]:
    """The largest differences between a SavedModel and the detector that it was made of.

    Args:
        path: of the SavedModel.
        detector: of the run.
        images: uint8 (height, width, 3), RGB.
    """
    saved = tf.saved_model.load(path)
    boxes = scores = 0.0
    for image in images:
        theirs, ours = detect(saved, detector, image), detector.detect(image)
        assert len(theirs.scores) == len(ours.scores), (len(theirs.scores), len(ours.scores))
        if not len(ours.scores):
            continue
        scores = max(scores, float(np.abs(theirs.scores - ours.scores).max()))
        distance = np.abs(theirs.boxes - ours.boxes).max() / max(image.shape[:2])
        boxes = max(boxes, float(distance))
    assert max(boxes, scores) < TOLERANCE, (boxes, scores)
    return {"boxes": boxes, "scores": scores}


def _pictures() -> list[np.ndarray]:
    """Smooth random images of different shapes."""
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((6, 8), (9, 4))]
    return [np.kron(image, np.ones((12, 12, 1), np.uint8)) for image in coarse]
