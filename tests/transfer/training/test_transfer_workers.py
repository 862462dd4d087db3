"""Several workers: what TF_CONFIG says, and what is refused before they wait for each other."""

from __future__ import annotations

import json
import os

import pytest
from official.core import config_definitions
from transfer_runs import command, params

from cells.support.errors import UserError
from transfer.training import cluster as workers
from transfer.training import complete, devices

HOSTS = ["a:1", "b:2"]


def runtime(**changes) -> config_definitions.RuntimeConfig:
    settings = {"distribution_strategy": "multi_worker_mirrored", **changes}
    return config_definitions.RuntimeConfig(**settings)


def cluster(kind="worker", index=0, **jobs) -> str:
    return json.dumps(
        {"cluster": jobs or {"worker": HOSTS}, "task": {"type": kind, "index": index}}
    )


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.delenv("TF_CONFIG")


def test_without_a_cluster_there_is_one_worker_that_writes():
    assert workers.this(runtime()) == workers.Worker(1, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (cluster(), (2, True)),
        (cluster(index=1), (2, False)),
        (cluster("chief", chief=["c:1"], worker=HOSTS), (3, True)),
        (cluster("worker", 0, chief=["c:1"], worker=HOSTS), (3, False)),
        (cluster("chief", chief=["c:1"]), (1, True)),
    ],
)
def test_the_chief_is_tensorflows(monkeypatch, text, expected):
    """`tf.distribute` takes the job chief, or else worker 0, for the one that saves."""
    monkeypatch.setenv("TF_CONFIG", text)
    worker = workers.this(runtime())
    assert (worker.count, worker.chief) == expected
    from tensorflow.python.distribute import multi_worker_util

    value = json.loads(text)
    task = value["task"]["type"], value["task"]["index"]
    assert multi_worker_util.is_chief(value["cluster"], *task) == worker.chief
    assert multi_worker_util.worker_count(value["cluster"], task[0]) == worker.count


def test_of_parameter_servers_only_the_chief_trains_and_the_others_serve(monkeypatch):
    jobs = {"chief": ["c:1"], "worker": HOSTS, "ps": ["p:1"]}
    settings = runtime(distribution_strategy="parameter_server")
    for kind, serves in (("chief", False), ("worker", True), ("ps", True)):
        monkeypatch.setenv("TF_CONFIG", cluster(kind, **jobs))
        assert workers.this(settings) == workers.Worker(2, not serves, serves)


@pytest.mark.parametrize(
    "text",
    [
        "",
        cluster(),
        cluster(chief=["c:1"], worker=HOSTS),
        cluster("chief", chief=["c:1"], ps=["p:1"]),
    ],
)
def test_parameter_servers_need_all_three_jobs(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=r"^TF_CONFIG: does not name one chief.*\"ps\""):
        workers.this(runtime(distribution_strategy="parameter_server"))


def test_hosts_of_the_configuration_are_the_cluster():
    worker = workers.this(runtime(worker_hosts="a:1, b:2", task_index=1))
    assert worker == workers.Worker(2, False)
    assert json.loads(os.environ["TF_CONFIG"]) == json.loads(cluster(index=1))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not JSON"),
        ("[]", "has no cluster and task"),
        ('{"cluster": {}}', "has no cluster and task"),
        (cluster(worker="a:1"), "no list of host:port as its 'worker'"),
        (cluster(worker=["a"]), "no list of host:port as its 'worker'"),
        (cluster(index=2), "this is 'worker' 2, which its cluster does not have"),
        (cluster(index=-1), "this is 'worker' -1, which"),
        (cluster(index="0"), "this is 'worker' '0', which"),
        (cluster("evaluator"), "this is 'evaluator' 0, which"),
        (cluster(ps=["p:1"], worker=HOSTS), "names the job 'ps'"),
    ],
)
def test_a_malformed_cluster_is_one_sentence(monkeypatch, text, match):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=f"^TF_CONFIG: .*{match}.*; it looks like") as error:
        workers.this(runtime())
    assert "\n" not in str(error.value)


def test_several_workers_that_would_train_for_themselves_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster())
    with pytest.raises(UserError, match="mirrored trains in one process, and TF_CONFIG names 2"):
        workers.this(runtime(distribution_strategy="mirrored"))
    with pytest.raises(UserError, match=r"runtime\.task_index: -1 is none of the 2"):
        monkeypatch.delenv("TF_CONFIG")
        workers.this(runtime(worker_hosts="a:1,b:2"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"distribution_strategy": "mirored"}, "did you mean 'mirrored'"),
        ({"distribution_strategy": "mirrored", "num_gpus": 99}, "99 GPUs are asked for and"),
        ({"distribution_strategy": "one_device", "num_gpus": -2}, "-2 is negative"),
        ({"distribution_strategy": "tpu", "mixed_precision_dtype": "float16"}, "use bfloat16"),
    ],
)
def test_impossible_devices_are_one_sentence(changes, match):
    with pytest.raises(UserError, match=match) as error:
        complete.resolve_runtime(runtime(**changes))
    assert "\n" not in str(error.value)


def test_impossible_strategies_are_one_sentence(digits_dir):
    with pytest.raises(UserError, match="valid values for all_reduce_alg"):
        devices.strategy(runtime(all_reduce_alg="tree"))
    with pytest.raises(UserError, match="mirrored is compiled on GPUs only"):
        devices.strategy(runtime(distribution_strategy="mirrored", enable_xla=True))
    task = params(digits_dir, "task.train_data.global_batch_size=33").task
    with pytest.raises(UserError, match=r"train_data\.global_batch_size: 33 .* multiple of 2"):
        devices.check_batches(2, task, "train_and_eval")
    devices.check_batches(2, task, "eval")


def test_without_a_tpu_the_command_says_so_in_one_sentence(digits_dir, tmp_path):
    done = command(
        "--mode=train",
        f"--model_dir={tmp_path / 'model'}",
        f"--data_dir={digits_dir}",
        "--params_override=task.train_data.tfds_name=digits,task.validation_data.tfds_name=digits,"
        "runtime.distribution_strategy=tpu,runtime.tpu=local",
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("cell-transfer: runtime.tpu: no TPU answers to ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()
