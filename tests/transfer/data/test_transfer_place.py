"""A resumed run sees the images, and drops what, a run that was never interrupted would have."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
import yaml
from transfer_runs import LIGHT, params

from cells.support.errors import Stopped
from transfer.config import schema
from transfer.data import dataset as data
from transfer.training import checkpoints, runner

IMAGES, BATCH = 48, 16
MODEL = schema.Model(num_classes=10, input_size=[8, 8, 3])


def training(digits_dir, **changes) -> schema.DataConfig:
    settings = {
        "tfds_name": "digits",
        "tfds_split": f"train[:{IMAGES}]",
        "tfds_data_dir": str(digits_dir),
        "global_batch_size": BATCH,
        "shuffle_buffer_size": 10,
        "seed": 5,
    }
    return schema.DataConfig(is_training=True, **{**settings, **changes})


def batches(given: schema.DataConfig, step: int, until: int, context=None) -> list:
    dataset = data.build_dataset(given, MODEL, context, step)
    return list(dataset.take(until - step).as_numpy_iterator())


@pytest.fixture
def records(tmp_path):
    """Three files of 7, 20 and 21 images."""
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8, 3)).astype("uint8")
    for name, first, last in (("a", 0, 7), ("b", 7, 27), ("c", 27, IMAGES)):
        with tf.io.TFRecordWriter(str(tmp_path / name)) as writer:
            for i in range(first, last):
                png = tf.train.BytesList(value=[tf.io.encode_png(pixels[i]).numpy()])
                label = tf.train.Int64List(value=[i % 10])
                features = {
                    "image/encoded": tf.train.Feature(bytes_list=png),
                    "image/class/label": tf.train.Feature(int64_list=label),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return {"tfds_name": "", "tfds_split": "", "input_path": str(tmp_path / "?")}


@pytest.mark.parametrize("kind", ["tfds", "records", "cache"])
def test_from_any_step_the_same_batches_follow(digits_dir, request, kind):
    changes = request.getfixturevalue("records") if kind == "records" else {}
    given = training(
        digits_dir, cache=kind == "cache", aug_shift=2, aug_cutout=3, aug_rand_hflip=True, **changes
    )
    whole = batches(given, 0, 7)
    # From within the second epoch into the third.
    for now, then in zip(batches(given, 4, 7), whole[4:], strict=True):
        np.testing.assert_array_equal(now[0], then[0])
        np.testing.assert_array_equal(now[1], then[1])
    assert any(np.any(a != b) for a, b in zip(whole[0][0], whole[3][0], strict=True))


def sorted_rows(images) -> np.ndarray:
    rows = np.concatenate(images).reshape(-1, 8 * 8 * 3)
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("kind", ["tfds", "records"])
def test_each_epoch_has_every_image_once_in_another_order(digits_dir, request, kind):
    changes = request.getfixturevalue("records") if kind == "records" else {}
    given = training(digits_dir, aug_rand_hflip=False, **changes)
    images = [images for images, _ in batches(given, 0, 6)]
    stored = [x for x, _ in batches(given.replace(is_training=False, seed=None), 0, 3)]
    first, second = images[:3], images[3:]
    np.testing.assert_array_equal(sorted_rows(first), sorted_rows(stored))
    np.testing.assert_array_equal(sorted_rows(second), sorted_rows(stored))
    assert np.any(np.concatenate(first) != np.concatenate(second))
    assert np.any(np.concatenate(first) != np.concatenate(stored))


def context(pipeline: int, pipelines: int) -> tf.distribute.InputContext:
    return tf.distribute.InputContext(pipelines, pipeline, pipelines)


@pytest.mark.parametrize("kind", ["tfds", "records"])
def test_workers_share_every_epoch(digits_dir, request, kind):
    """By files where there are enough of them: of 7 and 21 images, and of 20."""
    changes = request.getfixturevalue("records") if kind == "records" else {}
    given = training(digits_dir, aug_rand_hflip=False, global_batch_size=2, **changes)
    sizes = (28, 20) if kind == "records" else (24, 24)
    shares = []
    for pipeline, size in enumerate(sizes):
        whole = [x for x, _ in batches(given, 0, size + 3, context(pipeline, 2))]
        shares += whole[:size]
        later = [x for x, _ in batches(given, size + 1, size + 3, context(pipeline, 2))]
        np.testing.assert_array_equal(later, whole[size + 1 :])
    stored = [x for x, _ in batches(given.replace(is_training=False, seed=None), 0, 24)]
    np.testing.assert_array_equal(sorted_rows(shares), sorted_rows(stored))


SETTINGS = """
task:
  seed: null
  model: {auxiliary_head: false, input_size: [8, 8, 3],
          cells: {filters: 4, drop_path_keep: 0.6, dropout: 0.3}}
  train_data: {global_batch_size: 8, shuffle_buffer_size: 100, aug_shift: 1, aug_rand_hflip: true,
               tfds_split: "train[:40]"}
trainer:
  {train_steps: 40, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 4,
   # Small, so that what is rounded otherwise does not grow; a step still moves weights by more.
   optimizer_config: {learning_rate: {cosine: {initial_learning_rate: 0.002}}}}
"""


def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(digits_dir, tmp_path):
    """No seed is given: the run draws its own, and keeps them."""
    folder, other = tmp_path / "interrupted", tmp_path / "whole"

    def send() -> None:
        while not list(folder.glob("ckpt-*.index")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    def asked():
        return params(digits_dir, SETTINGS, genotype=LIGHT)

    threading.Thread(target=send, daemon=True).start()
    with pytest.raises(Stopped):
        runner.run(asked(), "train", str(folder))
    stopped_at = checkpoints.step_of(checkpoints.find(str(folder)))
    assert 0 < stopped_at < 40
    runner.run(asked(), "train", str(folder))

    kept = yaml.safe_load((folder / "params.yaml").read_text())["task"]
    settings = asked()
    settings.task.seed, settings.task.train_data.seed = kept["seed"], kept["train_data"]["seed"]
    runner.run(settings, "train", str(other))
    resumed, whole = (tf.train.load_checkpoint(str(path / "ckpt-40")) for path in (folder, other))
    names = whole.get_variable_to_shape_map()
    assert names == resumed.get_variable_to_shape_map()
    for name, dtype in whole.get_variable_to_dtype_map().items():
        if dtype != tf.string and "save_counter" not in name:
            # Convolutions on several threads sum in any order.
            np.testing.assert_allclose(
                resumed.get_tensor(name), whole.get_tensor(name), rtol=1e-4, atol=1e-5, err_msg=name
            )
