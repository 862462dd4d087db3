"""Faster and Mask R-CNN: from TFDS and from converted boxes, to figures of boxes and masks."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from PIL import Image

import detection
from cells.support import overrides
from cells.support.errors import UserError
from detection import conversion, summary
from detection.config import experiments
from detection.inference.detector import Detector
from detection.training import complete, task
from transfer.config import configure
from transfer.exporting import files
from transfer.runs import model_dir

CONFIGS = pathlib.Path(__file__).parents[3] / "configs" / "detection"


@pytest.fixture(scope="module")
def two_stage(genotype_path):
    """A function that gives the configuration of a small R-CNN of 64 pixels."""

    def configured(name, **override):
        params = configure.experiment(name, experiments.NAMES)
        model = {
            "input_size": [64, 64, 3],
            "backbone": {"cells": {"genotype": genotype_path, "filters": 8, "stem_filters": 32}},
            "decoder": {"fpn": {"num_filters": 16}},
            "rpn_head": {"num_filters": 16},
            "detection_head": {"fc_dims": 32},
            "mask_head": {"num_convs": 1, "num_filters": 16},
            "roi_generator": {"num_proposals": 20, "test_num_proposals": 20},
            "roi_sampler": {"num_sampled_rois": 16},
            "mask_sampler": {"num_sampled_masks": 4},
        }
        overrides.apply(params, {"task": {"model": model}}, "test")
        overrides.apply(params, {"task": override}, "test")
        return params

    return configured


@pytest.fixture
def boxes(tmp_path):
    """Two images of 64 pixels with a bright square each, converted with masks."""
    folder = tmp_path / "photos"
    folder.mkdir()
    squares = [[8, 8, 32, 32], [24, 16, 32, 40]]
    for i, (x, y, width, height) in enumerate(squares, 1):
        pixels = np.full((64, 64, 3), 40, np.uint8)
        pixels[y : y + height, x : x + width] = 220
        Image.fromarray(pixels).save(folder / f"{i}.png")
    values = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in (1, 2)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 7 + i, "bbox": box}
            for i, box in enumerate(squares, 1)
        ],
        "categories": [{"id": 8, "name": "cat"}, {"id": 9, "name": "dog"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(values))
    annotations = conversion.read(tmp_path / "boxes.json")
    images = conversion.open_images(folder)
    found = conversion.convert(annotations, images, tmp_path / "boxes", with_masks=True)
    return {"input_path": str(found.folder), "global_batch_size": 2}


def test_a_tfds_set_reaches_faster_rcnn(data_dir, two_stage):
    """Model Garden's own task hands it to the decoder of TFRecords and dies."""
    side = {"tfds_name": "coco/2017", "tfds_data_dir": str(data_dir), "global_batch_size": 4}
    params = two_stage(
        "cells_fasterrcnn",
        train_data={**side, "tfds_split": "train[:4]", "shuffle_buffer_size": 1},
        validation_data={**side, "tfds_split": "train[:4]"},
    )
    complete.resolve(params)
    made = task.create(params.task)
    images, labels = next(iter(made.build_inputs(params.task.train_data)))
    assert images.shape == (4, 64, 64, 3)
    _, expected = next(iter(made.build_inputs(params.task.validation_data)))
    truth = expected["groundtruths"]
    assert sorted((labels["gt_classes"].numpy() > 0).sum(axis=1)) <= sorted(
        truth["num_detections"].numpy()
    )
    assert set(labels["gt_classes"].numpy().ravel()) <= {-1, *range(1, 81)}


@pytest.fixture
def seeded():
    """Weights to begin with, and boxes that are sampled, are the same in every run."""
    tf_keras.utils.set_random_seed(1)


