"""Minibatches and scores on held-out images, against scikit-learn and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

from cell_search.children.training import finite_mean
from cell_search.evaluators._base import Augmentation
from cell_search.evaluators._batches import Batches
from cell_search.images import Images

STILL = Augmentation()


def _images(training: int = 24, held_out: int = 23) -> Images:
    """Small images of noise, each channel of its own brightness."""
    rng = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = rng.integers([0, 50, 200], [50, 200, 256], size=(count, 4, 4, 3))
        return pixels.astype(np.uint8), rng.integers(3, size=count).astype(np.int32)

    parts = part(training), part(held_out)
    return Images(
        *parts,
        num_classes=3,
        mean=parts[0][0].mean(axis=(0, 1, 2)).astype(np.float32),
        deviation=parts[0][0].std(axis=(0, 1, 2)).astype(np.float32),
        training_indices=np.arange(training),
        held_out_indices=np.arange(held_out),
        resized=False,
    )


def test_normalised_channels_have_mean_zero_and_deviation_one() -> None:
    images = _images()
    shown = Batches(images, 8, STILL).normalise(images.training[0]).numpy()
    np.testing.assert_allclose(shown.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(shown.std(axis=(0, 1, 2)), 1.0, atol=1e-5)


def test_an_epoch_shows_every_image_once_with_its_label_and_then_begins_again() -> None:
    images = _images()
    batches = Batches(images, 8, STILL)
    rng = np.random.default_rng(1)
    order = rng.permutation(24)
    assert batches.steps == 3
    pixels, labels = (
        np.concatenate(parts)
        for parts in zip(
            *(batches.draw(images.training, order, step, rng) for step in range(4)), strict=True
        )
    )
    expected = np.concatenate([order, order[:8]])
    np.testing.assert_array_equal(pixels, images.training[0][expected])
    np.testing.assert_array_equal(labels, images.training[1][expected])


@pytest.mark.parametrize("size", [23, 5])
def test_the_score_is_that_of_scikit_learn(size: int) -> None:
    images = _images()
    batches = Batches(images, 8, STILL)
    kernel = np.random.default_rng(2).normal(size=(48, 3)).astype(np.float32)

    def logits_of(shown: tf.Tensor) -> tf.Tensor:
        return tf.matmul(tf.reshape(shown, [-1, 48]), kernel)

    parts = np.split(np.arange(23), range(size, 23, size))
    accuracy, loss = batches.score(logits_of, parts)
    pixels, labels = images.held_out
    shown = (pixels - images.mean.astype(float)) / images.deviation
    logits = shown.reshape(23, 48) @ kernel
    assert accuracy == pytest.approx(accuracy_score(labels, logits.argmax(axis=1)))
    assert loss == pytest.approx(log_loss(labels, softmax(logits, axis=1)), rel=1e-4)


def test_what_is_not_finite_is_told_with_its_step() -> None:
    assert finite_mean([tf.constant(1.0), tf.constant(3.0)], "step {}") == 2.0
    with pytest.raises(
        FloatingPointError, match=r"^the loss became inf in step 6 of epoch 2; a sm"
    ):
        finite_mean([1.0, float("inf"), float("nan")], "step {} of epoch 2", first=5)
    batches = Batches(_images(), 8, STILL)
    with pytest.raises(FloatingPointError, match=r"^the held-out loss is nan$"):
        batches.score(lambda shown: tf.fill([len(shown), 3], float("nan")), [np.arange(4)])
