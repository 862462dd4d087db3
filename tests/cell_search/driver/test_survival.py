"""Drivers and workers that are really killed, stopped, taken over and out of space."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from drivers import TRIALS, Job, Scored, ends, has_finished, said, story, trials_of
from optuna.trial import TrialState
from pool_contract import gone, wait_for, workers_of

from cell_search.study import lock
from cell_search.study.directory import SearchDirectory
from cells.genotype import genotype_file
from cells.support.errors import UserError

Start = Callable[[Job], Any]

KILLS = 22

WORKERS = {"type": "processes", "processes": {"workers": 2}}


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _files(path: pathlib.Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in [path / "genotype.json", *path.glob("top/*")]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The search with one worker that nothing happens to."""
    path = tmp_path_factory.mktemp("undisturbed") / "search"
    Job(path).run()
    return path


def _assert_like(path: pathlib.Path, undisturbed: pathlib.Path) -> None:
    """The same trials and the same winner; each trial has begun once and ended once."""
    assert story(path) == story(undisturbed)
    records = [json.loads(line) for line in (path / "study.journal").read_text().splitlines()]
    kinds = Counter(record["op_code"] for record in records)
    assert kinds[4] == TRIALS, "each trial is created once"
    assert kinds[6] == TRIALS, "each trial is told once"
    winners = [genotype_file.read(p / "genotype.json") for p in (path, undisturbed)]
    assert winners[0] == winners[1]
    assert winners[0].provenance["score"] == winners[1].provenance["score"]


def test_a_driver_killed_again_and_again(
    undisturbed: pathlib.Path, tmp_path: pathlib.Path, start: Start
) -> None:
    """SIGKILL at random moments: in a proposal, a candidate, a record, or before the first."""
    rng = np.random.default_rng(0)
    path = tmp_path / "search"
    journal = path / "study.journal"
    trial = _size(undisturbed / "study.journal") / TRIALS
    for _ in range(KILLS):
        process = start(Job(path))
        until = _size(journal) + rng.uniform(0, 3) * trial
        while _size(journal) < until and process.is_alive():
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.01))
        assert process.exitcode is None, "it was killed while it was at work"
        process.kill()
        process.join()
    assert 0 < sum(t.state.is_finished() for t in trials_of(path)) < TRIALS
    ends(start(Job(path)))
    _assert_like(path, undisturbed)
    # It writes its results again when it is started once more; none is ever half there.
    written = _files(path)
    for _ in range(4):
        process = start(Job(path))
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        assert _files(path) == written
        assert (path / "report.html").read_text().endswith("</html>\n")


def _running(path: pathlib.Path) -> set[int]:
    return {t.number for t in trials_of(path) if not t.state.is_finished()}


def test_workers_killed_while_they_work(tmp_path: pathlib.Path, start: Start) -> None:
    """All at once, three times, and no candidate twice: none may fail then."""
    path = tmp_path / "search"
    process = start(Job(path, {"pool": WORKERS, "trials": 20}, Scored(seconds=0.2)))
    killed: set[int] = set()
    for finished in (2, 7, 12):
        wait_for(lambda finished=finished: has_finished(path, finished))
        wait_for(lambda: len(workers_of(process.pid)) == 2)
        workers = workers_of(process.pid)
        # Stopped first, so that none takes the candidate of another and dies of it, too.
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for worker in workers:
                os.kill(worker, signum)
        killed |= workers
        victims = _running(path)
        wait_for(lambda victims=victims: not victims & _running(path))
    assert len(killed) == 6
    ends(process)
    known = trials_of(path)
    assert [t.number for t in known] == list(range(20))
    assert {t.number: t.user_attrs.get("failure") for t in known if t.values is None} == {}
    assert sorted(t.user_attrs["finished"] for t in known) == list(range(20))


