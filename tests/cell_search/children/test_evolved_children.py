"""Evolved graphs are one network in Keras 3, in tf_keras, and in the children's engine."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras
from graph_chains import grown
from network_comparisons import relative
from precision import both_in_float64

from cell_search.children import Bank, Child, Descent, Training
from cell_search.children.pieces import Piece
from cells.evolved.graph import FIRST, Convolution, Edge, EvolvedGraph, Vertex
from cells.network.build import build_network
from cells.network.stack_config import StackConfig
from cells.operations.primitives import Conv
from cells.weights.by_layer import move_weights

SIZE = (13, 10)


@pytest.fixture
def float64():
    with both_in_float64():
        yield


#: Where the size of the image is primary, and a map that was halved twice meets it.
ENLARGING = EvolvedGraph(
    (Vertex("input"), Vertex("a", "bn_relu"), Vertex("output")),
    (
        Edge("conv1", "input", "a", 1.0, Convolution(2.0, 1.0, 0.0, 2.0)),
        Edge("conv2", "a", "output", 1.0, Convolution(0.5, 0.0, 1.0)),
        Edge("skip", "input", "output", 2.0),
    ),
)


@pytest.mark.parametrize(
    ("graph", "size"),
    [(grown(40, 2, SIZE), SIZE), (grown(40, 4, (8, 8)), (8, 8)), (ENLARGING, SIZE)],
)
def test_three_readings_give_equal_logits(graph, size, float64):
    config = StackConfig(image_size=size)
    child = Child(graph, config, Bank(precision="float64"))
    rng = np.random.default_rng(0)
    for layer in child.layers:
        layer.set_weights([w + rng.uniform(0.1, 0.3, w.shape) for w in layer.get_weights()])
    x = rng.uniform(-1, 1, (4, *size, 3))
    for namespace in (keras, tf_keras):
        model = build_network(graph, config, namespace)
        moved = move_weights(child, model)
        assert moved.moved and not (moved.missing or moved.unused or moved.unfit)
        assert relative(child.logits(x), model(x, training=False)) < 1e-6
        batch = child.logits(x, batch_statistics=True)
        assert relative(batch, model(x, training=True)) < 1e-6


def test_the_first_individual_learns_what_a_mean_colour_tells():
    training = Training(
        Child(FIRST, StackConfig(image_size=(8, 8), num_classes=2), Bank()), Descent(), whole=None
    )
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32")
    labels = np.arange(16) % 2
    images[labels == 1, ..., 0] += 1.0
    losses = [float(training.step(images, labels, 0.5)) for _ in range(8)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_bank_drops_what_was_not_used_for_longest():
    bank = Bank(capacity=2)
    pieces = [Piece((Conv((1, 1), filters=filters),), (3,), (4, 4)) for filters in (1, 2, 3)]
    first = bank.training(pieces[0])
    bank.training(pieces[1])
    assert bank.training(pieces[0]) is first and len(bank) == 2
    bank.training(pieces[2])
    # The second went, since the first was used after it.
    assert bank.training(pieces[0]) is first and len(bank) == 2


def test_a_banks_bound_does_not_change_what_a_child_computes():
    config = StackConfig(image_size=(5, 5))
    images = np.random.default_rng(0).normal(size=(4, 5, 5, 3)).astype("float32")
    losses = []
    for bank in (Bank(), Bank(capacity=1)):
        child = Child.of_graph(ENLARGING.layout((5, 5), 10), config, bank, seed=1)
        loss, gradient, _ = child.gradient(child.trained, images, np.arange(4))
        losses.append((float(loss), gradient.numpy().tolist()))
    assert len(bank) == 1 and losses[0] == losses[1]
