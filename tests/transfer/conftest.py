"""What the tests of the second stage share: the digits, prepared once."""

from __future__ import annotations

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the embedded set `digits`."""
    from cells import datasets

    folder = tmp_path_factory.mktemp("tfds")
    datasets.builder("digits", folder)
    return folder
