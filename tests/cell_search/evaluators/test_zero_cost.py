"""Scores at initialisation, against their definitions computed on the same network in Keras."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from precision import keras_in_float64

from cell_search.children import Bank, Child
from cell_search.evaluators import Request, ZeroCost, evaluate
from cell_search.evaluators._child_network import child_config, child_summary
from cell_search.evaluators.zero_cost import SCORES
from cell_search.evaluators.zero_cost.probe import Probe
from cell_search.images import ImageSettings
from cell_search.space import published
from cell_search.space.nas_bench_201 import SPACE
from cells.network.build import build_network
from cells.support.errors import UserError
from cells.weights.by_layer import move_weights

SIZE, BATCH = 8, 5


class Case(NamedTuple):
    """One network twice: as our child with its batch, and as a Keras model."""

    probe: Probe
    model: Any
    images: np.ndarray
    labels: np.ndarray


@pytest.fixture(scope="module")
def float64() -> Iterator[None]:
    with keras_in_float64():
        yield


@pytest.fixture(scope="module")
def case(float64: None) -> Case:
    space = published.find("nasnet", 1)
    genotype = space.decode(space.random(np.random.default_rng(2)))
    config = child_config(genotype, normal_cells=1, filters=4, size=(SIZE, SIZE), num_classes=10)
    child = Child(genotype, config, Bank(precision="float64"), seed=1)
    model = build_network(genotype, config, keras)
    moved = move_weights(child, model)
    assert moved.moved and not moved.missing and not moved.unused and not moved.unfit
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH, SIZE, SIZE, 3))
    labels = rng.integers(10, size=BATCH).astype(np.int32)
    probe = Probe(child, tf.constant(images), labels, child_summary(genotype, config))
    return Case(probe, model, images, labels)


def kernels(model: Any) -> list[Any]:
    return [v for v in model.trainable_variables if len(v.shape) > 1]


def loss_gradients(case: Case) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=case.labels, logits=case.model(case.images, training=True)
        )
        loss = tf.reduce_mean(losses)
    return [g.numpy() for g in tape.gradient(loss, [k.value for k in kernels(case.model)])]


def test_naswot_is_the_log_determinant_of_equal_digits(case: Case) -> None:
    """Mellor et al. 2021, equation 2: N_A less the Hamming distance of two images' codes."""
    relus = [layer for layer in case.model.layers if isinstance(layer, keras.layers.Activation)]
    assert len(relus) > 10
    read = keras.Model(case.model.input, [layer.input for layer in relus])
    states = [np.asarray(s) for s in read(case.images, training=True)]
    codes = np.concatenate([(s > 0).reshape(BATCH, -1) for s in states], axis=1)
    kernel = np.empty((BATCH, BATCH))
    for i, j in itertools.product(range(BATCH), repeat=2):
        kernel[i, j] = codes.shape[1] - np.count_nonzero(codes[i] != codes[j])
    sign, logarithm = np.linalg.slogdet(kernel)
    assert sign == 1.0
    assert SCORES["naswot"](case.probe) == pytest.approx(logarithm, rel=1e-9)


def test_synflow_is_what_flows_through_absolute_weights(case: Case) -> None:
    """Tanaka et al. 2020, section 5, without batch norms: sum |w * dR/dw|, an image of ones."""
    model = keras.models.clone_model(case.model)
    for layer, original in zip(model.layers, case.model.layers, strict=True):
        if isinstance(layer, keras.layers.BatchNormalization):
            # With this variance it is the identity.
            ones, zeros = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            layer.set_weights([ones, zeros, zeros, ones - layer.epsilon])
        else:
            layer.set_weights([np.abs(w) for w in original.get_weights()])
    with tf.GradientTape() as tape:
        flow = tf.reduce_sum(model(tf.ones([1, SIZE, SIZE, 3], tf.float64), training=False))
    gradients = tape.gradient(flow, [k.value for k in kernels(model)])
    total = sum(
        float(np.sum(np.abs(np.asarray(k) * g.numpy())))
        for k, g in zip(kernels(model), gradients, strict=True)
    )
    assert SCORES["synflow"](case.probe) == pytest.approx(np.log(total), rel=1e-9)


