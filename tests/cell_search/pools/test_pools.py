"""Pools: `processes` by the contract, and what is its own; a search is the same in all of them."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest
from pool_contract import PoolContract, gone, request, result, wait_for, workers_of
from search_commands import ROOT

import cell_search
from cell_search.config import comparison, resolve, schema
from cell_search.driver import driver
from cell_search.pools import Inline, Pool, Processes
from cell_search.pools._slots import Slots, Worker, WorkerDied
from cells.support import overrides
from cells.support.errors import UserError


class TestProcesses(PoolContract):
    @classmethod
    def make(cls, workers: int, seconds: float = 0.0) -> Pool:
        return Processes(workers=workers, seconds=seconds).open()


def test_each_worker_has_its_own_gpu_and_its_share_of_the_cores(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,-1,7")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6))
    pool = Processes().open()
    assert pool.workers == 2, "CUDA reads no further than to the first that does not exist"
    try:
        both = [pool.submit(request(number, tmp_path, "wait")) for number in (0, 1)]
        for number in (0, 1):
            wait_for((tmp_path / f"begun-{number}").exists)
        (tmp_path / "go").touch()
        metrics = [result(future).metrics for future in both]
        assert {m["gpu"] for m in metrics} == {3.0, 5.0}
        assert {m["threads"] for m in metrics} == {3.0}
    finally:
        pool.close()


def test_without_gpus_there_are_as_many_workers_as_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3))
    pool = Processes().open()
    assert pool.workers == 3
    pool.close()


def test_a_killed_driver_leaves_no_worker_behind(tmp_path: pathlib.Path) -> None:
    code = (
        "import pathlib, sys\n"
        "from pool_contract import request\n"
        "from cell_search.pools import Processes\n"
        "if __name__ == '__main__':\n"
        "    pool, folder = Processes(workers=2).open(), pathlib.Path(sys.argv[1])\n"
        "    first = pool.submit(request(0, folder)).result()\n"
        "    pool.submit(request(1, folder, 'hang'))\n"
        "    print(int(first.metrics['process']), flush=True)\n"
        "    pool.submit(request(2, folder, 'hang')).result()\n"
    )
    script = tmp_path / "drive.py"
    script.write_text(code)
    paths = os.pathsep.join([str(ROOT), str(pathlib.Path(__file__).parents[2] / "helpers")])
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert process.stdout is not None
    first = int(process.stdout.readline())
    for number in (1, 2):
        wait_for((tmp_path / f"begun-{number}").exists)
    workers = workers_of(process.pid)
    assert first in workers and len(workers) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    for worker in workers:
        wait_for(lambda worker=worker: gone(worker), seconds=60)


class Stillborn(Worker):
    """Dies while it starts."""

    def start(self) -> None:
        raise WorkerDied("with exit code 1")

    def alive(self) -> bool:
        return False

    def kill(self) -> None:
        pass

    ask = None  # type: ignore[assignment]


def test_workers_that_cannot_start_end_the_search(tmp_path: pathlib.Path) -> None:
    """No candidate is to blame, so none fails."""
    pool = Slots([Stillborn], 0.0, "pool.processes")
    with pytest.raises(UserError, match=r"pool\.processes: a worker died while it started, with"):
        result(pool.submit(request(0, tmp_path)))
    pool.close()


def _story(path: pathlib.Path, settings: dict) -> list[tuple]:
    trials = cell_search.search(settings, directory=path).study.trials
    return [(t.number, t.state, t.value, t.params, t.user_attrs["finished"]) for t in trials]


def test_one_worker_finds_what_this_process_finds(counting: dict, tmp_path: pathlib.Path) -> None:
    counting["trials"] = 25
    pool = {"type": "processes", "processes": {"workers": 1}}
    inline = _story(tmp_path / "inline", counting)
    assert _story(tmp_path / "worker", {**counting, "pool": pool}) == inline
    # The pool is free: the same search goes on with another one, and further.
    counting["trials"] = 30
    assert _story(tmp_path / "worker", counting)[:25] == inline


def test_two_workers_give_every_trial_once(counting: dict, tmp_path: pathlib.Path) -> None:
    pool = {"type": "processes", "processes": {"workers": 2}}
    story = _story(tmp_path, {**counting, "pool": pool})
    assert [number for number, *_ in story] == list(range(40))
    assert sorted(finished for *_, finished in story) == list(range(40))
    # Scores do not depend on the pool: each is that of its own decisions.
    inline = resolve.resolve(schema.from_values(counting, "test"))
    assert len({value for _, _, value, *_ in story}) > 10
    for number, _, value, params, _ in story[::7]:
        pool = inline.pool.open()
        made = driver.request_of(inline, number, params)
        assert pool.submit(made).result().reward == value


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", Inline()),
        ("pool=processes", Processes()),
        ("pool.type=processes,pool.processes.workers=3", Processes(workers=3)),
        (
            "{pool: {type: processes, processes: {seconds: 90, threads: 2}}}",
            Processes(seconds=90, threads=2),
        ),
    ],
)
def test_a_pool_is_chosen_by_name(text: str, settings: object) -> None:
    values = overrides.override(schema.SearchConfig(), text=text)
    assert resolve.resolve(values).pool == settings


def test_directories_of_before_name_a_pool_only() -> None:
    stored = schema.used_values(schema.SearchConfig()) | {"pool": "inline"}
    comparison.require_same(schema.from_values(stored, "config.yaml"), stored, "config.yaml")
    now = overrides.override(schema.SearchConfig(), text="pool=processes")
    comparison.require_same(now, stored, "config.yaml")


def test_impossible_settings_are_named() -> None:
    with pytest.raises(
        UserError, match=r"pool\.processes\.seconds: -1 is too small; use at least 0"
    ):
        Processes(seconds=-1).check()
