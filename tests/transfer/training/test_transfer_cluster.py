"""Two workers in processes of their own: one is killed, one is told to stop, and they go on."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal

import numpy as np
import tensorflow as tf
from forked_commands import Forked, begin_forked, wait_until
from transfer_runs import LIGHT, free_addresses, training

SMALL = """
task: {model: {auxiliary_head: false, input_size: [8, 8, 3], cells: {filters: 4}},
       train_data: {global_batch_size: 8, shuffle_buffer_size: 64}}
trainer: {train_steps: %d, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 8}
runtime: {distribution_strategy: multi_worker_mirrored}
"""


class Workers:
    """Both workers of a run, and what they said."""

    def __init__(self, folder: pathlib.Path, digits_dir: pathlib.Path, steps: int):
        self.folder = folder
        self.arguments = training(folder, digits_dir, SMALL % steps, LIGHT)
        self.before = self.checkpoints()
        hosts = free_addresses(2)
        self.processes = [self._start(hosts, i) for i in range(2)]

    def _start(self, hosts: list[str], index: int) -> Forked:
        task = {"type": "worker", "index": index}
        cluster = json.dumps({"cluster": {"worker": hosts}, "task": task})
        weights = str(self.folder / f"weights-{index}.npz")
        environment = {**os.environ, "TF_CONFIG": cluster}
        return begin_forked("run_worker", weights, *self.arguments, environment=environment)

    def checkpoints(self) -> set[pathlib.Path]:
        return set((self.folder / "model").glob("ckpt-*.index"))

    def signal_the_second(self, signum: int) -> None:
        """Behind the next checkpoint."""
        wait_until(lambda: not self.checkpoints() <= self.before)
        os.kill(self.processes[1].pid, signum)

    def wait(self) -> list[int]:
        self.ended = [process.end() for process in self.processes]
        return [ended.returncode for ended in self.ended]

    def said(self, index: int) -> str:
        """The last line of the command on standard error, where TensorFlow writes, too."""
        lines = self.ended[index].stderr.splitlines()
        return next((line for line in lines[::-1] if line.startswith("cell-transfer: ")), "")

    def printed(self, index: int) -> list[str]:
        return self.ended[index].stdout.splitlines()


def test_workers_stop_together_and_go_on(digits_dir, tmp_path):
    killed = Workers(tmp_path, digits_dir, 100_000)
    killed.signal_the_second(signal.SIGKILL)
    assert killed.wait() == [2, -signal.SIGKILL]
    assert killed.said(0).startswith("cell-transfer: another worker was lost after step ")
    assert "give the same command on all workers again: they go on from " in killed.said(0)

    stopped = Workers(tmp_path, digits_dir, 100_000)
    stopped.signal_the_second(signal.SIGTERM)
    assert stopped.wait() == [128 + signal.SIGTERM] * 2
    assert " of another worker at step " in stopped.said(0)
    steps = {re.search(r"at step ([\d,]+), whose", stopped.said(i))[1] for i in range(2)}
    step = int(steps.pop().replace(",", ""))
    assert not steps

    last = Workers(tmp_path, digits_dir, step + 8)
    assert last.wait() == [0, 0], last.said(0)
    _, begun, *lines = zip(last.printed(0), last.printed(1), strict=True)
    assert begun[0].startswith(f"continues at step {step:,} ") and begun[0] == begun[1]
    assert lines[0] == ("2 replicas share each batch of 8 images",) * 2
    told = [[line.split("learning rate")[0] for line in pair] for pair in lines[1:3]]
    assert all("loss" in a and a == b for a, b in told)  # Equal losses on both.
    mine, other = (np.load(tmp_path / f"weights-{i}.npz") for i in range(2))
    for name in mine.files:
        np.testing.assert_array_equal(mine[name], other[name])
    reader = tf.train.load_checkpoint(str(tmp_path / "model"))
    assert reader.get_tensor("global_step/.ATTRIBUTES/VARIABLE_VALUE") == step + 8
    # One of them writes: a list of checkpoints, and one file of summaries for each start.
    assert len(list((tmp_path / "model" / "train").glob("events*"))) == 3
