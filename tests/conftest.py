"""What all tests share: a quiet TensorFlow and the folder of real data."""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "CELLS_CACHE_DIR" not in os.environ:
    # The process that starts the others sets it for all of them, and removes it.
    os.environ["CELLS_CACHE_DIR"] = tempfile.mkdtemp(prefix="cells-cache-")
    atexit.register(shutil.rmtree, os.environ["CELLS_CACHE_DIR"], ignore_errors=True)

import pytest

#: Files of a minute or more. Each is run by one process, so the last to begin must be short.
LONG = {
    "test_auto_run.py",
    "test_children.py",
    "test_detection_commands.py",
    "test_detection_rcnn.py",
    "test_older_files.py",
    "test_python_examples.py",
    "test_transfer_baselines.py",
    "test_transfer_cluster.py",
    "test_transfer_export.py",
    "test_transfer_finetune.py",
    "test_transfer_handover.py",
    "test_transfer_runs.py",
    "test_transfer_strategies.py",
    "test_transfer_survival.py",
    "test_weight_sources.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files before all others."""
    items.sort(key=lambda item: item.path.name not in LONG)


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
