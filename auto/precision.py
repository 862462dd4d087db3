"""Whether convolutions are computed in bfloat16: half as many bits, where the processor is faster.

How it is done is said in `cell_search.children.precision`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import tensorflow as tf

from auto.context import Run
from auto.race import HEATS
from cell_search.children.precision import mixed_bfloat16

#: The processor computes in bfloat16 if that takes at most such a part of the time.
PART = 0.8

#: Batch, height, width and channels of the convolution that is measured, and how often.
_SHAPE, _TIMES = (64, 16, 16, 64), 6


@contextlib.contextmanager
def used(run: Run) -> Iterator[None]:
    """Computes as the run asks for, in a `with` block; what was decided once is kept."""
    decided = run.results.get("precision")
    if decided is None:
        decided = run.settings.precision
        if {HEATS, "race"} & set(run.results) or run.directory.has_trials():
            decided = "float32"  # By a version that knew nothing else.
        elif decided == "auto":
            decided = "bfloat16" if faster() else "float32"
        run.record.keep("precision", decided)
    with mixed_bfloat16(decided == "bfloat16"):
        yield


def faster() -> bool:
    """Whether a convolution and its gradients take clearly less of this processor in bfloat16."""
    if tf.config.list_physical_devices("GPU"):
        return False  # These kernels are the processor's.
    seconds = []
    for bfloat16 in (False, True):
        with mixed_bfloat16(bfloat16):
            seconds.append(_seconds())
    return seconds[1] <= PART * seconds[0]


def _seconds() -> float:
    """Of the processor, for the quickest of a few times."""
    images, kernel = tf.ones(_SHAPE), tf.ones([3, 3, _SHAPE[-1], _SHAPE[-1]])

    @tf.function(autograph=False)
    def step(images: tf.Tensor, kernel: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            found = tf.nn.relu(tf.nn.conv2d(images, kernel, 1, "SAME"))
        return tape.gradient(found, [images, kernel])

    step(images, kernel)
    times = []
    for _ in range(_TIMES):
        began = time.process_time()
        step(images, kernel)[1].numpy()
        times.append(time.process_time() - began)
    return min(times)
