"""Whole networks give the same logits under both Keras namespaces and in the children's engine."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras
from layerwise_networks import random_network
from network_comparisons import relative
from precision import both_in_float64

from cell_search.children import Bank, Child
from cells.network.build import build_graph
from cells.network.stack_config import StackConfig
from cells.weights.by_layer import move_weights

SIZE = (9, 12)


@pytest.fixture(scope="module")
def exact() -> Bank:
    return Bank(precision="float64")


def randomised(child: Child, seed: int) -> None:
    """Batch norms that are no identity."""
    rng = np.random.default_rng(seed)
    for layer in child.layers:
        layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])


@pytest.mark.parametrize("seed, strides", [(0, (1,)), (1, (1, 2, 3)), (2, (1, 2))])
def test_same_logits_everywhere(seed: int, strides: tuple[int, ...], exact: Bank) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, 5, strides=strides, most=6)
    config = StackConfig(image_size=SIZE, num_classes=4)
    child = Child(network, config, exact, seed)
    randomised(child, seed)
    images = rng.normal(size=(3, *SIZE, 3))
    ours = np.asarray(child.logits(images))
    assert np.abs(ours).max() > 0.1
    graph = network.layout(SIZE, 4)
    with both_in_float64():
        for namespace in (keras, tf_keras):
            model = build_graph(graph, config, namespace, name="mine")
            assert not move_weights({x.name: x for x in child.layers}, model).missing
            theirs = np.asarray(model(images.astype("float64"), training=False))
            assert relative(ours, theirs) < 1e-6, namespace.__name__
