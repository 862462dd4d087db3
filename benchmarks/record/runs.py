"""The two arms of the record, run in turns as ordinary searches on one core."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna

from benchmarks import quiet
from benchmarks.kept import ROOT, read_lines, write_line
from benchmarks.record import packed
from cell_search.study.directory import SearchDirectory
from cells.support.errors import UserError
from cells.support.files import write_atomically

#: The settings of both arms, from the root of the project.
CONFIG = pathlib.Path("configs/search/record_cpu.yaml")

#: What is committed.
DATA = pathlib.Path("benchmarks/record/data")

#: What an arm changes in the settings.
ARMS: dict[str, str] = {"search": "", "random": "strategy.type=random"}

#: Trials of a turn: some minutes, as a process that has traced its operations is quicker.
TURN = 10

#: Of the processes of a turn: one core, of which the cost table is, and as the table says.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
    # Else detectors would do without, for the sake of larger ones: `detection.training.onednn`.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}

#: Seconds in which a search that is asked to stop has stopped.
_PATIENCE = 60.0

#: Seconds between two looks at the clock and the lock.
_LOOK = 0.5


@dataclass(frozen=True)
class Record:
    """Where the record lies, and how it is made.

    Attributes:
        root: from which the paths are, the project's.
        folder: of the search directories, which are not committed.
        data: of what is committed.
        config: settings of both arms.
        changes: further settings of both, as `--params_override` takes them.
        turn: trials of a turn.
    """

    root: pathlib.Path = ROOT
    folder: pathlib.Path = ROOT / "runs" / "record"
    data: pathlib.Path = ROOT / DATA
    config: pathlib.Path = CONFIG
    changes: str = ""
    turn: int = TURN

    def directory(self, arm: str) -> pathlib.Path:
        """The search directory of an arm."""
        return self.folder / arm

    def files(self, arm: str) -> dict[str, pathlib.Path]:
        """The committed files of an arm, by the name of the study; "" is that of the search."""
        return {
            "": self.data / f"{arm}.jsonl",
            "rerank": self.data / f"{arm}_rerank.jsonl",
        }

    @property
    def turns(self) -> pathlib.Path:
        """Who was when at work, for how long."""
        return self.folder / "turns.jsonl"

    def settings(self, arm: str, trials: int) -> str:
        """What `--params_override` says."""
        return ",".join(filter(None, [ARMS[arm], self.changes, f"trials={trials}"]))

    # What is known.

    def study(self, arm: str, name: str = "") -> optuna.Study | None:
        """A study of an arm, to look at; None where it has not begun."""
        directory = SearchDirectory(self.directory(arm))
        if not directory.journal.exists():
            return None
        study = directory.read_study()
        try:
            return optuna.load_study(study_name=name, storage=study._storage) if name else study
        except KeyError:
            return None

    def finished(self, arm: str) -> int:
        """How many trials of an arm have a result."""
        study = self.study(arm)
        trials = study.get_trials(deepcopy=False) if study else []
        return sum(trial.state.is_finished() for trial in trials)

    def planned(self, arm: str) -> int:
        """How many trials an arm was asked for last."""
        return int((SearchDirectory(self.directory(arm)).stored_config() or {}).get("trials", 0))

    def unpack(self) -> None:
        """Takes over what is committed, where that is more than what lies here.

        Raises:
            UserError: the two have different trials.
        """
        for arm in ARMS:
            self._unpack(arm)
        known = list(read_lines(self.turns))
        for turn in read_lines(self.data / "turns.jsonl"):
            if turn not in known:
                write_line(self.turns, turn)

    def _unpack(self, arm: str) -> None:
        committed = packed.trials_of(*packed.read(self.files(arm)[""]))
        study = self.study(arm)
        here = study.get_trials(deepcopy=False) if study else []
        for one, other in zip(committed, here, strict=False):
            if one.params != other.params or (
                one.values and other.values and one.values != other.values
            ):
                raise UserError(
                    f"{self.directory(arm)}: trial {other.number} is another than in "
                    f"{self.files(arm)['']}; move that folder away to go on with what is committed"
                )
        if sum(t.state.is_finished() for t in committed) <= sum(
            t.state.is_finished() for t in here
        ):
            return
        if here:
            self.directory(arm).rename(self.folder / f"{arm}-until-{time.strftime('%Y%m%d%H%M%S')}")
        packed.unpack(self.files(arm), self.directory(arm))

    def pack(self) -> None:
        """Writes what is to be committed."""
        for arm in ARMS:
            for name, path in self.files(arm).items():
                if study := self.study(arm, name):
                    packed.write(study, path)
        if self.turns.exists():
            lines = [json.dumps(turn) for turn in read_lines(self.turns)]
            text = "".join(f"{line}\n" for line in lines)
            write_atomically(self.data / "turns.jsonl", text.encode())

    # What is done.

    def search(self, hours: float, arms: Sequence[str]) -> None:
        """Goes on with the arms in turns, so that both have as many trials.

        Args:
            hours: by the clock.
            arms: some of `ARMS`.
        """
        ends = time.monotonic() + 3600.0 * hours
        while time.monotonic() < ends:
            self.take_turn(arms, ends)

    def take_turn(self, arms: Sequence[str], ends: float) -> None:
        """Goes on with the arm that has fewest trials.

        Args:
            arms: some of `ARMS`.
            ends: on the clock of `time.monotonic`; then it is cut short, and made up for later.
        """
        done = {arm: self.finished(arm) for arm in arms}
        arm = min(done, key=done.__getitem__)
        until = max((done[arm] // self.turn + 1) * self.turn, self.planned(arm))
        self._run(arm, "search", ends, until)
        if self.finished(arm) == done[arm] and time.monotonic() < ends:
            raise UserError(f"{arm}: a turn ended without a trial; see what it printed")

    def rerank(self, hours: float, arms: Sequence[str]) -> None:
        """Trains the best of each arm again; goes on with it.

        Args:
            hours: by the clock.
            arms: some of `ARMS`.
        """
        ends = time.monotonic() + 3600.0 * hours
        for arm in arms:
            if time.monotonic() < ends:
                self._run(arm, "rerank", ends, self.planned(arm))

    def _run(self, arm: str, mode: str, ends: float, trials: int) -> None:
        command = [
            *(sys.executable, "-m", "cell_search", f"--mode={mode}"),
            f"--search_dir={self.directory(arm)}",
            f"--config_file={self.config}",
            f"--params_override={self.settings(arm, trials)}",
        ]
        done, work = self.finished(arm), Work()
        try:
            work.run(command, self.root, ends)
        finally:
            turn = {
                "arm": arm,
                "mode": mode,
                "trials": [done, self.finished(arm)],
                "processor_seconds": round(work.processor_seconds, 1),
                "seconds": round(work.seconds, 1),
                "paused": round(work.paused, 1),
                "commit": _commit(self.root),
            }
            write_line(self.turns, turn)


@dataclass
class Work:
    """A command in the background, on one core, which stands still while quiet is asked for.

    Attributes:
        processor_seconds: what it has used.
        seconds: how long it ran by the clock.
        paused: how long it stood still.
    """

    processor_seconds: float = 0.0
    seconds: float = 0.0
    paused: float = 0.0

    def run(
        self,
        command: Sequence[str],
        folder: pathlib.Path,
        ends: float,
        asked_for_quiet: Callable[[], bool] = quiet.asked_for,
    ) -> None:
        """Runs the command to its end, or until it must stop.

        Args:
            command: what to run.
            folder: where.
            ends: on the clock of `time.monotonic`; then it is asked to stop.
            asked_for_quiet: says when to stand still.

        Raises:
            UserError: it failed.
        """
        used, began = _processor_seconds(), time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            preexec_fn=_prepare,
            start_new_session=True,
        )
        try:
            while process.poll() is None and time.monotonic() < ends:
                if asked_for_quiet():
                    self._pause(process, ends, asked_for_quiet)
                time.sleep(_LOOK)
            asked = process.poll() is None
        finally:
            # Whatever ends us, Ctrl-C among it, ends the search; what was running alone is lost.
            if process.poll() is None:
                _end(process)
            self.processor_seconds = _processor_seconds() - used
            self.seconds = time.monotonic() - began - self.paused
        if process.returncode and not asked:
            raise UserError(f"{' '.join(command)} ended with exit code {process.returncode}")

    def _pause(
        self, process: subprocess.Popen, ends: float, asked_for_quiet: Callable[[], bool]
    ) -> None:
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            while asked_for_quiet() and time.monotonic() < ends:
                time.sleep(_LOOK)
        finally:
            os.killpg(process.pid, signal.SIGCONT)
            self.paused += time.monotonic() - began


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        # On a machine that leaves it no time; a search survives that, too.
        process.kill()
        process.wait()


def _prepare() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.nice(10)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _commit(root: pathlib.Path) -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
    )
    return done.stdout.strip()
