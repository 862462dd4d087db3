"""A trained detector, for images of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from official.vision.ops import box_ops

from cells.checks.arguments import checked
from cells.support.errors import UserError
from cells.support.files import FilePath, path_text
from detection.config.read import read_params
from detection.data.categories import Categories
from detection.data.decoder import SHIFT
from detection.training.task import clip_to_images, create
from transfer.training import checkpoints

#: Of Model Garden's outputs, those that tell what was found; masks only of Mask R-CNN.
KEYS = (
    "detection_boxes",
    "detection_classes",
    "detection_scores",
    "detection_masks",
    "num_detections",
)


@dataclass(frozen=True)
class Detections:
    """What was found in one image, surest first.

    Attributes:
        boxes: float32 (n, 4): x, y, width, height in pixels of the image as it was given.
        labels: int64 (n,): places in the detector's `Categories`.
        scores: float32 (n,), in 0..1.
        masks: float32 (n, side, side), spread over the boxes: how surely each point belongs to the
            object, in 0..1 (`detection.data.masks`); None of detectors without.

    Example:
        >>> import numpy as np
        >>> boxes = np.array([[2, 3, 20, 10], [30, 5, 8, 8]], np.float32)
        >>> detections = detection.Detections(boxes, np.array([0, 4]), np.array([0.9, 0.2]))
        >>> detections.above(0.5).boxes.tolist()
        [[2.0, 3.0, 20.0, 10.0]]
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    masks: np.ndarray | None = None

    def above(self, score: float) -> Detections:
        """Those with at least this score."""
        return self.only(self.scores >= score)

    def only(self, which: Any) -> Detections:
        """Some of them, in that order.

        Args:
            which: places, or whether each is meant.
        """
        masks = None if self.masks is None else self.masks[which]
        return Detections(self.boxes[which], self.labels[which], self.scores[which], masks)

    def suppressed(self, overlap: float, *, class_agnostic: bool = False) -> Detections:
        """Of boxes that overlap, the surest alone; surest first.

        Args:
            overlap: intersection over union from which on two boxes are of one thing, in 0..1.
            class_agnostic: whether boxes of different classes are compared, too.
        """
        kept: list[int] = []
        classes = np.zeros_like(self.labels) if class_agnostic else self.labels
        for label in np.unique(classes):
            mine = np.flatnonzero(classes == label)
            x, y, w, h = self.boxes[mine].T
            corners = np.stack([y, x, y + h, x + w], axis=1)
            chosen = tf.image.non_max_suppression(corners, self.scores[mine], len(mine), overlap)
            kept += mine[chosen.numpy()].tolist()
        return self.only(sorted(kept, key=lambda i: -self.scores[i]))


def of_outputs(found: Mapping[str, np.ndarray], label_of: Callable[[int], int]) -> Detections:
    """What the outputs of a model tell of an image.

    Args:
        found: arrays by `KEYS`, boxes in pixels as Model Garden writes them.
        label_of: the label of the number that they give a class.
    """
    count = int(found["num_detections"])
    return Detections(
        box_ops.yxyx_to_xywh(found["detection_boxes"][:count]),
        np.array([label_of(int(c)) for c in found["detection_classes"][:count]], np.int64),
        found["detection_scores"][:count],
        found["detection_masks"][:count] if "detection_masks" in found else None,
    )


class Detector:
    """A model with all that belongs between pixels and boxes.

    Args:
        task: the task that the model was built by.
        model: a trained detector.
        categories: its classes.

    Attributes:
        categories: its classes.
        model: Model Garden's.

    Example:
        >>> import numpy as np
        >>> detector = detection.open_detector("run")
        >>> detections = detector.detect(np.zeros((60, 80, 3), np.uint8))
        >>> detections.boxes.shape[1]
        4
    """

    def __init__(self, task: Any, model: Any, categories: Categories):
        self.categories = categories
        self.model = model
        # Longer sides than this many times the shorter would leave less than half a pixel of it.
        self._longest = 2 * min(task.task_config.model.input_size[:2]) - 1
        # Evaluation's own way from decoded examples to the model, so that predictions and the
        # figures of an evaluation are of the same boxes.
        self._parse = task.parser(task.task_config.validation_data).parse_fn(is_training=False)
        self._run = tf.function(
            self._detect,
            input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
            autograph=False,
        )

    def detect(self, image: np.ndarray) -> Detections:
        """Finds objects.

        Args:
            image: uint8 (height, width, 3), RGB, of any size.

        Returns:
            What was found, the surest first, in pixels of `image`.

        Raises:
            UserError: the image is so narrow that nothing is left of it.
        """
        height, width = image.shape[:2]
        if not min(height, width) or max(height, width) > self._longest * min(height, width):
            raise UserError(
                f"{height}x{width} pixels are too narrow: scaled to the detector's input, nothing "
                "of the shorter side is left; cut the image into parts"
            )
        found = {key: value.numpy() for key, value in self._run(image).items()}
        return of_outputs(found, lambda number: number - SHIFT)

    def _detect(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        size = tf.shape(image, out_type=tf.int64)
        example = {
            "image": image,
            "source_id": tf.constant("0"),
            "height": size[0],
            "width": size[1],
            "groundtruth_classes": tf.zeros([0], tf.int64),
            "groundtruth_boxes": tf.zeros([0, 4]),
            "groundtruth_is_crowd": tf.zeros([0], tf.bool),
            "groundtruth_area": tf.zeros([0]),
            "groundtruth_instance_masks": tf.zeros([0, 1, 1]),
        }
        batch = tf.nest.map_structure(lambda x: x[tf.newaxis], self._parse(example))
        images, labels = clip_to_images(*batch)
        info = labels["image_info"]
        outputs = self.model(
            images,
            anchor_boxes=labels["anchor_boxes"],
            image_shape=info[:, 1, :],
            training=False,
        )
        found = {key: outputs[key][0] for key in KEYS if key in outputs}
        found["detection_boxes"] /= tf.tile(info[0, 2:3, :], [1, 2])
        return found


@checked
def open_detector(
    model_dir: FilePath,
    *,
    params_override: str | Mapping[str, Any] | None = None,
    params: Any = None,
) -> Detector:
    """Opens what a training wrote, at its last checkpoint.

    Args:
        model_dir: folder of the run.
        params_override: settings for a detector that finds more or less than the run's own, nested
            or text, such as `"task.model.detection_generator.pre_nms_score_threshold=0.0"`.
        params: the whole configuration to build the detector with, in the place of the run's own
            and `params_override`.

    Returns:
        The detector, whose `detect` takes an image.

    Raises:
        UserError: the folder is none of a detector, or has no checkpoint, or a damaged one.

    Example:
        >>> detector = detection.open_detector("run")
        >>> detector.categories.names[:3]
        ('0', '1', '2')
    """
    folder = path_text(model_dir)
    trained = checkpoints.open_trained(
        folder,
        params=params or read_params(folder, params_override=params_override),
        task_class=create,
    )
    categories = Categories(tuple(trained.params.task.category_ids), trained.class_names)
    return Detector(trained.task, trained.model, categories)
