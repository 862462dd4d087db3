"""The project's own way from boxes to COCO's figures, with the ground truth as predictions."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cells import data
from detection import conversion
from detection.data import categories
from detection.data.images import NamedImage
from detection.inference import coco_results, evaluation_report
from detection.inference.detector import Detections
from detection.training import complete
from detection.training.coco_figures import ImageErrors, evaluate
from detection.training.task import CellsRetinaNetTask

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
    complete.resolve(params)
    figures = evaluated(CellsRetinaNetTask(params.task), params)
    for name in ("AP", "AP50", "AP75", "APs", "APm", "APl"):
        assert figures[name] == pytest.approx(1.0, abs=1e-6), name


def test_ground_truth_of_scenes_evaluates_to_one(small):
    params = small({"task": {"validation_data": {"tfds_split": "validation[:60]"}}})
    complete.resolve(params)
    assert evaluated(CellsRetinaNetTask(params.task), params)["AP"] == pytest.approx(1.0, abs=1e-6)


def test_ground_truth_as_a_result_file_evaluates_to_one_by_pycocotools(data_dir, tmp_path):
    """Against COCO's own annotation file: image ids, category ids and pixels are COCO's."""
    builder = data.builder("coco/2017", data_dir)
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
        entries += coco_results.to_coco(
            example["image/id"], detections, known, example["image"].shape[:2]
        )
    path = tmp_path / "results.json"
    coco_results.write(entries, path)
    truth = COCO(str(data_dir / "coco_sample" / "instances_val2017.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(path)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0, abs=1e-6)
    assert set(json.loads(path.read_text())[0]) == {"image_id", "category_id", "bbox", "score"}


def noisy(truth, seed):
    """Predictions with all kinds of errors: moved, of a wrong class, missed, twice, invented."""
    random = np.random.default_rng(seed)
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    classes = [category["id"] for category in truth["categories"]]
    found = []
    for annotation in truth["annotations"]:
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            x, y, width, height = annotation["bbox"]
            moved = random.normal(0, 0.08, 4) * [width, height, width, height]
            found.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": (
                        annotation["category_id"]
                        if random.random() < 0.9
                        else int(random.choice(classes))
                    ),
                    "bbox": [x + moved[0], y + moved[1], width + moved[2], height + moved[3]],
                    "score": float(random.random()),
                }
            )
    for image_id, (width, height) in sizes.items():
        found.append(
            {
                "image_id": image_id,
                "category_id": int(random.choice(classes)),
                "bbox": [0.1 * width, 0.2 * height, 0.5 * width, 0.3 * height],
                "score": float(random.random()),
            }
        )
    return found


def as_model_output(labels, found, ids, size=100):
    """Predictions as the model would write them for a batch, in pixels of its input."""
    info = labels["image_info"].numpy()
    n = len(info)
    boxes, scores = np.zeros((n, size, 4), np.float32), np.zeros((n, size), np.float32)
    classes, count = np.zeros((n, size), np.int64), np.zeros(n, np.int32)
    for i, image_id in enumerate(labels["groundtruths"]["source_id"].numpy()):
        mine = [entry for entry in found if entry["image_id"] == int(image_id)]
        mine = sorted(mine, key=lambda entry: -entry["score"])[:size]
        for j, entry in enumerate(mine):
            x, y, width, height = entry["bbox"]
            boxes[i, j] = np.array([y, x, y + height, x + width]) * np.tile(info[i, 2], 2)
            scores[i, j] = entry["score"]
            classes[i, j] = ids.index(entry["category_id"]) + 1
        count[i] = len(mine)
    outputs = {
        "detection_boxes": boxes,
        "detection_classes": classes,
        "detection_scores": scores,
        "num_detections": count,
    }
    return {
        **{key: tf.constant(value) for key, value in outputs.items()},
        "source_id": labels["groundtruths"]["source_id"],
        "image_info": labels["image_info"],
    }


def test_noisy_predictions_have_the_numbers_that_pycocotools_gives_by_hand(
    data_dir, small, tmp_path
):
    """Through parser, batches, scaling and own class numbers: all 12 to 1e-6, and each class."""
    sample = data_dir / "coco_sample"
    path = sample / "instances_val2017.json"
    images = conversion.open_images(sample / "images.zip")
    records = conversion.convert(conversion.read(path), images, tmp_path / "boxes")
    at = {"input_path": str(records.folder), "global_batch_size": 20}
    params = small({"task": dict.fromkeys(SIDES, at)}, data_dir)
    known = complete.resolve(params)
    official = json.loads(path.read_bytes())
    found = noisy(official, seed=3)

    truth = COCO(str(path))
    by_hand = COCOeval(truth, truth.loadRes([dict(entry) for entry in found]), "bbox")
    by_hand.evaluate()
    by_hand.accumulate()
    by_hand.summarize()

    task, state = CellsRetinaNetTask(params.task), None
    task.build_metrics(training=False)
    for _, labels in task.build_inputs(params.task.validation_data):
        outputs = (labels["groundtruths"], as_model_output(labels, found, known.ids))
        state = task.aggregate_logs(state, {task.coco_metric.name: outputs})
    figures = task.reduce_aggregated_logs(state)
    np.testing.assert_allclose(list(figures.values()), by_hand.stats, rtol=0, atol=1e-6)
    assert 0.2 < figures["AP"] < 0.8  # Neither trivial nor hopeless.

    precision = by_hand.eval["precision"][:, :, :, 0, 2]
    for row, category in zip(task.evaluation.classes, by_hand.params.catIds, strict=True):
        assert row.category_id == category
        values = precision[:, :, by_hand.params.catIds.index(category)]
        assert row.ap == pytest.approx(np.mean(values), abs=1e-6)
        assert row.objects == sum(
            not truth.anns[i]["iscrowd"] for i in truth.getAnnIds(catIds=[category])
        )
    area = np.mean(task.evaluation.precisions["0.50 to 0.95"])
    assert area == pytest.approx(by_hand.stats[0], abs=1e-6)
    assert np.mean(task.evaluation.precisions["0.50"]) == pytest.approx(by_hand.stats[1], abs=1e-6)


def entry(image_id, box, score=None, category_id=5, **more):
    values = {"image_id": image_id, "category_id": category_id, "bbox": box, **more}
    if score is None:
        return {**values, "area": box[2] * box[3], "iscrowd": 0, **more}
    return {**values, "score": score}


@pytest.fixture
def few():
    """Three images: nothing wrong with the first, two errors in the second, one in the third."""
    box, other = [10, 10, 20, 20], [40, 40, 15, 15]
    truth = {
        "images": [{"id": i, "width": 64, "height": 64} for i in (7, 8, 9)],
        "categories": [{"id": 5}, {"id": 90}],
        "annotations": [
            entry(7, box, id=1),
            entry(8, box, id=2),
            entry(8, other, id=3, iscrowd=1),
            entry(9, other, id=4, category_id=90),
        ],
    }
    found = [
        entry(7, box, 0.9),
        entry(7, other, 0.1),  # Not sure enough to be an error.
        entry(8, [30, 0, 9, 9], 0.8),  # Nothing is there, and the object is missed.
        entry(8, [41, 41, 5, 5], 0.7),  # On a crowd: no error.
        entry(9, other, 0.2, category_id=90),  # There, but not sure enough.
    ]
    return evaluate(truth, found)


def test_the_worst_images_are_those_with_most_errors(few):
    assert few.worst(0.3) == [ImageErrors(8, missed=1, false=1), ImageErrors(9, missed=1, false=0)]
    assert [errors.image_id for errors in few.worst(0.05)] == [8, 7]


def test_the_report_tells_classes_and_draws_curves_and_worst_images(few, tmp_path):
    known = categories.Categories((5, 90), ("cat", "dog"))
    images = [NamedImage(i, None, np.full((64, 64, 3), 200, np.uint8)) for i in (7, 8, 9)]
    stale = tmp_path / "worst" / "01-123.jpg"
    stale.parent.mkdir()
    stale.write_bytes(b"of an earlier evaluation")
    drawn = evaluation_report.write(few, known, iter(images), str(tmp_path), worst=1)
    assert [errors.image_id for errors in drawn] == [8]
    assert [path.name for path in (tmp_path / "worst").iterdir()] == ["01-8.jpg"]
    picture = Image.open(tmp_path / "worst" / "01-8.jpg")
    assert picture.size == (2 * 512 + 8, 512)
    with open(tmp_path / "classes.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["category_id"], r["name"], r["objects"], r["found"]) for r in rows] == [
        ("5", "cat", "2", "4"),
        ("90", "dog", "1", "1"),
    ]
    # The only dog is found and nothing else is called one.
    assert float(rows[1]["ap"]) == pytest.approx(1.0)
    assert evaluation_report.described(few.classes, known)[0].startswith("dog  AP 1.000")
    assert len(json.loads((tmp_path / "results.json").read_bytes())) == 5
    assert Image.open(tmp_path / "precision_recall.png").size == (720, 600)


def test_nothing_found_evaluates_to_nothing():
    truth = {
        "images": [{"id": 1, "width": 9, "height": 9}],
        "categories": [{"id": 5}],
        "annotations": [entry(1, [1, 1, 4, 4], id=1)],
    }
    nothing = evaluate(truth, [])
    assert nothing.numbers["AP"] == 0.0
    assert nothing.numbers["APl"] == -1.0
    assert nothing.worst(0.3) == [ImageErrors(1, missed=1, false=0)]
    empty = evaluate({**truth, "annotations": []}, [])
    assert empty.numbers["AP"] == -1.0
    assert empty.precisions == {}
