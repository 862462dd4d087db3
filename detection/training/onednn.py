"""TensorFlow's kernels of oneDNN, with which larger detectors do not train."""

from __future__ import annotations

import os
import sys

from absl import logging

#: TensorFlow reads it when it is loaded.
VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def turn_off() -> None:
    """Has TensorFlow, which is not loaded yet, do without oneDNN, unless the environment says so.

    With oneDNN's kernels TensorFlow 2.20 spoils its memory in the first training step of a detector
    at 256 pixels (seen on a CPU with AVX-512): "malloc(): unaligned tcache chunk detected", "double
    free" or a segmentation fault.
    """
    if VARIABLE in os.environ:
        return
    if "tensorflow" in sys.modules:
        # Set now, it would only reach processes that are started from here.
        logging.warning(
            "TensorFlow is loaded already, so it keeps oneDNN's kernels, with which the training "
            "of a detector may crash on a CPU; set %s=0 before TensorFlow is imported",
            VARIABLE,
        )
        return
    os.environ[VARIABLE] = "0"
