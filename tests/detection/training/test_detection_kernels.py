"""Training at sizes of real images, in a process of its own: what fails here ends the process."""

from __future__ import annotations

import logging
import os
import pathlib
import subprocess
import sys

import pytest

from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.kinds import files as kinds
from detection.training import onednn

ROOT = pathlib.Path(__file__).parents[3]

#: The start of a training, which here has nothing to train; then one gradient of a small stack, for
#: 4 images of 256 pixels; eager, since tracing takes longer.
_PROGRAM = """
import sys

import detection
from cells.support.errors import UserError

try:
    detection.train("nowhere", experiment="cells_unheard_of")
except UserError:
    assert "tensorflow" in sys.modules

import tensorflow as tf
import tf_keras
from cells.genotype import genotype_file
from cells.network import presets
from cells.network.build import build_network

genotype = genotype_file.read(sys.argv[1])
settings = {"normal_cells": 1, "filters": 8, "stem_filters": 16, "image_size": (256, 256)}
config = presets.configure(genotype, "imagenet_mobile", num_classes=2, **settings)
network = build_network(genotype, config, tf_keras)
with tf.GradientTape() as tape:
    images = tf.random.stateless_normal([4, 256, 256, 3], [0, 0])
    loss = tf.add_n([tf.reduce_sum(x**2) for x in tf.nest.flatten(network(images, training=True))])
for gradient in tape.gradient(loss, network.trainable_weights):
    tf.debugging.assert_all_finite(gradient, "gradient")
print("finite")
"""


def test_a_gradient_at_256_pixels_leaves_the_memory_whole(tmp_path):
    """With oneDNN's kernels TensorFlow 2.20 aborts here, or ends in a segmentation fault."""
    cell = Cell(
        (
            Block(Side(0, "sep_conv_3x3"), Side(1, "sep_conv_5x5")),
            Block(Side(1, "identity"), Side(2, "avg_pool_3x3")),
        ),
        (2, 3),
    )
    kinds.write(Genotype("small", cell, cell), tmp_path / "small.json")
    environment = {k: v for k, v in os.environ.items() if k != onednn.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "small.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "finite\n"), done.stderr[-2000:]


@pytest.mark.parametrize(("given", "after"), [(None, "0"), ("1", "1")])
def test_the_kernels_are_off_unless_the_environment_says_so(given, after):
    """And nobody who only imports the package is touched."""
    program = (
        "import os, detection\nfrom detection.training import onednn\n"
        "before = os.environ.get(onednn.VARIABLE)\nonednn.turn_off()\n"
        "print(before, os.environ[onednn.VARIABLE])"
    )
    environment = {k: v for k, v in os.environ.items() if k != onednn.VARIABLE}
    environment |= {onednn.VARIABLE: given} if given else {}
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert told.stdout.split() == [str(given), after]


def test_where_it_is_too_late_the_log_says_what_to_do(monkeypatch, caplog):
    import tensorflow  # noqa: F401

    monkeypatch.delenv(onednn.VARIABLE, raising=False)
    with caplog.at_level(logging.WARNING, logger="absl"):
        onednn.turn_off()
    assert "set TF_ENABLE_ONEDNN_OPTS=0 before TensorFlow is imported" in caplog.text
    assert onednn.VARIABLE not in os.environ, "processes that are started from here are left alone"
