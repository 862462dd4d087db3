"""What the tests of the second stage share: the digits, and a network trained on them."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def run(digits_dir, tmp_path_factory):
    """A trained network: folder, metrics. Copy the folder to change it.

    One process of the tests trains it, and each has a copy.
    """
    import tf_keras
    from transfer_runs import params

    from transfer.training import runner

    shared = pathlib.Path(os.environ["CELLS_CACHE_DIR"], "transfer")
    shared.mkdir(exist_ok=True)
    told = shared / "metrics.json"
    with open(shared / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            metrics = runner.run(params(digits_dir), "train_and_eval", str(shared / "model"))
            told.write_text(json.dumps(metrics, default=float))
            tf_keras.backend.clear_session()
    folder = tmp_path_factory.mktemp("run") / "model"
    shutil.copytree(shared / "model", folder)
    return folder, json.loads(told.read_text())


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
