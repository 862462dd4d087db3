"""The backbone inside Model Garden's RetinaNet, and the way of its boxes back to the image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.vision.ops import preprocess_ops

from cells.data import preprocessing
from cells.support.errors import UserError
from detection.inference.detector import Detector
from detection.training import complete
from detection.training.task import CellsRetinaNetTask


def built(small, override=None):
    params = small(override)
    categories = complete.resolve(params)
    task = CellsRetinaNetTask(params.task)
    return task, task.build_model(), categories


@pytest.fixture(scope="module")
def image():
    return tf.random.stateless_uniform([2, 64, 64, 3], (1, 2), -2.0, 2.0)


DROP_PATH = {"task": {"model": {"backbone": {"cells": {"drop_path_keep": 0.5}}}}}


def test_training_reaches_the_backbone(small, image):
    _, model, _ = built(small, DROP_PATH)
    model.backbone.drop_path_progress().assign(1.0)

    def difference(training):
        one, two = (model(image, training=training)["cls_outputs"]["3"] for _ in range(2))
        return float(tf.reduce_max(tf.abs(one - two)))

    statistics = [w for w in model.backbone.non_trainable_weights if "moving_mean" in w.name]
    before = [w.numpy() for w in statistics]
    assert difference(training=False) == 0.0
    assert all((a == b.numpy()).all() for a, b in zip(before, statistics, strict=True))
    assert difference(training=True) > 1e-5
    assert all((a != b.numpy()).any() for a, b in zip(before, statistics, strict=True))


def test_l2_terms_of_the_backbone_are_losses_of_the_model(small, image):
    """Half the decay times the sum of squares of each kernel, as the papers write it."""
    _, model, _ = built(small, {"task": {"losses": {"l2_weight_decay": 0.01}}})
    model(image, training=True)
    kernels = [w for w in model.backbone.trainable_weights if "kernel" in w.name]
    assert len(kernels) > 20
    expected = 0.005 * sum(float(tf.reduce_sum(w**2)) for w in kernels)
    ours = float(tf.add_n(model.backbone.losses))
    assert ours == pytest.approx(expected, rel=1e-4)
    # Those of decoder and head come on top.
    assert float(tf.add_n(model.losses)) > ours
    assert len(model.losses) > len(model.backbone.losses) >= len(kernels)


def test_the_backbone_follows_the_mixed_precision_policy(small, image):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        _, model, _ = built(small)
        features = model.backbone(image, training=False)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert {str(f.dtype.name) for f in features.values()} == {"bfloat16"}
    assert {w.dtype.name for w in model.backbone.trainable_weights} == {"float32"}


def test_drop_path_follows_the_optimizer_and_a_resumed_run_goes_on(small):
    task, model, _ = built(small, {**DROP_PATH, "trainer": {"train_steps": 40}})
    optimizer = tf_keras.optimizers.SGD(0.0)
    batch = next(iter(task.build_inputs(task.task_config.train_data)))
    for step, expected in ((10, 0.25), (40, 1.0), (60, 1.0)):
        optimizer.iterations.assign(step)
        task.train_step(batch, model, optimizer)
        assert float(model.backbone.drop_path_progress()) == pytest.approx(expected)


def test_the_backbone_sees_pixels_on_the_scale_of_the_classifiers(small):
    """Model Garden's normalised image in, `cells.data.preprocessing.scale` of its pixels behind."""
    _, model, _ = built(small)
    random = tf.random.stateless_uniform([1, 64, 64, 3], (3, 4), 0, 256, tf.int32)
    pixels = tf.cast(random, tf.uint8)
    normalized = preprocess_ops.normalize_image(pixels)
    rescaled = model.backbone.get_layer("rescaled")(normalized)
    np.testing.assert_allclose(rescaled, preprocessing.scale(pixels), atol=1e-5)


@pytest.fixture(scope="module")
def of_anchors(small):
    """A detector whose head of zeros predicts its anchors, and these: (n, 4) corners."""
    many = {"max_num_detections": 400, "pre_nms_score_threshold": 0.0, "nms_iou_threshold": 1.0}
    task, model, categories = built(small, {"task": {"model": {"detection_generator": many}}})
    for weight in model.head.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    labels = next(iter(task.build_inputs(task.task_config.validation_data)))[1]
    anchors = [np.reshape(level[0], [-1, 4]) for level in labels["anchor_boxes"].values()]
    return Detector(task, model, categories), np.concatenate(anchors)


@pytest.mark.parametrize("size", [(100, 200), (50, 40), (64, 64), (7, 300)])
def test_boxes_come_back_in_pixels_of_the_original_image(of_anchors, size):
    """The anchors, scaled back and clipped, must be the answer."""
    detector, anchors = of_anchors
    found = detector.detect(np.full((*size, 3), 90, np.uint8))
    height, width = size
    scaled = np.round(np.float32(size) * min(64 / height, 64 / width))
    expected = np.clip(anchors / np.tile(scaled / size, 2), 0, np.tile(size, 2))
    x, y, w, h = found.boxes.T
    given = np.stack([y, x, y + h, x + w], axis=1)
    assert len(given) == 400
    # Every box is an anchor, none leaves the image, some fill it.
    distance = np.abs(given[:, None] - expected[None]).max(axis=2).min(axis=1)
    assert distance.max() <= 1e-3 * max(size)
    assert found.boxes.min() >= 0
    assert (x + w).max() == pytest.approx(width, abs=1e-2)
    assert (y + h).max() == pytest.approx(height, abs=1e-2)


def test_an_image_of_one_pixel_is_looked_at_and_a_line_is_refused(of_anchors):
    detector, _ = of_anchors
    detector.detect(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(UserError, match="1x20000 pixels are too narrow"):
        detector.detect(np.zeros((1, 20_000, 3), np.uint8))
