"""The processes that train one network together, as the environment variable TF_CONFIG names them.

Read without TensorFlow, since a strategy of several workers has to be the first to start it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from cells.support import json_file
from cells.support.errors import UserError

#: The jobs of a cluster; those of parameter servers are all needed.
_JOBS = ("chief", "worker")
_JOBS_OF_SERVERS = ("chief", "worker", "ps")

#: What a TF_CONFIG with such jobs may look like.
_EXAMPLES = {
    _JOBS: '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}, or is not set',
    _JOBS_OF_SERVERS: '{"cluster": {"chief": ["host0:2222"], "worker": ["host1:2222"], '
    '"ps": ["host2:2222"]}, "task": {"type": "chief", "index": 0}}',
}


@dataclass(frozen=True)
class Worker:
    """This process among those that train together.

    Attributes:
        count: how many there are.
        chief: whether it is the one that writes the folder of the run.
        serves: whether it only does what the chief asks of it, as all but the chief do under
            `parameter_server`.
    """

    count: int = 1
    chief: bool = True
    serves: bool = False


def this(runtime: Any) -> Worker:
    """Which worker this process is; the only one without TF_CONFIG and `runtime.worker_hosts`.

    `runtime.worker_hosts` and `.task_index` are made a TF_CONFIG, as Model Garden does.

    Args:
        runtime: Model Garden's part of a configuration.

    Raises:
        UserError: TF_CONFIG is malformed, of several workers while the strategy is for one, or
            without the servers that the strategy needs.
    """
    servers = runtime.distribution_strategy == "parameter_server"
    if runtime.worker_hosts and not os.environ.get("TF_CONFIG"):
        os.environ["TF_CONFIG"] = json.dumps(_of_hosts(runtime))
    if servers:
        return _with_servers(os.environ.get("TF_CONFIG", ""))
    if not os.environ.get("TF_CONFIG"):
        return Worker()
    cluster, kind, index = _read(os.environ["TF_CONFIG"], _JOBS)
    count = len(cluster["worker"]) + len(cluster.get("chief", []))
    if count > 1 and runtime.distribution_strategy != "multi_worker_mirrored":
        raise UserError(
            f"runtime.distribution_strategy: {runtime.distribution_strategy} trains in one "
            f"process, and TF_CONFIG names {count} workers, each of which would train for itself; "
            "use multi_worker_mirrored, or unset TF_CONFIG"
        )
    return Worker(count, kind == "chief" or ("chief" not in cluster and index == 0))


def _of_hosts(runtime: Any) -> dict[str, Any]:
    hosts = [host.strip() for host in runtime.worker_hosts.split(",")]
    index = 0 if len(hosts) == 1 else runtime.task_index
    if not 0 <= index < len(hosts):
        raise UserError(
            f"runtime.task_index: {index} is none of the {len(hosts)} runtime.worker_hosts; give "
            f"each worker its own, 0 to {len(hosts) - 1}"
        )
    return {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}


def _with_servers(text: str) -> Worker:
    cluster, kind, _ = _read(text, _JOBS_OF_SERVERS) if text else ({}, "", 0)
    if not all(cluster.get(job) for job in _JOBS_OF_SERVERS) or len(cluster["chief"]) > 1:
        why = (
            "does not name one chief, workers and parameter servers (ps), as parameter_server needs"
        )
        raise _malformed(why, _JOBS_OF_SERVERS)
    chief = kind == "chief"
    return Worker(len(cluster["worker"]), chief, serves=not chief)


def _read(text: str, jobs: tuple[str, ...]) -> tuple[dict[str, list[str]], str, int]:
    """Cluster, type and index of a TF_CONFIG that holds together and has no other jobs."""
    try:
        value = json_file.loads(text, "cluster")
    except UserError as error:
        raise _malformed(str(error), jobs) from None
    cluster = value.get("cluster") if isinstance(value, dict) else None
    task = value.get("task") if isinstance(value, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _malformed("has no cluster and task", jobs)
    for kind, hosts in cluster.items():
        if kind not in jobs:
            raise _malformed(f"names the job {kind!r}, and there are {', '.join(jobs)} only", jobs)
        if not isinstance(hosts, list) or not all(_is_address(host) for host in hosts):
            raise _malformed(f"has no list of host:port as its {kind!r}", jobs)
    cluster.setdefault("worker", [])
    kind, index = task.get("type"), task.get("index")
    hosts = cluster.get(kind, []) if isinstance(kind, str) else []
    if not isinstance(index, int) or not 0 <= index < len(hosts):
        raise _malformed(
            f"says that this is {kind!r} {index!r}, which its cluster does not have", jobs
        )
    return cluster, str(kind), index


def _is_address(host: object) -> bool:
    return isinstance(host, str) and host.rpartition(":")[2].isdecimal() and ":" in host


def _malformed(why: str, jobs: tuple[str, ...]) -> UserError:
    return UserError(f"TF_CONFIG: {why}; it looks like {_EXAMPLES[jobs]}")
