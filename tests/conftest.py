"""What all tests share: a quiet TensorFlow and the folder of real data."""

from __future__ import annotations

import atexit
import gc
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

#: What takes more than about two seconds, longest first: files, and tests of others.
SLOW = (pathlib.Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").split()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow, and puts its files before all others, longest first.

    Each file is run by one process, so the last to begin must be short.
    """
    place: dict[str, int] = {}
    for number, line in enumerate(SLOW):
        place.setdefault(line.partition("::")[0], number)

    def file(item: pytest.Item) -> str:
        return item.nodeid.partition("::")[0]

    for item in items:
        if {file(item), item.nodeid.partition("[")[0]} & set(SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: place.get(file(item), len(SLOW)))


def pytest_collection_finish() -> None:
    """Nothing that is loaded by now, TensorFlow above all, is looked through for garbage again.

    And what tests make, less often: a tenth of the time of tracing a network goes into it.
    """
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def embedded_dir() -> pathlib.Path:
    """A folder for embedded sets, each of which is drawn once for all processes of the tests."""
    folder = pathlib.Path(os.environ["CELLS_CACHE_DIR"], "embedded")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def digits_dir(embedded_dir: pathlib.Path) -> pathlib.Path:
    """A folder that holds the embedded set `digits`."""
    from cells import data

    data.builder("digits", embedded_dir)
    return embedded_dir


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
