"""Where benchmarks find prepared data sets."""

from __future__ import annotations

import os
import sys


def data_dir() -> str:
    """The folder of prepared TFDS sets that CELLS_DATA_DIR names; ends the program without one."""
    folder = os.environ.get("CELLS_DATA_DIR")
    if not folder:
        sys.exit("CELLS_DATA_DIR is not set: it names the folder of prepared TFDS sets")
    return folder
