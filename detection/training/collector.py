"""Model Garden's collector of evaluation batches, with the figures of `coco_figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from official.vision.evaluation import coco_evaluator
from official.vision.ops import box_ops

from detection.data.decoder import SHIFT
from detection.data.masks import run_lengths
from detection.training.coco_figures import Evaluation, evaluate


class Evaluator(coco_evaluator.COCOEvaluator):
    """Gives images and classes the data set's own numbers, and keeps what was evaluated.

    Args:
        category_ids: of the classes, in the order of the labels.
        most: detections of an image that count.
        outlines: gives COCO's run lengths of each object by image, in the order of the data; where
            it is given, masks are evaluated, too.

    Attributes:
        evaluation: the last, of boxes; None before the first.
    """

    def __init__(
        self,
        category_ids: Sequence[int],
        most: int = 100,
        outlines: Callable[[], dict[int, list[Any]]] | None = None,
    ):
        super().__init__(annotation_file=None, include_mask=False, max_num_eval_detections=most)
        self._category_ids = list(category_ids)
        self._outlines = outlines
        self.evaluation: Evaluation | None = None

    def update_state(self, groundtruths: Any, predictions: Any) -> None:
        """Takes a batch, see Model Garden."""
        # Its cropped masks, which would fill the memory; whole ones come from `outlines`.
        kept = {key: value for key, value in groundtruths.items() if key != "masks"}
        super().update_state(kept, predictions)

    def evaluate(self) -> dict[str, float]:
        """COCO's 12 numbers of the batches that were collected; masks' begin with `mask_`."""
        truth = _truth(self._groundtruths, self._category_ids)
        found = _found(self._predictions, self._category_ids)
        most = self.max_num_eval_detections
        self.evaluation = evaluate(truth, found, most=most)
        numbers = dict(self.evaluation.numbers)
        if self._outlines is not None:
            _outline(truth["annotations"], self._outlines())
            of_masks = evaluate(truth, found, most=most, outlines=True)
            numbers |= {f"mask_{name}": value for name, value in of_masks.numbers.items()}
        return numbers


def _truth(batches: dict[str, list[np.ndarray]], category_ids: Sequence[int]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image in _each(batches):
        image_id = int(image["source_id"])
        images.append(
            {"id": image_id, "height": int(image["height"]), "width": int(image["width"])}
        )
        count = min(int(np.ravel(image["num_detections"])[0]), len(image["classes"]))
        for i in range(count):
            ymin, xmin, ymax, xmax = map(float, image["boxes"][i])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category_ids[int(image["classes"][i]) - SHIFT],
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "area": float(image["areas"][i]),
                    "iscrowd": int(image["is_crowds"][i]),
                }
            )
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number} for number in category_ids],
    }


def _found(
    batches: dict[str, list[np.ndarray]], category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for image in _each(batches):
        masks = _pasted(image) if "detection_masks" in image else None
        # Model Garden fills up to one number of detections with boxes of the background.
        for i in range(int(np.ravel(image["num_detections"])[0])):
            label = int(image["detection_classes"][i]) - SHIFT
            if not 0 <= label < len(category_ids):
                continue  # A class that the detector has and the data have not.
            ymin, xmin, ymax, xmax = map(float, image["detection_boxes"][i])
            entries.append(
                {
                    "image_id": int(image["source_id"]),
                    "category_id": category_ids[label],
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "score": float(image["detection_scores"][i]),
                    **({} if masks is None else {"segmentation": masks[i]}),
                }
            )
    return entries


def _pasted(image: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The masks that were found in an image, as COCO's run lengths."""
    count = int(np.ravel(image["num_detections"])[0])
    boxes = box_ops.yxyx_to_xywh(image["detection_boxes"][:count])
    height, width = (int(n) for n in image["image_info"][0])
    return run_lengths(image["detection_masks"][:count], boxes, height, width)


def _outline(annotations: list[dict[str, Any]], outlines: dict[int, list[Any]]) -> None:
    """Gives objects their outlines; they come in the order of the data in both."""
    following = {image_id: iter(runs) for image_id, runs in outlines.items()}
    for annotation in annotations:
        annotation["segmentation"] = next(following[annotation["image_id"]])


def _each(batches: dict[str, list[np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """The images of all batches, one by one."""
    return [
        {key: values[place][i] for key, values in batches.items()}
        for place, ids in enumerate(batches.get("source_id", []))
        for i in range(len(ids))
    ]
