"""What every pool with workers must do; a test class subclasses it and says how to make one."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import ClassVar

import pytest

from cell_search.evaluators import Evaluator, Request, Result, Score
from cell_search.images import ImageSettings
from cell_search.pools import Pool
from cell_search.space.space import Decision, Space
from cells.support.errors import UserError

_calls = 0


@dataclass(frozen=True)
class Acting(Evaluator):
    """A candidate that does what its request says.

    Attributes:
        act: nothing, or what goes wrong.
        folder: where it leaves `begun-NUMBER` and, to `wait`, looks for `go`.
    """

    reward: ClassVar[str] = "number"

    act: str = ""
    folder: str = ""

    def score(self, request: Request) -> Score:
        global _calls
        _calls += 1
        folder = pathlib.Path(self.folder)
        (folder / f"begun-{request.number}").touch()
        if self.act == "wait":
            while not (folder / "go").exists():
                time.sleep(0.01)
        elif self.act == "hang":
            time.sleep(600)
        elif self.act == "raise":
            raise RuntimeError("in a bad mood")
        elif self.act == "settings":
            raise UserError("settings: are at fault")
        elif self.act == "exit":
            os._exit(0)
        elif self.act == "die once" and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Score(
            {
                "number": request.number,
                "process": os.getpid(),
                "calls": _calls,
                "threads": float(os.environ.get("TF_NUM_INTRAOP_THREADS", "nan")),
                "gpu": float(os.environ.get("CUDA_VISIBLE_DEVICES", "nan") or "nan"),
            }
        )


def request(number: int, folder: pathlib.Path, act: str = "") -> Request:
    """A request that an `Acting` evaluator answers."""
    return Request(
        number=number,
        genotype=None,
        decisions={"first": 0},
        space=Space((Decision("first", (0, 1), "operation"),)),
        evaluator=Acting(act, str(folder)),
        images=ImageSettings(),
        seed=0,
    )


def result(future: Future[Result]) -> Result:
    """The result, or an error where there is none in minutes."""
    return future.result(timeout=240)


def wait_for(condition, seconds: float = 240.0) -> None:
    """Returns when a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.05)


#: What reading of a process that has ended raises; the latter where its file was open already.
ENDED = (FileNotFoundError, ProcessLookupError)


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for counts as ended."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except ENDED:
        return True


def workers_of(driver: int) -> set[int]:
    """The worker processes of a driver: any of its threads may have started them."""
    found = set()
    for children in pathlib.Path(f"/proc/{driver}/task").glob("*/children"):
        for pid in children.read_text().split():
            with contextlib.suppress(*ENDED):
                if b"spawn_main" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(int(pid))
    return found


class PoolContract:
    """Two workers that go through everything, one test after the other."""

    #: Seconds within which a candidate without anything to do ends on a busy machine, too.
    limit: ClassVar[float] = 2.0

    @classmethod
    def make(cls, workers: int, seconds: float = 0.0) -> Pool:
        """A new pool."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def pool(cls) -> Iterator[Pool]:
        pool = cls.make(2)
        yield pool
        pool.close()

    def test_results_come_in_any_order(self, pool: Pool, tmp_path: pathlib.Path) -> None:
        assert pool.workers == 2
        waiting = pool.submit(request(0, tmp_path, "wait"))
        others = [pool.submit(request(number, tmp_path)) for number in (1, 2, 3)]
        assert [result(future).reward for future in others] == [1.0, 2.0, 3.0]
        assert not waiting.done()
        (tmp_path / "go").touch()
        assert result(waiting).reward == 0.0
        # The other three were done by the other worker, which remembers them.
        assert len({result(future).metrics["process"] for future in [waiting, *others]}) == 2
        calls = [result(future).metrics["calls"] for future in others]
        assert calls == [calls[0], calls[0] + 1, calls[0] + 2]

    def test_what_fails_is_a_result_and_wrong_settings_are_an_error(
        self, pool: Pool, tmp_path: pathlib.Path
    ) -> None:
        failed = pool.submit(request(0, tmp_path, "raise"))
        wrong = pool.submit(request(1, tmp_path, "settings"))
        assert result(failed).failure == "RuntimeError: in a bad mood"
        assert result(failed).reward is None
        with pytest.raises(UserError, match=r"^settings: are at fault$"):
            result(wrong)
        assert result(pool.submit(request(2, tmp_path))).reward == 2.0

    def test_a_candidate_whose_worker_dies_goes_to_another_and_nobody_else_notices(
        self, pool: Pool, tmp_path: pathlib.Path
    ) -> None:
        waiting = pool.submit(request(0, tmp_path, "wait"))
        wait_for((tmp_path / "begun-0").exists)
        assert result(pool.submit(request(1, tmp_path, "die once"))).reward == 1.0
        assert (tmp_path / "died").exists()
        assert not waiting.done()
        (tmp_path / "go").touch()
        assert result(waiting).reward == 0.0

    def test_a_candidate_that_kills_its_workers_has_failed(
        self, pool: Pool, tmp_path: pathlib.Path
    ) -> None:
        failure = result(pool.submit(request(0, tmp_path, "exit"))).failure
        assert failure is not None and failure.startswith("its worker died 2 times, the last ")
        assert result(pool.submit(request(1, tmp_path))).reward == 1.0

    def test_idle_workers_may_be_killed(self, pool: Pool, tmp_path: pathlib.Path) -> None:
        both = [pool.submit(request(number, tmp_path, "wait")) for number in (0, 1)]
        for number in (0, 1):
            wait_for((tmp_path / f"begun-{number}").exists)
        (tmp_path / "go").touch()
        processes = {int(result(future).metrics["process"]) for future in both}
        assert len(processes) == 2
        for process in processes:
            os.kill(process, signal.SIGKILL)
            wait_for(lambda process=process: gone(process))
        again = [pool.submit(request(number, tmp_path)) for number in (2, 3)]
        assert [result(future).reward for future in again] == [2.0, 3.0]

    def test_a_time_limit_ends_what_hangs_and_nothing_else(self, tmp_path: pathlib.Path) -> None:
        pool = self.make(1, seconds=self.limit)
        try:
            first = int(result(pool.submit(request(0, tmp_path))).metrics["process"])
            hung = result(pool.submit(request(1, tmp_path, "hang")))
            assert hung.failure == f"took longer than {self.limit:g} s"
            assert hung.reward is None and hung.seconds >= self.limit
            wait_for(lambda: gone(first))
            assert result(pool.submit(request(2, tmp_path))).metrics["process"] != first
        finally:
            pool.close()

    def test_closing_does_not_wait_for_candidates(self, tmp_path: pathlib.Path) -> None:
        pool = self.make(1)
        process = int(result(pool.submit(request(0, tmp_path))).metrics["process"])
        hanging = pool.submit(request(1, tmp_path, "hang"))
        wait_for((tmp_path / "begun-1").exists)
        started = time.monotonic()
        pool.close()
        assert time.monotonic() - started < 30, "it did not wait for the candidate"
        wait_for(lambda: gone(process))
        with pytest.raises(RuntimeError, match="closed"):
            result(hanging)
