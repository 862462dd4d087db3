"""Genotypes as backbones of object detectors, trained with Model Garden."""

import os
import sys

# Read when TensorFlow is loaded; later it would only reach processes that are started from here.
# With oneDNN's kernels TensorFlow 2.20 spoils its memory in the first training step of a detector
# at 256 pixels (seen on a CPU with AVX-512): "malloc(): unaligned tcache chunk detected", "double
# free" or a segmentation fault.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