def test_snip_is_the_sensitivity_of_all_connections(case: Case) -> None:
    """Lee et al. 2019: |w * dL/dw|, of kernels."""
    pairs = zip(kernels(case.model), loss_gradients(case), strict=True)
    wanted = sum(np.sum(np.abs(np.asarray(kernel) * gradient)) for kernel, gradient in pairs)
    assert SCORES["snip"](case.probe) == pytest.approx(wanted, rel=1e-5)


def test_gradient_norm_is_the_sum_of_the_kernels_norms(case: Case) -> None:
    wanted = sum(np.sqrt(np.sum(g**2)) for g in loss_gradients(case))
    assert SCORES["gradient_norm"](case.probe) == pytest.approx(wanted, rel=1e-5)


def test_jacobian_covariance_of_the_correlations_between_images(case: Case) -> None:
    """Mellor et al. 2020: -sum(log(v + k) + 1 / (v + k)) over the eigenvalues."""
    images = tf.constant(case.images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(case.model(images, training=True))
    rows = tape.gradient(total, images).numpy().reshape(BATCH, -1)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.sqrt(np.sum(rows**2, axis=1, keepdims=True))
    values = np.linalg.eigvalsh(rows @ rows.T) + 1e-5
    wanted = -sum(np.log(v) + 1.0 / v for v in values)
    assert SCORES["jacobian_covariance"](case.probe) == pytest.approx(wanted, rel=1e-5)


def test_the_controls_count(case: Case) -> None:
    parameters = sum(int(np.prod(v.shape)) for v in case.model.trainable_variables)
    assert SCORES["parameters"](case.probe) == parameters
    assert SCORES["multiply_adds"](case.probe) == case.probe.counts.multiply_adds


def test_images_that_look_alike_have_no_finite_score(case: Case) -> None:
    """A singular kernel is a failed trial, not a reward."""
    probe = case.probe
    twice = Probe(
        probe.child, tf.repeat(probe.images[:1], 2, axis=0), probe.labels[:2], probe.counts
    )
    assert SCORES["naswot"](twice) == -np.inf


@pytest.fixture(scope="module")
def digits(small: dict) -> ImageSettings:
    return ImageSettings(**small["images"], size=8)


def test_the_same_genotype_and_seed_have_the_same_scores(digits: ImageSettings) -> None:
    space = published.find("pnas", 1)
    point = space.random(np.random.default_rng(0))
    evaluator = ZeroCost(scores=("snip", "synflow"), filters=4, batch=8)
    request = Request(
        number=0,
        genotype=space.decode(point),
        decisions=point,
        space=space,
        evaluator=evaluator,
        images=digits,
        seed=5,
    )
    first, again = evaluate(request), evaluate(request)
    other = evaluate(dataclasses.replace(request, seed=6))
    assert first.reward == first.metrics["snip"]
    assert set(first.metrics) == set(evaluator.metrics())
    assert first.metrics == pytest.approx(again.metrics, rel=1e-5)
    assert other.metrics["synflow"] != pytest.approx(first.metrics["synflow"], rel=1e-5)
    assert other.metrics["parameters"] == first.metrics["parameters"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scores": ("nasswot",)}, r"evaluator\.zero_cost\.scores: .*'nasswot'.*'naswot'"),
        ({"scores": ()}, r"evaluator\.zero_cost\.scores: is empty"),
        ({"batch": 1}, r"evaluator\.zero_cost\.batch: 1 is too small; use at least 2"),
        ({"batch": 1000}, r"evaluator\.zero_cost\.batch: 1000 is more than the 640 training"),
    ],
)
def test_what_cannot_be_scored_ends_in_a_sentence(
    digits: ImageSettings, changes: dict, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        ZeroCost(**changes).check(digits, published.find("pnas", 1))


def test_a_space_without_networks_has_no_such_scores(digits: ImageSettings) -> None:
    with pytest.raises(UserError, match="ZeroCost builds networks of cells, and this space"):
        ZeroCost().check(digits, SPACE)
