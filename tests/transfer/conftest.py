"""What the tests of the second stage share: the digits, prepared once."""

from __future__ import annotations

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the embedded set `digits`."""
    from cells import data

    folder = tmp_path_factory.mktemp("tfds")
    data.builder("digits", folder)
    return folder


@pytest.fixture(scope="session")
def run(digits_dir, tmp_path_factory):
    """A trained network: folder, metrics. Copy the folder to change it."""
    import tf_keras
    from transfer_runs import params

    from transfer.training import runner

    folder = tmp_path_factory.mktemp("run") / "model"
    metrics = runner.run(params(digits_dir), "train_and_eval", str(folder))
    tf_keras.backend.clear_session()
    return folder, metrics


@pytest.fixture(scope="session")
def trained(run):
    from transfer.training import checkpoints

    return checkpoints.open_trained(str(run[0]))


@pytest.fixture(scope="session")
def digits(digits_dir):
    """All test images, scaled by hand, and their labels."""
    import numpy as np
    import tensorflow_datasets as tfds

    from cells import data

    examples = list(tfds.as_numpy(data.builder("digits", digits_dir).as_dataset(split="test")))
    images = np.stack([e["image"] for e in examples]).astype("float32") / 127.5 - 1
    return images, np.array([e["label"] for e in examples])
