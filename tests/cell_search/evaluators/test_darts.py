"""The relaxed network: its gradients, its rule, and searches by it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from whole_searches import searched, story

from cell_search.children import Bank, Child
from cell_search.children.bank import vector_size
from cell_search.children.supernet import Images, Supernet
from cell_search.children.training import descend, with_decay
from cell_search.config import resolve, schema
from cell_search.driver import rerank
from cell_search.driver.replay import replay
from cell_search.evaluators import Darts
from cell_search.evaluators._child_network import child_config
from cell_search.images import ImageSettings
from cell_search.space import published
from cell_search.space.relaxed import RelaxedSpace, softmax
from cells.network import functions
from cells.operations.primitives import WeightedSum
from cells.support.errors import UserError

SIZE = 8
REDUCTIONS = ("reduction_1", "reduction_2")
SPACE = published.find("darts", 2)
RELAXED = RelaxedSpace(SPACE)
#: For the networks of these tests: one operation of each kind, so that little is compiled.
OPERATIONS = ("max_pool_3x3", "identity", "sep_conv_3x3", "dil_conv_3x3")
FEW = dataclasses.replace(SPACE, rules=dataclasses.replace(SPACE.rules, operations=OPERATIONS))
CONFIG = child_config(
    SPACE.decode(SPACE.random(np.random.default_rng(0))),
    normal_cells=1,
    filters=4,
    size=(SIZE, SIZE),
    num_classes=10,
)


@pytest.fixture(scope="module")
def exact() -> Bank:
    return Bank(precision="float64")


@pytest.fixture(scope="module")
def net(exact: Bank) -> Supernet:
    return Supernet(RelaxedSpace(FEW), CONFIG, exact, seed=1)


def minibatch(seed: int) -> Images:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(size=(8, SIZE, SIZE, 3)).astype(np.float32)
    return Images(tf.constant(pixels), tf.constant(rng.integers(10, size=8), tf.int32))


def alphas(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=RelaxedSpace(FEW).shape)


def test_the_rule_by_hand() -> None:
    """Liu et al. 2019, section 2.4, worked out on paper for two blocks."""
    assert RELAXED.edges == ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2))
    assert RELAXED.operations[0] == "none" and RELAXED.shape == (2, 5, 8)
    maximum, average, same, three, _, dilated, _ = range(1, 8)
    values = np.zeros(RELAXED.shape)
    normal, reduction = values
    # The first block has both edges; on the first, `none` is strongest and does not count.
    normal[0, [0, same]] = 9.0, 2.0
    normal[1, three] = 1.0
    # The second block: by alphas the third edge is the strongest, but `none` has its softmax.
    normal[2, average] = 2.0
    normal[3, dilated] = 1.0
    normal[4, [0, maximum]] = 8.0, 3.0
    # All edges and all operations alike: the first two and the first of the space.
    reduction[:] = 0.5
    reduction[3, same] = 0.6
    point = RELAXED.prescribed(values)
    assert point == {
        "normal/0/left/operation": "identity",
        "normal/0/right/operation": "sep_conv_3x3",
        "normal/1/inputs": "0+1",
        "normal/1/left/operation": "avg_pool_3x3",
        "normal/1/right/operation": "dil_conv_3x3",
        "reduction/0/left/operation": "max_pool_3x3",
        "reduction/0/right/operation": "max_pool_3x3",
        "reduction/1/inputs": "0+1",
        "reduction/1/left/operation": "max_pool_3x3",
        "reduction/1/right/operation": "identity",
    }
    assert list(point) == [d.name for d in SPACE.decisions]


def test_the_mixture_of_a_point_leads_back_to_it() -> None:
    full = RelaxedSpace(published.find("darts"))
    rng = np.random.default_rng(3)
    for _ in range(20):
        point = full.space.random(rng)
        assert full.prescribed(10.0 * full.one_hot(point)) == point


@pytest.mark.parametrize("seed", range(3))
def test_a_mixture_of_ones_and_zeros_is_the_child(seed: int, net: Supernet, exact: Bank) -> None:
    """The same logits from the same weights, moved by the names of the layers."""
    point = FEW.random(np.random.default_rng(seed))
    genotype = FEW.decode(point)
    child = Child(genotype, CONFIG, exact, seed=9)
    ours = {layer.name: layer for layer in net.child.layers}
    for layer in child.layers:
        name = layer.name
        cell, inside, rest = name.partition("_block_")
        if inside:
            block, which, node = rest.split("_", 2)
            made = genotype.reduction if cell in REDUCTIONS else genotype.normal
            side = dict(made.blocks[int(block)].sides)[which]
            name = f"{cell}_block_{block}_of_{side.input}_{side.operation}_{node}"
        layer.set_weights(ours[name].get_weights())
    images = minibatch(4)
    logits = net.logits(net.child.trained, net.relaxed.one_hot(point), images.pixels)
    wanted = child.logits(images.pixels, batch_statistics=True)
    np.testing.assert_allclose(logits, wanted, rtol=1e-6, atol=1e-6)
    assert np.abs(logits - net.logits(net.child.trained, softmax(alphas(1)), images.pixels)).max()


def independent_loss(net: Supernet, weights: Any, mixture: Any, images: Images) -> Any:
    """The loss by plain functions, float64 tensors in and out, for TensorFlow's own tapes.

    Args:
        net: says which primitives follow each other.
        weights: one vector, in which the mixture's places are not looked at.
        mixture: `(cells, edges, operations)`.
        images: a minibatch.
    """
    states = {net.child.image: tf.cast(images.pixels, tf.float64)}
    now = functions.Pass(training=True, epsilon=CONFIG.batch_norm_epsilon)
    start = 0
    for place in net.child.places:
        values = [states[name] for name in place.reads]
        for primitive, shapes in zip(place.piece.primitives, place.piece.trained, strict=True):
            given = []
            for shape in shapes:
                end = start + math.prod(shape)
                given.append(tf.reshape(weights[start:end], shape))
                start = end
            if isinstance(primitive, WeightedSum):
                cell, _, edge = place.gives.partition("_block_")
                block, state = edge.split("_of_")
                number = net.relaxed.edges.index((int(block), int(state)))
                factors = mixture[int(cell in REDUCTIONS), number, 1:]
                values = [sum(factors[i] * x for i, x in enumerate(values))]
            elif type(primitive).__name__ == "Dense":
                values = [tf.matmul(values[0], given[0]) + given[1]]
            else:
                values = [functions.apply(primitive, values, given, now)]
        states[place.gives] = values[0]
    (logits,) = values
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(images.labels, logits)
    return tf.reduce_mean(losses)


def test_first_order_gradients_are_those_of_a_tape(net: Supernet) -> None:
    images, values = minibatch(1), alphas(2)
    weights, watched = (tf.cast(v, tf.float64) for v in (net.child.trained, values))
    with tf.GradientTape() as tape:
        tape.watch([weights, watched])
        loss = independent_loss(net, weights, tf.nn.softmax(watched), images)
    by_weights, by_alphas = tape.gradient(loss, [weights, watched])
    found = net.gradients(net.child.trained, values, images)
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-6)
    scale = np.abs(by_alphas).max()
    np.testing.assert_allclose(found.alphas, by_alphas, atol=1e-5 * scale)
    assert np.abs(by_alphas).min(axis=(0, 1)).max() > 0.0 and by_alphas.shape == (2, 5, 5)
    scale = np.abs(by_weights).max()
    np.testing.assert_allclose(found.weights, by_weights, atol=1e-5 * scale)


@pytest.fixture
def smooth(monkeypatch: pytest.MonkeyPatch) -> Supernet:
    """A network with another activation: at the kink of a relu a difference sees a slope that the
    derivative does not know."""
    monkeypatch.setattr(tf.nn, "relu", tf.nn.silu)
    rules = dataclasses.replace(
        SPACE.rules, operations=("avg_pool_3x3", "identity", "sep_conv_3x3")
    )
    space = dataclasses.replace(published.find("darts", 1), rules=rules)
    return Supernet(RelaxedSpace(space), CONFIG, Bank(precision="float64"), seed=1)


def test_the_second_order_gradient_is_that_of_nested_tapes(smooth: Supernet) -> None:
    """The total derivative of the validation loss after a step, without any difference."""
    net, training, validation = smooth, minibatch(1), minibatch(2)
    rng = np.random.default_rng(0)
    values = rng.normal(size=net.relaxed.shape)
    rate, l2 = 0.05, 1e-3
    carried = tf.constant(1e-3 * rng.normal(size=len(net.child.kernels)), tf.float32)
    weights, watched, moved, kernels = (
        tf.cast(v, tf.float64) for v in (net.child.trained, values, carried, net.kernels)
    )
    with tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as inner:
            inner.watch(weights)
            mixture = tf.nn.softmax(watched)
            loss = independent_loss(net, weights, mixture, training)
            loss += l2 * tf.reduce_sum(kernels * tf.square(weights))
        after = weights + moved - rate * inner.gradient(loss, weights)
        loss = independent_loss(net, after, mixture, validation)
    wanted = outer.gradient(loss, watched).numpy()
    with tf.GradientTape() as tape:
        tape.watch(watched)
        loss = independent_loss(net, after, tf.nn.softmax(watched), validation)
    rest = np.abs(wanted - tape.gradient(loss, watched).numpy()).max()
    assert rest > 0.02 * np.abs(wanted).max(), "what the first order leaves out is there"
    found = net.second_order(
        net.child.trained, values, training, validation, rate, carried=carried, l2=l2
    )
    assert np.abs(found - wanted).max() < 0.05 * rest


@pytest.fixture
def settings(small: dict) -> dict[str, Any]:
    return {
        **small,
        "space": {"name": "darts", "blocks": 1},
        "strategy": {"type": "derived"},
        "evaluator": {
            "type": "darts",
            "darts": {
                "normal_cells": 1,
                "filters": 4,
                "epochs": 2,
                "batch": 32,
                "second_order": False,
                "alpha_rate": 0.1,
                "flip": False,
                "shift": 1,
                "score_batches": 2,
            },
        },
        "images": {**small["images"], "held_out": 96, "training": 96, "size": 16},
        "trials": 3,
        "report_minutes": 0.0,
    }


class Killed(BaseException):
    """As if the process had died: nothing catches it."""


def test_weights_are_clipped_before_they_decay() -> None:
    """The steps of PyTorch's `clip_grad_norm_` and `SGD(momentum=..., weight_decay=...)`, written
    out as its documentation has them; L2 by factor is half of weight decay."""
    rng = np.random.default_rng(0)
    rate, momentum, decay, clip = 0.1, 0.9, 0.2, 1.0
    weights = rng.normal(size=6)
    kernels = np.array([1.0, 1, 1, 1, 0, 0])
    ours, velocity = tf.constant(weights, tf.float32), tf.zeros(6)
    buffer = np.zeros(6)
    for length in (5.0, 0.5, 3.0):
        gradient = rng.normal(size=6)
        gradient *= length / np.linalg.norm(gradient)
        clipped = gradient * min(1.0, clip / length)
        buffer = momentum * buffer + clipped + decay * kernels * weights
        weights = weights - rate * buffer
        given = [tf.constant(v, tf.float32) for v in (kernels, decay / 2, clip)]
        decayed = with_decay(tf.constant(gradient, tf.float32), ours, *given)
        numbers = [tf.constant(v, tf.float32) for v in (rate, momentum)]
        ours, velocity = descend(ours, velocity, decayed, *numbers)
        np.testing.assert_allclose(ours, weights, rtol=1e-5, atol=1e-6)


def test_a_search_is_the_training_of_one_network(
    settings: dict[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cell_search.study import trials

    whole = searched(tmp_path / "whole", settings)
    known, kept = story(whole)
    assert [value for _, value, _, _ in known] == [0.0, 1.0, 2.0]
    for (_, _, _, left), (point, *_) in itertools.pairwise(known):
        assert point == left, "a trial holds what the epochs before it led to"
    # The paper's rule, after the last epoch.
    with np.load(pathlib.Path(whole.weights()) / "after-00000001.npz") as file:
        values = file["alphas"]
        assert int(file["epochs"]) == 2
    space = published.find("darts", 1)
    assert known[2][0] == RelaxedSpace(space).prescribed(values)
    assert np.abs(values).max() > 0.05
    winner = json.loads((whole.path / "genotype.json").read_text())
    assert winner["provenance"]["trial"] == 2
    assert winner["provenance"]["score"] == {"epochs": 2.0}
    assert 0.0 < winner["provenance"]["metrics"]["discrete_accuracy"] < 1.0
    losses = [metrics["loss"] for _, _, metrics, _ in known]
    assert losses[2] < losses[0]

    search = resolve.resolve(schema.from_values(settings, "test"))
    assert [r.difference for r in replay(search, whole.read_study())] == ["", "", ""]

    # Dead between what the second trial left and its result.
    finish = trials.finish

    def die(study, number, *rest, **more):
        if number == 1:
            raise Killed
        finish(study, number, *rest, **more)

    monkeypatch.setattr(trials, "finish", die)
    with pytest.raises(Killed):
        searched(tmp_path / "cut", settings)
    monkeypatch.undo()
    assert story(searched(tmp_path / "cut", settings)) == (known, kept)

    with pytest.raises(UserError, match=r"darts\.epochs: all 2 are over.*use trials=3"):
        searched(tmp_path / "cut", {**settings, "trials": 4})

    wanted = resolve.resolve(schema.from_values(settings, "test"))
    assert rerank.final(wanted).config.evaluator.type == "train"


def test_what_cannot_be_relaxed_is_told(settings: dict[str, Any]) -> None:
    def check(**changes: Any) -> None:
        search = resolve.resolve(schema.from_values({**settings, **changes}, "test"))
        search.check()

    with pytest.raises(UserError, match=r"space\.name: 'nasnet' cannot be relaxed.*=darts"):
        check(space={"name": "nasnet"})
    with pytest.raises(UserError, match=r"strategy\.type: darts says itself .* use derived"):
        check(strategy={"type": "random"})
    with pytest.raises(UserError, match=r"strategy\.type: derived proposes what the evaluator"):
        check(evaluator={"type": "train"})
    with pytest.raises(UserError, match=r"space\.growable: one network"):
        check(space={"name": "darts", "growable": True})
    with pytest.raises(UserError, match=r"evaluator\.darts\.batch: 97 is more than the 96"):
        Darts(batch=97).check(ImageSettings(**settings["images"]), SPACE)


def test_a_piece_holds_the_mixture_of_one_edge(net: Supernet) -> None:
    """Of every edge of every cell, and nothing else lies in their places."""
    sums = [p for p in net.child.places if isinstance(p.piece.primitives[0], WeightedSum)]
    assert len(sums) == 5 * len(RELAXED.edges)
    assert all(vector_size(p.piece.trained) == 4 and len(p.piece.primitives) == 1 for p in sums)
