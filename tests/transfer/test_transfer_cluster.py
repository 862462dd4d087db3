"""Two workers in processes of their own, of which one is killed."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import tensorflow as tf
from transfer_runs import SETTINGS, TINY

HERE = pathlib.Path(__file__).parent
SMALL = """
task: {model: {auxiliary_head: false, input_size: [8, 8, 3], cells: {filters: 4}},
       train_data: {global_batch_size: 8, shuffle_buffer_size: 64}}
trainer: {train_steps: 100000, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 8}
runtime: {distribution_strategy: multi_worker_mirrored}
"""


def free_addresses(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


class Workers:
    """Both workers of a run, and what they said."""

    def __init__(self, folder: pathlib.Path, digits_dir: pathlib.Path):
        self.folder = folder
        (folder / "base.yaml").write_text(SETTINGS)
        (folder / "small.yaml").write_text(SMALL)
        hosts = free_addresses(2)
        self.processes = [self._start(digits_dir, hosts, i) for i in range(2)]

    def _start(self, digits_dir, hosts, index) -> subprocess.Popen:
        task = {"type": "worker", "index": index}
        cluster = json.dumps({"cluster": {"worker": hosts}, "task": task})
        arguments = [
            "--mode=train",
            f"--config_file={self.folder / 'base.yaml'}",
            f"--config_file={self.folder / 'small.yaml'}",
            f"--genotype={TINY}",
            f"--model_dir={self.folder / 'model'}",
            f"--data_dir={digits_dir}",
        ]
        with open(self.folder / f"{index}.out", "w") as out, open(self._errors(index), "w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "transfer", *arguments],
                stdout=out,
                stderr=err,
                env={**os.environ, "TF_CONFIG": cluster, "PYTHONPATH": str(HERE.parents[1])},
            )

    def _errors(self, index: int) -> pathlib.Path:
        return self.folder / f"{index}.err"

    def kill_the_second(self) -> None:
        """Behind a checkpoint."""
        while not list((self.folder / "model").glob("ckpt-*.index")):
            assert all(process.poll() is None for process in self.processes), self.said(0)
            time.sleep(0.05)
        self.processes[1].kill()

    def wait(self) -> list[int]:
        return [process.wait() for process in self.processes]

    def said(self, index: int) -> str:
        """The last line on standard error."""
        return (self._errors(index).read_text().strip().splitlines() or [""])[-1]


def test_when_a_worker_is_killed_the_other_says_so(digits_dir, tmp_path):
    """Both train, and the first writes; then it ends in one sentence, with what is kept."""
    killed = Workers(tmp_path, digits_dir)
    killed.kill_the_second()
    assert killed.wait() == [2, -signal.SIGKILL]
    assert killed.said(0).startswith("cell-transfer: another worker was lost after step ")
    kept = tf.train.latest_checkpoint(str(tmp_path / "model"))
    assert killed.said(0).endswith(f"on all workers again: they go on from {kept}")
    # One of them writes: a list of checkpoints, and a file of summaries.
    assert len(list((tmp_path / "model" / "train").glob("events*"))) == 1
