"""Parameter servers: a chief, two workers and a server in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import tensorflow as tf
from transfer_runs import LIGHT, free_addresses, training

SMALL = """
task: {model: {auxiliary_head: false, input_size: [8, 8, 3], cells: {filters: 4}},
       train_data: {global_batch_size: 8, shuffle_buffer_size: 64}}
trainer: {train_steps: 13, steps_per_loop: 5, summary_interval: 5, checkpoint_interval: 5}
runtime: {distribution_strategy: parameter_server}
"""


@contextlib.contextmanager
def cluster(folder: pathlib.Path, *arguments: str):
    """The chief, which writes to `chief0.out`, and those that work for it."""
    hosts = free_addresses(4)
    jobs = {"chief": hosts[:1], "worker": hosts[1:3], "ps": hosts[3:]}
    processes = {}
    for job, of_job in jobs.items():
        for index in range(len(of_job)):
            task = {"cluster": jobs, "task": {"type": job, "index": index}}
            with open(folder / f"{job}{index}.out", "w") as out:
                processes[job, index] = subprocess.Popen(
                    [sys.executable, "-m", "transfer", *arguments],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=pathlib.Path(__file__).parents[3],
                    env={**os.environ, "TF_CONFIG": json.dumps(task)},
                )
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_workers_share_the_steps_of_a_chief(digits_dir, tmp_path):
    with cluster(tmp_path, *training(tmp_path, digits_dir, SMALL, LIGHT)) as processes:
        said = (tmp_path / "chief0.out").read_text
        assert processes["chief", 0].wait(300) == 0, said()
        processes["ps", 0].send_signal(signal.SIGTERM)
        assert processes["ps", 0].wait(60) != 0
    told = [line for line in said().splitlines() if line.startswith("step ")]
    assert [line.split("/")[0] for line in told] == ["step 5", "step 10", "step 13"]
    assert np.isfinite([float(line.split("loss ")[1].split()[0]) for line in told]).all()
    reader = tf.train.load_checkpoint(str(tmp_path / "model"))
    assert reader.get_tensor("global_step/.ATTRIBUTES/VARIABLE_VALUE") == 13
    for index in range(2):
        assert "works for the chief" in (tmp_path / f"worker{index}.out").read_text()
