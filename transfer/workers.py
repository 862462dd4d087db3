"""The processes that train one network together, as the environment variable TF_CONFIG names them.

Read without TensorFlow, since a strategy of several workers has to be the first to start it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from cells.errors import UserError

_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Worker:
    """This process among those that train together.

    Attributes:
        count: how many there are.
        chief: whether it is the one that writes the folder of the run.
    """

    count: int = 1
    chief: bool = True


def this(runtime: Any) -> Worker:
    """Which worker this process is; the only one without TF_CONFIG and `runtime.worker_hosts`.

    `runtime.worker_hosts` and `.task_index` are made a TF_CONFIG, as Model Garden does.

    Args:
        runtime: Model Garden's part of a configuration.

    Raises:
        UserError: TF_CONFIG is malformed, or of several workers while the strategy is for one.
    """
    if runtime.worker_hosts and not os.environ.get("TF_CONFIG"):
        os.environ["TF_CONFIG"] = json.dumps(_of_hosts(runtime))
    if not os.environ.get("TF_CONFIG"):
        return Worker()
    cluster, kind, index = _read(os.environ["TF_CONFIG"])
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


def _read(text: str) -> tuple[dict[str, list[str]], str, int]:
    """Cluster, type and index of a TF_CONFIG that holds together."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _malformed(f"is not JSON ({error})") from None
    cluster = value.get("cluster") if isinstance(value, dict) else None
    task = value.get("task") if isinstance(value, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _malformed("has no cluster and task")
    for kind, hosts in cluster.items():
        if kind not in ("chief", "worker"):
            raise _malformed(f"names the job {kind!r}, and there are chief and worker only")
        if not isinstance(hosts, list) or not all(_is_address(host) for host in hosts):
            raise _malformed(f"has no list of host:port as its {kind!r}")
    cluster.setdefault("worker", [])
    kind, index = task.get("type"), task.get("index")
    hosts = cluster.get(kind, []) if isinstance(kind, str) else []
    if not isinstance(index, int) or not 0 <= index < len(hosts):
        raise _malformed(f"says that this is {kind!r} {index!r}, which its cluster does not have")
    return cluster, str(kind), index


def _is_address(host: object) -> bool:
    return isinstance(host, str) and host.rpartition(":")[2].isdecimal() and ":" in host


def _malformed(why: str) -> UserError:
    return UserError(f"TF_CONFIG: {why}; it looks like {_EXAMPLE}, or is not set")
