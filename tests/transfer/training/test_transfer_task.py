"""One training step: what reaches the network, the loss and the schedules."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from cells.genotype import catalogue
from cells.network import step_seed
from cells.network.build import build_network
from cells.support.errors import UserError
from cells.weights.by_layer import weighted_layers
from transfer.config import schema
from transfer.config.cells_backbone import CellStack
from transfer.model import network
from transfer.training.task import ClassificationTask

CLASSES = 5


def task(**changes) -> ClassificationTask:
    cells = CellStack(
        network="cifar", normal_cells=1, filters=4, drop_path_keep=0.5, drop_path_steps=100
    )
    model = schema.Model(num_classes=CLASSES, auxiliary_head=True, cells=cells)
    losses = schema.Losses(l2_weight_decay=0.01, label_smoothing=0.1, auxiliary_weight=0.4)
    return ClassificationTask(schema.Task(model=model, losses=losses, **changes))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
    return tf.constant(images), tf.constant(rng.integers(0, CLASSES, 8))


@pytest.fixture(scope="module")
def step(batch):
    """One train step of a network, with what was before and after."""
    own = task()
    model = own.build_model()
    optimizer = tf_keras.optimizers.legacy.SGD(0.1)
    statistics = [w for w in model.non_trainable_weights if "moving_mean" in w.name]
    before = [w.numpy() for w in statistics], model.get_layer("stem_conv").get_weights()[0]
    metrics = own.build_metrics()
    logs = own.train_step(batch, model, optimizer, metrics)
    after = [w.numpy() for w in statistics], model.get_layer("stem_conv").get_weights()[0]
    return own, model, optimizer, before, after, logs, metrics


def test_the_trained_network_is_of_tf_keras_and_named_as_everywhere(step):
    model = step[1]
    assert isinstance(model, tf_keras.Model)
    genotype, stack = network.layout(step[0].task_config.model)
    twin = build_network(genotype, stack, keras)
    assert [x.name for x in weighted_layers(model)] == [x.name for x in weighted_layers(twin)]


def test_a_train_step_moves_weights_and_batch_norm_statistics(step):
    _, _, _, (means, kernel), (new_means, new_kernel), _, metrics = step
    assert np.any(kernel != new_kernel)
    assert all(np.any(a != b) for a, b in zip(means, new_means, strict=True))
    assert metrics[0].result() >= 0  # Of the head that stays: a dictionary would have failed.


def test_training_reaches_the_layers(step, batch):
    model = step[1]
    model.drop_path_progress().assign(1.0)

    def logits(of_step):
        step_seed.follow_training(model, 0, of_step)
        return model(batch[0], training=True)["logits"].numpy()

    first, second, again = (logits(of_step) for of_step in (1, 2, 1))
    assert np.max(np.abs(first - second)) > 1e-3
    np.testing.assert_array_equal(first, again)
    first, second = (model(batch[0], training=False)["logits"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_drop_path_follows_the_step_of_the_optimizer(step, batch):
    own, model, optimizer, *_ = step
    for iteration, progress in ((0, 0.0), (25, 0.25), (100, 1.0), (1000, 1.0)):
        optimizer.iterations.assign(iteration)
        own.train_step(batch, model, optimizer)
        assert float(model.drop_path_progress()) == pytest.approx(progress)
    assert all("progress" not in w.name for w in model.weights)


def test_the_loss_is_cross_entropy_auxiliary_head_and_weight_decay(step, batch):
    own, model, *_ = step
    outputs = model(batch[0], training=False)
    given = own.build_losses(tf.one_hot(batch[1], CLASSES), outputs, model.losses)

    def cross_entropy(logits):
        logits = logits.numpy().astype("float64")
        log_softmax = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        target = 0.9 * np.eye(CLASSES)[batch[1].numpy()] + 0.1 / CLASSES
        return -(target * log_softmax).sum(-1).mean()

    kernels = [
        w.numpy().astype("float64")
        for w in model.trainable_weights
        if "kernel" in w.name  # Of depthwise and pointwise convolutions, too.
    ]
    decay = 0.01 / 2 * sum((k**2).sum() for k in kernels)
    assert len(model.losses) == len(kernels)
    wanted = (
        cross_entropy(outputs["logits"]) + 0.4 * cross_entropy(outputs["auxiliary_logits"]) + decay
    )
    assert float(given) == pytest.approx(wanted, rel=1e-5)


def test_evaluation_sees_the_head_that_stays(step, batch):
    own, model, *_ = step
    logits = own.inference_step(batch[0], model)
    np.testing.assert_array_equal(logits, model(batch[0], training=False)["logits"])


def test_mixed_precision_is_followed_and_logits_stay_in_float32(batch):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        own = task()
        model = own.build_model()
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert model.get_layer("stem_conv").weights[0].dtype == tf.float32
    outputs = model(batch[0], training=True)
    assert {outputs[key].dtype for key in outputs} == {tf.float32}
    logs = own.train_step(batch, model, tf_keras.optimizers.legacy.SGD(0.1))
    assert np.isfinite(float(logs["loss"]))


def test_without_the_length_of_training_drop_path_says_what_is_missing():
    own = task()
    own.task_config.model.cells.drop_path_steps = 0
    with pytest.raises(UserError, match="drop_path_steps: 0 stands for the length of training"):
        own.build_model()


def test_the_whole_network_without_auxiliary_head_gives_logits(batch):
    model = schema.Model(num_classes=3, cells=CellStack(network="cifar", filters=4, normal_cells=1))
    built = network.build(model)
    assert built(batch[0]).shape == (8, 3)
    assert not built.losses
    assert catalogue.load("nasnet_a") == network.layout(model)[0]
