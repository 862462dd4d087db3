"""Half precision changes how a network is trained, and not that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from transfer_runs import params

from transfer import runner

SMALL = """
task:
  model: {auxiliary_head: false, input_size: [8, 8, 3], synchronized_batch_norm: true,
          cells: {filters: 4, drop_path_keep: 1.0}}
  train_data: {global_batch_size: 16, shuffle_buffer_size: 100, seed: 2, aug_shift: 1}
trainer: {train_steps: 24, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 24}
runtime: {mixed_precision_dtype: bfloat16}
"""


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    tf_keras.mixed_precision.set_global_policy("float32")


def test_in_bfloat16_the_loss_falls_and_weights_stay_float32(digits_dir, tmp_path, capsys):
    metrics = runner.run(params(digits_dir, SMALL), "train_and_eval", str(tmp_path / "run"))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert np.isfinite(metrics["validation_loss"])
    assert len(losses) == 6 and np.mean(losses[-2:]) < losses[0]
    kept = tf.train.load_checkpoint(str(tmp_path / "run")).get_variable_to_dtype_map()
    assert set(kept.values()) <= {tf.float32, tf.int64, tf.string}
    assert any("average" in name for name in kept)
