"""A run at an address in the place of a folder: TensorFlow's `ram://` stands for `gs://`."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import transfer
from cells import UserError
from cells.data.encoding import image_files

LIGHT = str(pathlib.Path(__file__).parents[1] / "light.json")


def write_images(address: str, count: int) -> None:
    """TFRecords of images of two classes, one dark, one light."""
    with tf.io.TFRecordWriter(address) as writer:
        for number in range(count):
            pixels = np.full((16, 16, 3), 40 + 150 * (number % 2), np.uint8)
            encoded = image_files.as_png(Image.fromarray(pixels))
            features = {
                "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
                "image/class/label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[number % 2])
                ),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def settings(steps: int) -> dict:
    side = {"input_path": "ram://bucket/images.tfrecord", "global_batch_size": 8}
    return {
        "task": {
            "model": {
                "num_classes": 2,
                "input_size": [16, 16, 3],
                "cells": {"network": "cifar", "normal_cells": 1, "filters": 8},
            },
            "train_data": side,
            "validation_data": side,
        },
        "trainer": {
            "train_steps": steps,
            "steps_per_loop": 2,
            "summary_interval": 2,
            "checkpoint_interval": 2,
            "validation_interval": 2,
        },
    }


def test_a_run_lives_at_an_address(tmp_path):
    write_images("ram://bucket/images.tfrecord", 32)
    run = "ram://bucket/run"
    first = transfer.train(run, genotype=LIGHT, params_override=settings(2), evaluate=True)
    assert first.steps == 2 and tf.io.gfile.exists(f"{run}/evaluation.json")
    # The same call goes on, from what lies there.
    more = transfer.train(run, genotype=LIGHT, params_override=settings(4))
    assert more.steps == 4
    with pytest.raises(UserError, match="other settings"):
        other = settings(4)
        other["task"]["model"]["cells"]["filters"] = 16
        transfer.train(run, genotype=LIGHT, params_override=other)
    # What is looked at there is what a copy on this machine says.
    found = transfer.evaluate(run)
    assert found.metrics["images"] == 32 and tf.io.gfile.exists(f"{run}/evaluation.png")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in tf.io.gfile.listdir(run):
        if not tf.io.gfile.isdir(f"{run}/{name}"):
            tf.io.gfile.copy(f"{run}/{name}", str(copy / name))
    state = (copy / "checkpoint").read_text().replace(f"{run}/", "")
    (copy / "checkpoint").write_text(state)
    here = transfer.evaluate(copy)
    assert here.metrics == found.metrics


def test_addresses_that_nobody_serves_are_told_in_a_sentence():
    with pytest.raises(UserError, match=r"^nowhere://run/.*: TensorFlow has no file system for"):
        transfer.train("nowhere://run", genotype=LIGHT, params_override=settings(2))
