"""The driver, in this process and in others that are killed."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from dataclasses import dataclass
from typing import ClassVar

import optuna
import pytest
from forked_commands import begin_forked
from optuna.trial import FrozenTrial, TrialState
from search_commands import run_command

import cell_search
from cell_search.config import resolve, schema
from cell_search.evaluators import Evaluator, Request, Score
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cells.genotype import genotype_file
from cells.support.errors import UserError
from cells.support.signals import Interruptible, Interruption


def _search(path: pathlib.Path, settings: dict, evaluator: Evaluator | None = None) -> list[str]:
    return list(cell_search.search(settings, evaluator=evaluator, directory=path).paths)


def _trials(path: pathlib.Path) -> list[FrozenTrial]:
    return SearchDirectory(path).read_study().trials


def _story(path: pathlib.Path) -> list[tuple]:
    """What must be equal between two runs of one search."""
    return [(t.number, t.state, t.value, t.params) for t in _trials(path)]


def test_a_search_finds_large_cells_and_writes_the_largest(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    paths = _search(tmp_path / "a", counting)
    assert all(pathlib.Path(path).exists() for path in paths)
    known = _trials(tmp_path / "a")
    assert [t.number for t in known] == list(range(40))
    assert {t.state for t in known} == {TrialState.COMPLETE}
    assert [t.user_attrs["finished"] for t in known] == list(range(40))
    winner = genotype_file.read(tmp_path / "a" / "genotype.json")
    assert winner.provenance["score"]["parameters"] == max(t.value for t in known)
    assert winner == genotype_file.read(tmp_path / "a" / "top" / "01.json")
    assert sorted(p.name for p in (tmp_path / "a" / "top").iterdir()) == ["01.json", "02.json"]
    assert list((tmp_path / "a" / "tensorboard").iterdir())


def test_a_study_names_its_metric_to_those_who_open_it_with_optuna(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    _search(tmp_path, {**counting, "trials": 1})
    file = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    study = optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(file))
    assert study.metric_names == ["parameters"]


def test_more_trials_go_on_as_if_they_had_been_asked_for_at_once(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    _search(tmp_path / "once", counting)
    for count in (1, 15, 40):
        _search(tmp_path / "thrice", {**counting, "trials": count})
    assert _story(tmp_path / "thrice") == _story(tmp_path / "once")


def test_a_trial_that_was_running_is_taken_up_under_its_own_number(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    _search(tmp_path / "whole", counting)
    _search(tmp_path / "cut", {**counting, "trials": 20})
    # As a killed driver leaves it: the next trial is recorded and has no result.
    directory = SearchDirectory(tmp_path / "cut")
    values = schema.from_values({**counting, "trials": 21}, "test")
    search = resolve.resolve(values)
    with directory.locked():
        study = directory.open_study()
        point = trials.propose(study, search.strategy, search.space, 20)
        trials.begin(study, search.space, point)
    assert _trials(tmp_path / "cut")[20].state == TrialState.RUNNING
    _search(tmp_path / "cut", counting)
    assert _story(tmp_path / "cut") == _story(tmp_path / "whole")


@dataclass(frozen=True)
class Moody(Evaluator):
    """Fails for every third trial."""

    reward: ClassVar[str] = "mood"
    always: bool = False

    def score(self, request: Request) -> Score:
        if self.always or request.number % 3 == 0:
            raise RuntimeError(f"<b>no</b> & in a bad mood {request.number // 6}")
        return Score({"mood": float(request.number % 7)})


def test_failed_candidates_are_failed_trials_with_the_reason(
    counting: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _search(tmp_path, counting, Moody())
    known = _trials(tmp_path)
    assert [t.state == TrialState.FAIL for t in known] == [i % 3 == 0 for i in range(40)]
    assert known[6].user_attrs["failure"] == "RuntimeError: <b>no</b> & in a bad mood 1"
    lines = capsys.readouterr().out.splitlines()
    assert lines[6].startswith("trial 6  7/40  failed: RuntimeError: <b>no</b>")
    assert "best 5.0000 (trial 5)" in lines[6]
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;no&lt;/b&gt; &amp; in a bad mood" in page
    assert "<b>no</b>" not in page


def test_a_search_without_success_says_why(counting: dict, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=r"none of the 40 trials succeeded; the last failed, Runt"):
        _search(tmp_path, counting, Moody(always=True))
    assert not (tmp_path / "genotype.json").exists()


@dataclass(frozen=True)
class Interrupting(Evaluator):
    """Sends this process a signal while it evaluates a trial."""

    reward: ClassVar[str] = "number"
    signum: int = signal.SIGTERM
    at: int = 5

    def score(self, request: Request) -> Score:
        if request.number == self.at:
            os.kill(os.getpid(), self.signum)
            time.sleep(60)
        return Score({"number": float(request.number)})


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_once_and_loses_nothing(
    counting: dict, tmp_path: pathlib.Path, signum: int
) -> None:
    before = signal.getsignal(signum)
    started = time.monotonic()
    with pytest.raises(Interruption) as stop, Interruptible().listening() as interruptible:
        cell_search.search(
            counting,
            evaluator=Interrupting(signum),
            directory=tmp_path,
            interruptible=interruptible,
        )
    assert stop.value.signum == signum
    assert time.monotonic() - started < 60, "it did not wait for the candidate"
    assert signal.getsignal(signum) == before
    states = [t.state for t in _trials(tmp_path)]
    assert states == [TrialState.COMPLETE] * 5 + [TrialState.RUNNING]


def test_the_command_says_at_once_that_it_stops_and_then_what_is_kept(
    counting: dict, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "s.yaml").write_text(_yaml({**counting, "trials": 100_000}))
    search = ("cell_search", "--search_dir=search", "--config_file=s.yaml")
    process = begin_forked(*search, folder=tmp_path)
    process.send(signal.SIGINT, lambda: "trial 3 " in process.said())
    done = process.end()
    assert done.returncode == 130
    first, last = done.stderr.splitlines()
    assert first.startswith("cell-search: stopping")
    assert last == (
        "cell-search: stopped by SIGINT with every finished trial kept; the same command goes on "
        "from there"
    )


@pytest.fixture(scope="module")
def undisturbed(small: dict, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A search that trains children on the digits, in a process of its own."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "s.yaml").write_text(_yaml(small))
    done = run_command(_command(folder))
    assert done.returncode == 0, done.stderr
    return folder / "search"


def _yaml(settings: dict) -> str:
    import yaml

    return yaml.safe_dump(settings)


def _command(folder: pathlib.Path) -> list[str]:
    import sys

    return [
        sys.executable,
        "-m",
        "cell_search",
        f"--search_dir={folder / 'search'}",
        f"--config_file={folder / 's.yaml'}",
    ]


def test_killed_in_the_middle_and_started_again(
    small: dict, undisturbed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """SIGKILL while a child trains; the same command goes on, and ends as if nothing had been:
    the same genotypes and, to the last bit, the same scores as a run in another process."""
    (tmp_path / "s.yaml").write_text(_yaml(small))
    path = tmp_path / "search"
    first = begin_forked(*_command(tmp_path)[2:])
    first.send(signal.SIGKILL, lambda: "trial 1 " in first.said() and len(_trials(path)) == 3)
    assert first.end().returncode == -signal.SIGKILL
    killed = _trials(path)
    assert [t.state for t in killed] == [TrialState.COMPLETE] * 2 + [TrialState.RUNNING]
    second = run_command(_command(tmp_path))
    assert second.returncode == 0, second.stderr
    assert "trial 2  3/4" in second.stdout
    assert "trial 1 " not in second.stdout.replace("(trial 1)", ""), "it is not done again"
    finished = _trials(path)
    assert [t.number for t in finished] == [0, 1, 2, 3]
    assert [t.datetime_complete for t in finished[:2]] == [t.datetime_complete for t in killed[:2]]
    assert finished[2].params == killed[2].params
    assert _story(path) == _story(undisturbed)
    same = [genotype_file.read(p / "genotype.json") for p in (path, undisturbed)]
    assert same[0] == same[1]
    assert same[0].provenance["score"] == same[1].provenance["score"]


def test_scores_are_those_of_trained_children(undisturbed: pathlib.Path) -> None:
    known = _trials(undisturbed)
    assert all(0.0 <= t.value <= 1.0 for t in known)
    assert [t.value for t in known] == [t.user_attrs["metrics"]["accuracy"] for t in known]
    assert all(t.user_attrs["metrics"]["steps"] == 20 for t in known)
    assert len({t.value for t in known}) > 1
