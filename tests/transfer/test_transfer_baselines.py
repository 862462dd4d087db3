"""Hand-designed networks under this project's recipes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from cells.errors import UserError
from transfer import baselines, config, configure, resolve
from transfer.summary import summary
from transfer.task import ClassificationTask


def model(name, size):
    return config.Model(num_classes=1000, input_size=[size, size, 3], baseline=name)


# Parameters as keras.io/api/applications has them, at 1000 classes; multiply-adds of ResNet-50
# as He et al. 2015 (arXiv:1512.03385, table 1) have them: 3.8e9.
@pytest.mark.parametrize(
    ("name", "size", "total"),
    [("resnet_50", 224, 25.6e6), ("xception", 299, 22.9e6), ("inception_resnet_v2", 299, 55.9e6)],
)
def test_the_networks_are_the_published_ones(name, size, total):
    params = configure.configure(
        configure.experiment(),
        override=f"task: {{model: {{num_classes: 1000, baseline: {name}, "
        f"input_size: [{size}, {size}, 3]}}}}",
    )
    counts = summary(params)
    assert counts["total"] == pytest.approx(total, abs=0.06e6)
    if name == "resnet_50":
        assert counts["multiply_adds"] == pytest.approx(3.8e9, rel=0.03)


def test_a_step_has_cross_entropy_and_half_the_sum_of_squares_of_every_kernel():
    settings = config.Task(
        model=config.Model(num_classes=5, input_size=[32, 32, 3], baseline="resnet_50"),
        losses=config.Losses(l2_weight_decay=0.01),
    )
    task = ClassificationTask(settings)
    built = task.build_model()
    kernels = [w.numpy() for w in built.trainable_weights if "kernel" in w.name]
    assert len(built.losses) == len(kernels) == 54  # 53 convolutions and the classifier.
    decay = 0.01 / 2 * sum(float((k.astype("float64") ** 2).sum()) for k in kernels)
    assert float(tf.add_n(built.losses)) == pytest.approx(decay, rel=1e-4)
    batch = tf.random.uniform([2, 32, 32, 3], -1, 1, seed=0), tf.constant([0, 3])
    before = built.get_layer("conv1_conv").get_weights()[0]
    task.train_step(batch, built, tf_keras.optimizers.legacy.SGD(0.01))
    assert np.any(built.get_layer("conv1_conv").get_weights()[0] != before)


def test_what_cannot_be_is_told():
    with pytest.raises(UserError, match=r"xception; use at least 71x71"):
        baselines.check(model("xception", 64))
    params = configure.configure(
        configure.experiment(), override="task.model.baseline=resnet50,task.model.num_classes=3"
    )
    with pytest.raises(UserError, match="did you mean 'resnet_50'"):
        resolve.resolve_model(params)
