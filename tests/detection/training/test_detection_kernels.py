"""Training at sizes of real images, in a process of its own: what fails here ends the process."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]

#: One gradient of a small stack, for 4 images of 256 pixels; eager, since tracing takes longer.
_PROGRAM = """
import sys

import detection
import tensorflow as tf
import tf_keras
from cells import genotype_file, networks
from cells.network.build import build_network

genotype = genotype_file.read(sys.argv[1])
settings = {"normal_cells": 1, "filters": 8, "stem_filters": 16, "image_size": (256, 256)}
config = networks.configure(genotype, "imagenet_mobile", num_classes=2, **settings)
network = build_network(genotype, config, tf_keras)
with tf.GradientTape() as tape:
    images = tf.random.stateless_normal([4, 256, 256, 3], [0, 0])
    loss = tf.add_n([tf.reduce_sum(x**2) for x in tf.nest.flatten(network(images, training=True))])
for gradient in tape.gradient(loss, network.trainable_weights):
    tf.debugging.assert_all_finite(gradient, "gradient")
print("finite")
"""


def test_a_gradient_at_256_pixels_leaves_the_memory_whole(genotype_path):
    """With oneDNN's kernels TensorFlow 2.20 aborts here, or ends in a segmentation fault."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, genotype_path],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "finite\n"), done.stderr[-2000:]
