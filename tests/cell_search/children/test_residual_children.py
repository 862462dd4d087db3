"""The residual yardstick in the children's engine."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from network_comparisons import relative
from precision import keras_in_float64

from cell_search.children import Bank, Child, Descent, Training
from cells.network.build import build_graph
from cells.network.residual import ResidualConfig, residual
from cells.weights.by_layer import move_weights


@pytest.mark.parametrize("size", [(32, 32), (13, 22)])
def test_the_child_is_the_network_that_keras_builds(size):
    config = ResidualConfig(filters=4, image_size=size, num_classes=3)
    child = Child.of_graph(residual(config), config, Bank(precision="float64"))
    rng = np.random.default_rng(0)
    for layer in child.layers:
        # Batch norms that are not the identity, or what is forgotten would not be seen.
        layer.set_weights([w + rng.uniform(0.1, 0.3, w.shape) for w in layer.get_weights()])
    x = rng.uniform(-1, 1, (4, *size, 3))
    with keras_in_float64():
        model = build_graph(residual(config), config, keras, name="residual")
        moved = move_weights(child, model)
        assert not moved.missing and not moved.unused and not moved.unfit
        # The children give logits in float32.
        assert relative(child.logits(x), model(x, training=False)) < 1e-6
        batch = child.logits(x, batch_statistics=True)
        assert relative(batch, model(x, training=True)) < 1e-6


def test_it_learns_in_the_children():
    config = ResidualConfig(filters=4, image_size=(8, 8), num_classes=2)
    training = Training(Child.of_graph(residual(config), config, Bank()), Descent(), whole=None)
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32")
    labels = np.arange(16) % 2
    images[labels == 1, :4] += 1.0
    losses = [float(training.step(images, labels, 0.05)) for _ in range(8)]
    assert losses[-1] < 0.5 * losses[0]