def test_a_candidate_that_hangs_is_a_failed_trial(tmp_path: pathlib.Path, start: Start) -> None:
    pool = {"type": "processes", "processes": {"workers": 2, "seconds": 5.0}}
    job = Job(tmp_path / "search", {"pool": pool, "trials": 12}, Scored(hanging=(3,)))
    ends(start(job))
    known = trials_of(job.path)
    assert [t.number for t in known if t.state == TrialState.FAIL] == [3]
    assert known[3].user_attrs["failure"] == "took longer than 5 s"
    assert "took longer than 5 s" in (job.path / "report.html").read_text()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_driver_and_workers(
    tmp_path: pathlib.Path, start: Start, signum: int
) -> None:
    job = Job(tmp_path / "search", {"pool": WORKERS, "trials": 8}, Scored(hanging=(5, 6)))
    process = start(job)
    wait_for(lambda: has_finished(job.path, 5) and len(trials_of(job.path)) == 7)
    workers = workers_of(process.pid)
    os.kill(process.pid, signum)
    ends(process, 128 + signum, seconds=30)
    assert all(gone(worker) for worker in workers)
    states = [t.state for t in trials_of(job.path)]
    assert states == [TrialState.COMPLETE] * 5 + [TrialState.RUNNING] * 2
    assert len(workers) == 2
    ends(start(dataclasses.replace(job, evaluator=Scored())))
    assert [t.state for t in trials_of(job.path)] == [TrialState.COMPLETE] * 8


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of 160 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _assert_stopped(job: Job, process: Any, reason: str) -> None:
    ends(process, 2)
    sentence = said(job.path).strip()
    assert f"cannot be written ({reason})" in sentence
    assert str(job.path) in sentence and "\n" not in sentence
    assert (job.path / "study.journal").read_bytes().endswith(b"}\n"), "no record is half there"
    assert 5 < len(trials_of(job.path)) <= TRIALS
    assert not list(job.path.glob(".*")), "no temporary file is left"


def test_a_file_that_may_not_grow(
    undisturbed: pathlib.Path, tmp_path: pathlib.Path, start: Start
) -> None:
    job = Job(tmp_path / "search", largest=_size(undisturbed / "study.journal") // 3)
    _assert_stopped(job, start(job), "File too large")
    ends(start(Job(job.path)))
    _assert_like(job.path, undisturbed)


def test_a_full_disk(undisturbed: pathlib.Path, small_disk: pathlib.Path, start: Start) -> None:
    job = Job(small_disk / "search")
    process = start(job)
    ends(process, 2)
    _assert_stopped(job, process, "No space left on device")
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    ends(start(job))
    _assert_like(job.path, undisturbed)


def test_a_driver_is_taken_over(
    undisturbed: pathlib.Path, tmp_path: pathlib.Path, start: Start
) -> None:
    job = Job(tmp_path / "search", evaluator=Scored(seconds=0.1))
    first = start(job)
    wait_for(lambda: has_finished(job.path, 3))
    host = socket.gethostname()
    directory = SearchDirectory(job.path)
    with (
        pytest.raises(UserError, match=rf"process {first.pid} on {host}\); .* --takeover"),
        directory.locked(),
    ):
        pass
    assert first.is_alive()
    with directory.locked(takeover=True):
        ends(first, 128 + signal.SIGTERM)
    ends(start(Job(job.path)))
    _assert_like(job.path, undisturbed)


def test_a_driver_that_does_not_listen_is_killed(
    tmp_path: pathlib.Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.5)
    job = Job(tmp_path / "search", evaluator=Scored(seconds=0.1))
    first = start(job)
    wait_for(lambda: has_finished(job.path, 1))
    os.kill(first.pid, signal.SIGSTOP)
    with SearchDirectory(job.path).locked(takeover=True):
        ends(first, -signal.SIGKILL)


def test_a_driver_elsewhere_is_kept_from_writing(
    undisturbed: pathlib.Path, tmp_path: pathlib.Path, start: Start
) -> None:
    """It cannot be ended from here; at its next record it finds out and ends."""
    job = Job(tmp_path / "search", evaluator=Scored(seconds=0.5), host="elsewhere")
    first = start(job)
    wait_for(lambda: has_finished(job.path, 2))
    directory = SearchDirectory(job.path)
    with directory.locked(takeover=True):
        before = (job.path / "study.journal").read_bytes()
        ends(first, 2)
        assert (job.path / "study.journal").read_bytes() == before
        host = socket.gethostname()
        assert f"was taken over by another search (process {os.getpid()} on {host})" in (
            said(job.path)
        )
    ends(start(Job(job.path)))
    _assert_like(job.path, undisturbed)
