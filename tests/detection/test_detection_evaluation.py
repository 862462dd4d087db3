"""The project's own way from boxes to COCO's figures, with the ground truth as predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cells import datasets
from detection import categories, resolve, results
from detection.detector import Detections
from detection.task import CellsRetinaNetTask

SIDES = ("train_data", "validation_data")


def as_predictions(labels, size=100):
    """The ground truth of a batch as the model would write it: in pixels of its input."""
    truth, info = labels["groundtruths"], labels["image_info"]
    scale = tf.tile(info[:, 2:3, :], [1, 1, 2])
    count = tf.reshape(truth["num_detections"], [-1])
    valid = tf.sequence_mask(count, size, dtype=tf.float32)
    return {
        "detection_boxes": truth["boxes"] * scale,
        "detection_classes": truth["classes"],
        "detection_scores": valid * 0.9,
        "num_detections": count,
        "source_id": truth["source_id"],
        "image_info": info,
    }


def evaluated(task, params):
    state = None
    task.build_metrics(training=False)
    for _, labels in task.build_inputs(params.task.validation_data):
        outputs = {task.coco_metric.name: (labels["groundtruths"], as_predictions(labels))}
        state = task.aggregate_logs(state, outputs)
    return task.reduce_aggregated_logs(state)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_ground_truth_of_coco_evaluates_to_one(data_dir, small, split):
    side = {"tfds_name": "coco/2017", "tfds_split": split}
    params = small({"task": dict.fromkeys(SIDES, side)}, data_dir)
    resolve.resolve(params)
    figures = evaluated(CellsRetinaNetTask(params.task), params)
    for name in ("AP", "AP50", "AP75", "APs", "APm", "APl"):
        assert figures[name] == pytest.approx(1.0, abs=1e-6), name


def test_ground_truth_of_scenes_evaluates_to_one(small):
    params = small({"task": {"validation_data": {"tfds_split": "validation[:60]"}}})
    resolve.resolve(params)
    assert evaluated(CellsRetinaNetTask(params.task), params)["AP"] == pytest.approx(1.0, abs=1e-6)


def test_ground_truth_as_a_result_file_evaluates_to_one_by_pycocotools(data_dir, tmp_path):
    """Against COCO's own annotation file: image ids, category ids and pixels are COCO's."""
    builder = datasets.builder("coco/2017", data_dir)
    known = categories.of_builder(builder)
    entries = []
    for example in builder.as_dataset(split="validation").as_numpy_iterator():
        height, width = example["image"].shape[:2]
        top, left, bottom, right = (
            example["objects"]["bbox"] * np.float32([height, width, height, width])
        ).T
        detections = Detections(
            np.stack([left, top, right - left, bottom - top], axis=1),
            example["objects"]["label"],
            np.ones(len(top), np.float32),
        )
        entries += results.to_coco(example["image/id"], detections, known)
    path = tmp_path / "results.json"
    results.write(entries, path)
    truth = COCO(str(data_dir / "coco_sample" / "instances_val2017.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(path)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0, abs=1e-6)
    assert set(json.loads(path.read_text())[0]) == {"image_id", "category_id", "bbox", "score"}
