"""In which precision `cells auto` computes: decided once, and nothing of it is left behind."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from auto_runs import begin
from folders import write

from auto import precision

_CPU = pathlib.Path("/proc/cpuinfo")

#: Whether the processor multiplies bfloat16 numbers.
NATIVE = _CPU.exists() and bool({"avx512_bf16", "amx_bf16"} & set(_CPU.read_text().split()))


@pytest.fixture
def run(tmp_path):
    return begin(tmp_path / "run", write(tmp_path / "images", {"red": 10, "green": 10}))


def convolved() -> np.ndarray:
    """Of numbers that bfloat16 cannot hold."""
    rng = np.random.default_rng(0)
    images, kernel = (
        tf.constant(rng.uniform(1.0, 2.0, shape), tf.float32)
        for shape in ((8, 8, 8, 32), (3, 3, 32, 32))
    )
    return tf.function(lambda x, y: tf.nn.conv2d(x, y, 1, "VALID"))(images, kernel).numpy()


def test_convolutions_lose_half_their_bits_within_the_block_alone(run):
    before = convolved()
    run.record.keep("precision", "bfloat16")
    with precision.used(run):
        within = convolved()
    np.testing.assert_array_equal(convolved(), before)
    # Eight bits, rounded to nearest, of two factors and of the sum of positive products.
    np.testing.assert_allclose(within, before, rtol=3 * 2.0**-9)
    if NATIVE:
        assert np.mean(within != before) > 0.5


def test_depthwise_convolutions_keep_theirs(run):
    """Kernels of oneDNN are slower there."""
    rng = np.random.default_rng(0)
    images, kernel = (
        tf.constant(rng.uniform(1.0, 2.0, shape), tf.float32)
        for shape in ((8, 8, 8, 32), (3, 3, 32, 1))
    )

    def gradients():
        @tf.function(autograph=False)
        def both(images, kernel):
            with tf.GradientTape() as tape:
                tape.watch([images, kernel])
                found = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME")
            return [found, *tape.gradient(found, [images, kernel])]

        return [value.numpy() for value in both(images, kernel)]

    run.record.keep("precision", "bfloat16")
    with precision.used(run):
        within = gradients()
    for one, other in zip(within, gradients(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("decided", ["float32", "bfloat16"])
def test_what_was_decided_is_not_measured_again(run, monkeypatch, decided):
    monkeypatch.setattr(precision, "faster", lambda: pytest.fail("it is known"))
    run.record.keep("precision", decided)
    with precision.used(run):
        pass
    assert run.results["precision"] == decided


def test_a_race_of_before_stays_as_it_was(run):
    run.record.keep("heats", {"failed": {}, "rungs": []})
    with precision.used(run):
        assert run.results["precision"] == "float32"


def test_what_is_measured_is_this_processor(run):
    """Kernels of oneDNN do it; without them there is nothing to gain."""
    with precision.used(run):
        assert run.results["precision"] in ("float32", "bfloat16")
    if not NATIVE:
        assert run.results["precision"] == "float32"