@pytest.fixture
def eagerly():
    """No graphs: to trace these takes longer than the few steps of a test."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_mask_rcnn_learns_looks_and_is_evaluated(two_stage, boxes, seeded, eagerly):
    """The loss of a batch falls, gradients reach every part, and what it finds has masks."""
    side = {**boxes, "dtype": "float32"}
    params = two_stage(
        "cells_maskrcnn",
        train_data={**side, "parser": {"aug_scale_min": 1.0, "aug_scale_max": 1.0}},
        validation_data=side,
    )
    categories = complete.resolve(params)
    assert categories.ids == (8, 9)
    made = task.create(params.task)
    model = made.build_model()
    batch = next(iter(made.build_inputs(params.task.train_data)))
    assert batch[1]["gt_masks"].shape[:2] == (2, 100)
    optimizer = tf_keras.optimizers.Adam(3e-3)
    before = {w.name: w.numpy() for w in model.trainable_weights}
    losses = [float(made.train_step(batch, model, optimizer)["loss"]) for _ in range(16)]
    assert losses[-1] < 0.8 * losses[0]
    still = [w.name for w in model.trainable_weights if (before[w.name] == w.numpy()).all()]
    assert len(still) < 0.05 * len(before), still

    detector = Detector(made, model, categories)
    found = detector.detect(np.full((40, 80, 3), 90, np.uint8))
    assert found.masks.shape == (len(found.scores), 28, 28)
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= [80.01, 40.01]).all()

    # The truth as predictions: a mask of ones in a box is the box, which is the outline here.
    made.build_metrics(training=False)
    state = None
    for _, labels in made.build_inputs(params.task.validation_data):
        truth, info = labels["groundtruths"], labels["image_info"]
        count = tf.cast(truth["num_detections"], tf.int32)
        outputs = {
            "detection_boxes": truth["boxes"] * tf.tile(info[:, 2:3], [1, 1, 2]),
            "detection_classes": truth["classes"],
            "detection_scores": tf.ones(truth["classes"].shape),
            "detection_masks": tf.ones([2, 100, 28, 28]),
            "num_detections": count,
            "source_id": truth["source_id"],
            "image_info": info,
        }
        state = made.aggregate_logs(state, {made.coco_metric.name: (truth, outputs)})
    figures = made.reduce_aggregated_logs(state)
    assert figures["AP"] == pytest.approx(1.0)
    assert figures["mask_AP75"] == pytest.approx(1.0)
    assert {entry["category_id"] for entry in made.evaluation.found} == {8, 9}


def test_masks_are_asked_for_where_there_are_none(two_stage, boxes, data_dir, tmp_path):
    side = {"tfds_name": "coco/2017", "tfds_data_dir": str(data_dir)}
    with pytest.raises(UserError, match="train_data: TFDS sets have no outlines"):
        complete.resolve(two_stage("cells_maskrcnn", train_data=side, validation_data=side))
    bare = conversion.convert(
        conversion.read(tmp_path / "boxes.json"),
        conversion.open_images(tmp_path / "photos"),
        tmp_path / "bare",
    )
    side = {"input_path": str(bare.folder)}
    with pytest.raises(UserError, match="was converted without outlines"):
        complete.resolve(two_stage("cells_maskrcnn", train_data=side, validation_data=side))
    params = two_stage("cells_fasterrcnn_coco", train_data=boxes, validation_data=boxes)
    with pytest.raises(UserError, match="freeze_batch_norm: keeps statistics of a trained"):
        complete.resolve(params)


def test_no_more_boxes_are_sampled_than_there_are(two_stage, boxes):
    """Model Garden's own 512 of 300 proposals and 100 objects die while the step is traced."""
    for model, sentence in (
        ({"roi_sampler": {"num_sampled_rois": 121}}, "num_sampled_rois: 121 is more than the 120"),
        ({"mask_sampler": {"num_sampled_masks": 17}}, "num_sampled_masks: 17 is more than"),
    ):
        params = two_stage("cells_maskrcnn", model=model, train_data=boxes, validation_data=boxes)
        with pytest.raises(UserError, match=sentence):
            complete.resolve(params)


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_formats_that_hold_no_two_stages_say_so(two_stage, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MODULES", {})
    params = two_stage("cells_fasterrcnn")
    model_dir.prepare(str(tmp_path / "run"), params, ["a", "b"])
    with pytest.raises(UserError, match=f"{kind} files hold one-stage .* use saved_model"):
        detection.export(tmp_path / "run", tmp_path / "out", [kind])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", experiments.NAMES)
def test_a_run_of_each_experiment_is_read_back_as_what_it_is(name, tmp_path):
    params = configure.experiment(name, experiments.NAMES)
    params.task.model.num_classes = 3
    model_dir.prepare(str(tmp_path), params, ["a", "b"])
    again = experiments.of_model_dir(str(tmp_path))
    assert type(again.task) is type(params.task)
    told, given = again.as_dict(), params.as_dict()
    # It is looked at with the devices of this machine.
    assert told.pop("runtime")["num_gpus"] == -1 and given.pop("runtime")
    assert told == given


def test_multiply_adds_and_weights_are_those_that_model_garden_publishes():
    """Its table of RetinaNet with ResNet-50-FPN at 640 pixels: 97.0 billion and 34.0 million."""
    params = configure.experiment("resnet_retinanet_coco", experiments.NAMES)
    params.task.model.num_classes = 91
    counts = summary.summary(params)
    assert counts["multiply_adds"] / 1e9 == pytest.approx(97.0, rel=0.005)
    assert counts["trainable"] / 1e6 == pytest.approx(34.0, rel=0.005)
    assert "backbone_multiply_adds" not in counts


@pytest.mark.parametrize("kind", ["retinanet", "fasterrcnn", "maskrcnn"])
def test_resnet_is_compared_under_the_same_recipe(kind):
    ours, theirs = (
        configure.experiment(f"{backbone}_{kind}_coco", experiments.NAMES).as_dict()
        for backbone in ("cells", "resnet")
    )
    assert ours["task"]["model"].pop("backbone")["type"] == "cells"
    assert theirs["task"]["model"].pop("backbone")["resnet"]["model_id"] == 50
    ours["task"].pop("freeze_batch_norm"), theirs["task"].pop("freeze_batch_norm")
    assert ours == theirs


_SMALL_HEADS = {
    "head": {"num_convs": 1, "num_filters": 8},
    "rpn_head": {"num_filters": 8},
    "detection_head": {"num_convs": 0, "fc_dims": 8},
    "mask_head": {"num_convs": 1, "num_filters": 8},
}


@pytest.mark.parametrize("kind", ["", "_fasterrcnn", "_maskrcnn"])
def test_the_recipes_with_resnet_train(kind, boxes, seeded, eagerly):
    """Built as the file says, but small; gradients reach every weight of the backbone."""
    file = str(CONFIGS / f"coco_resnet{kind}.yaml")
    params = configure.configure(
        configure.experiment(configure.experiment_of([file]), experiments.NAMES), files=[file]
    )
    side = {**boxes, "dtype": "float32"}
    model = {
        "input_size": [2**params.task.model.max_level] * 2 + [3],
        "backbone": {"resnet": {"model_id": 10}},
        "decoder": {"fpn": {"num_filters": 8}},
        **{k: v for k, v in _SMALL_HEADS.items() if k in params.task.model.as_dict()},
    }
    overrides.apply(
        params.task, {"model": model, "train_data": side, "validation_data": side}, "test"
    )
    params.runtime.distribution_strategy = "one_device"
    params.runtime.mixed_precision_dtype = "float32"
    complete.resolve(params)
    made = task.create(params.task)
    built = made.build_model()
    batch = next(iter(made.build_inputs(params.task.train_data)))
    weights = built.backbone.trainable_weights
    before = {w.name: w.numpy() for w in weights}
    loss = made.train_step(batch, built, tf_keras.optimizers.Adam(0.01))["loss"]
    assert np.isfinite(loss)
    assert not [w.name for w in weights if (before[w.name] == w.numpy()).all()]
