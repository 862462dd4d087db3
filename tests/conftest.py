"""What all tests share: a quiet TensorFlow and the folder of real data."""

from __future__ import annotations

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest


@pytest.fixture(scope="session")
def data_dir() -> pathlib.Path:
    """The folder of prepared TFDS sets; tests that name a set skip where there is none.

    Where the variable is set, a missing set is a failure of the test that names it.
    """
    folder = os.environ.get("CELLS_DATA_DIR")
    if not folder:
        pytest.skip("CELLS_DATA_DIR is not set: no real data sets on this machine")
    path = pathlib.Path(folder)
    assert path.is_dir(), f"CELLS_DATA_DIR names {path}, which is no folder"
    return path
