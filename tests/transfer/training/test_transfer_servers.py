"""Parameter servers: a chief, two workers and a server in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import numpy as np
import tensorflow as tf
from forked_commands import begin_forked
from transfer_runs import LIGHT, free_addresses, training

SMALL = """
task: {model: {auxiliary_head: false, input_size: [8, 8, 3], cells: {filters: 4}},
       train_data: {global_batch_size: 8, shuffle_buffer_size: 64}}
trainer: {train_steps: 13, steps_per_loop: 5, summary_interval: 5, checkpoint_interval: 5}
runtime: {distribution_strategy: parameter_server}
"""


@contextlib.contextmanager
def cluster(*arguments: str):
    """The chief and those that work for it, by job and number."""
    hosts = free_addresses(4)
    jobs = {"chief": hosts[:1], "worker": hosts[1:3], "ps": hosts[3:]}
    processes = {}
    for job, of_job in jobs.items():
        for index in range(len(of_job)):
            task = {"cluster": jobs, "task": {"type": job, "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            processes[job, index] = begin_forked("transfer", *arguments, environment=environment)
    try:
        yield processes
    finally:
        for process in processes.values():
            if not process.out.closed:  # It was not waited for yet.
                os.kill(process.pid, signal.SIGKILL)
                process.end()


def test_workers_share_the_steps_of_a_chief(digits_dir, tmp_path):
    with cluster(*training(tmp_path, digits_dir, SMALL, LIGHT)) as processes:
        chief = processes["chief", 0].end()
        assert chief.returncode == 0, chief.stderr
        os.kill(processes["ps", 0].pid, signal.SIGTERM)
        assert processes["ps", 0].end().returncode != 0
        assert all("works for the chief" in processes["worker", i].said() for i in range(2))
    told = [line for line in chief.stdout.splitlines() if line.startswith("step ")]
    assert [line.split("/")[0] for line in told] == ["step 5", "step 10", "step 13"]
    assert np.isfinite([float(line.split("loss ")[1].split()[0]) for line in told]).all()
    reader = tf.train.load_checkpoint(str(tmp_path / "model"))
    assert reader.get_tensor("global_step/.ATTRIBUTES/VARIABLE_VALUE") == 13
