"""The pool `ray`: by the contract, and with a cluster of two nodes of which one is killed."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from drivers import Job, Scored, ends, has_finished, trials_of
from optuna.trial import TrialState
from pool_contract import PoolContract, wait_for

from cell_search.pools import Pool, Ray
from cells.support.errors import UserError

pytest.importorskip("ray", reason="the extra ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on loopback with one and with two CPUs."""
    from ray.cluster_utils import Cluster

    tests = pathlib.Path(__file__).parents[2] / "helpers"
    patch = pytest.MonkeyPatch()
    # The nodes find this project and these tests as those of a real cluster find what they need.
    paths = [str(tests.parents[1]), str(tests), os.environ.get("PYTHONPATH", "")]
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    patch.setenv("RAY_enable_metrics_collection", "0")
    node = {"object_store_memory": 80_000_000}
    head = {"num_cpus": 1, "include_dashboard": False, **node}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        made.add_node(num_cpus=2, **node)
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
    finally:
        made.shutdown()
        patch.undo()


@pytest.mark.usefixtures("cluster")
class TestRay(PoolContract):
    # Ray counts the time in which a worker imports what a request needs.
    limit = 10.0

    @classmethod
    def make(cls, workers: int, seconds: float = 0.0) -> Pool:
        return Ray(workers=workers, seconds=seconds).open()


def test_a_node_is_killed_in_the_middle(
    cluster: Any, tmp_path: pathlib.Path, start: Callable[[Job], Any]
) -> None:
    """Its two candidates go to whoever is left, though nobody replaces the two workers."""
    pool = {"type": "ray", "ray": {"address": cluster.address}}
    job = Job(tmp_path / "search", {"pool": pool, "trials": 30}, Scored(seconds=0.3))
    process = start(job)
    wait_for(lambda: has_finished(job.path, 6))
    _, second = cluster.list_all_nodes()
    cluster.remove_node(second, allow_graceful=False)
    ends(process)
    known = trials_of(job.path)
    assert [t.number for t in known] == list(range(30))
    assert {t.state for t in known} == {TrialState.COMPLETE}
    assert sorted(t.user_attrs["finished"] for t in known) == list(range(30))


def test_a_cluster_that_is_not_there_or_has_no_room(cluster: Any) -> None:
    with pytest.raises(UserError, match=r"^pool\.ray\.address: 127\.0\.0\.1:1 cannot be reached"):
        Ray(address="127.0.0.1:1").open()
    with pytest.raises(UserError, match=r"^pool\.ray: a worker needs 1 CPUs and 1 GPUs, and the c"):
        Ray(address=cluster.address, gpus=1).open()


def test_impossible_settings_are_named() -> None:
    with pytest.raises(UserError, match=r"pool\.ray\.gpus: -1 is too small; use at least 0"):
        Ray(gpus=-1).check()
