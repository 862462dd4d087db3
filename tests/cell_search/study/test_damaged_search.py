"""A search directory that was damaged goes on as it was, or says what is wrong; nothing is lost."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
from typing import Any

import pytest
from damaged_copies import damaged_copy, damages
from hypothesis import given
from hypothesis import strategies as st
from search_commands import run_command

import cell_search
from cell_search import UserError
from cell_search.study.directory import SearchDirectory


def joined(genotype: Any) -> float:
    """A score that costs nothing."""
    return float(len(genotype.normal.concat))


def search(path: pathlib.Path, trials: int = 6, **more: Any) -> cell_search.SearchResult:
    return cell_search.search(score=joined, trials=trials, directory=path, **more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("finished") / "search"
    search(path, strategy="random")
    return path


@pytest.fixture
def path(finished: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy to damage."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "search"))


def proposals(path: pathlib.Path) -> list[Any]:
    return [trial.params for trial in SearchDirectory(path).read_study().trials]


def beginnings(path: pathlib.Path) -> list[int]:
    """The lines, from 1, with which trials begin."""
    with (path / "study.journal").open() as file:
        return [i for i, line in enumerate(file, 1) if '"op_code":4' in line]


def damage(path: pathlib.Path, line: int, text: bytes) -> None:
    journal = path / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line - 1] = text + b"\n"
    journal.write_bytes(b"".join(lines))


DAMAGES = [
    b"\x00\xff nonsense",
    b'{"op_code": 4, "worker_id": "x", "study_id',
    b"[]",
    b'{"op_code": 99, "worker_id": "x"}',
    b'{"op_code": 4, "worker_id": "x"}',
    b'{"op_code": 6, "worker_id": "x", "trial_id": "a", "state": 77}',
    b"null",
    b"[" * 100_000,
]


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_record_is_named_and_what_is_before_it_is_shown(
    path: pathlib.Path, text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    line = beginnings(path)[3]
    damage(path, line, text)
    for call in (lambda: search(path, 8), lambda: cell_search.open_search(path, strict=True)):
        with pytest.raises(UserError, match=rf"study\.journal: line {line} is damaged .*=repair"):
            call()
    shown = cell_search.open_search(path)
    assert [t["number"] for t in shown.trials] == [0, 1, 2]
    assert f"line {line} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"datetime_start": "2026-11-30T02:-Infinity"},
        {"distributions": {"normal/0/left": "[" * 100_000}},
    ],
)
def test_of_two_damaged_records_the_first_is_named(path: pathlib.Path, change: dict) -> None:
    """One that is JSON, and means nothing, before one that is none."""
    line = beginnings(path)[3]
    record = json.loads((path / "study.journal").read_bytes().splitlines()[line - 1])
    assert record.keys() >= change.keys()
    damage(path, line, json.dumps({**record, **change}).encode())
    damage(path, line + 1, b"\xff")
    with pytest.raises(UserError, match=rf"study\.journal: line {line} is damaged"):
        cell_search.open_search(path, strict=True)
    assert [t["number"] for t in cell_search.open_search(path).trials] == [0, 1, 2]


@pytest.mark.parametrize("noted", [7, "- a list", "trials: [", "trials: many"])
def test_settings_whose_record_is_damaged_are_told(path: pathlib.Path, noted: Any) -> None:
    journal = path / "study.journal"
    lines = journal.read_text().splitlines()
    at = max(i for i, line in enumerate(lines) if '"user_attr":{"config"' in line)
    record = json.loads(lines[at])
    lines[at] = json.dumps({**record, "user_attr": {"config": noted}}, separators=(",", ":"))
    journal.write_text("\n".join([*lines, ""]))
    with pytest.raises(UserError) as told:
        cell_search.open_search(path)
    assert "config.yaml is damaged" in str(told.value) or "was 'many'" in str(told.value)


def test_repair_keeps_what_is_whole_and_the_search_goes_on(path: pathlib.Path) -> None:
    before = proposals(path)
    journal = path / "study.journal"
    line = beginnings(path)[3]
    damage(path, line, b"nonsense")
    damaged = journal.read_bytes()
    (path / "genotype.json").unlink()  # Of a trial that is lost, maybe.
    arguments = [sys.executable, "-m", "cell_search", f"--search_dir={path}"]
    replay = run_command([*arguments, "--mode=replay"])
    assert replay.returncode == 2 and f"line {line} is damaged" in replay.stderr
    done = run_command([*arguments, "--mode=repair"])
    assert done.returncode == 0, done.stderr
    assert f"keeps the {line - 1} records before the damage" in done.stdout
    assert (path / "study.journal.1").read_bytes() == damaged
    search(path)
    # Random search draws by the trial's number: the lost trials come again.
    assert proposals(path) == before
    assert "is whole" in run_command([*arguments, "--mode=repair"]).stdout


@pytest.mark.parametrize("how", ["deleted", "empty", "cut", "folder"])
def test_a_journal_that_is_gone_does_not_begin_another_search(path: pathlib.Path, how: str) -> None:
    journal, winner = path / "study.journal", (path / "genotype.json").read_bytes()
    content = journal.read_bytes()
    journal.unlink()
    if how == "folder":
        journal.mkdir()
    elif how == "empty":
        journal.touch()
    elif how == "cut":
        lines = content.splitlines(keepends=True)
        begun = [i for i, line in enumerate(lines) if b'"op_code":4' in line]
        number = json.loads(winner)["provenance"]["trial"]
        if number == 0:
            pytest.skip("the winner is the first trial")
        journal.write_bytes(b"".join(lines[: begun[number]]))
    sentence = {
        "deleted": r"study\.journal: is missing, and .*genotype\.json is of a search",
        "empty": r"study\.journal: is empty, and .*genotype\.json is of a search",
        "cut": r"genotype\.json is of trial \d+: records are missing",
        "folder": r"study\.journal: is a folder",
    }[how]
    with pytest.raises(UserError, match=sentence):
        search(path, 8, strategy="random")
    assert (path / "genotype.json").read_bytes() == winner


@pytest.mark.parametrize("how", ["deleted", "empty", "cut"])
def test_a_lost_configuration_is_restored(
    path: pathlib.Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = path / "config.yaml"
    text = config.read_text()
    if how == "deleted":
        config.unlink()
    else:
        config.write_text(text[: len(text) // 2 if how == "cut" else 0])
    again = search(path, 8)
    assert again.config.strategy.type == "random" and len(again.trials) == 8
    assert "the settings are those that study.journal recorded" in capsys.readouterr().err
    assert config.read_text() == text.replace("trials: 6", "trials: 8")


@pytest.mark.parametrize("how", ["deleted", "cut", "whole"])
def test_a_search_is_opened_without_writing(path: pathlib.Path, how: str) -> None:
    config = path / "config.yaml"
    if how == "deleted":
        config.unlink()
    elif how == "cut":
        config.write_text(config.read_text()[:60])
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    opened = cell_search.open_search(path)
    assert opened.config.strategy.type == "random" and len(opened.trials) == 6
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_a_changed_configuration_is_refused_with_what_differs(path: pathlib.Path) -> None:
    config = path / "config.yaml"
    config.write_text(config.read_text().replace("seed: 0", "seed: 5"))
    with pytest.raises(UserError, match=r"seed is 5, was 0.*remove it, and the search goes on"):
        search(path, 8)


def test_a_directory_of_a_version_that_recorded_no_configuration_goes_on(
    path: pathlib.Path,
) -> None:
    journal = path / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(line for line in lines if b'"user_attr":{"config"' not in line))
    assert len(search(path, 8).trials) == 8
    (path / "config.yaml").write_text("strategy: {type: ppo}\n")
    with pytest.raises(UserError, match=r"strategy\.type is 'ppo', was 'random'"):
        cell_search.open_search(path)


@damages
@given(st.data())
def test_any_damage_ends_in_a_result_or_in_a_sentence(
    finished: pathlib.Path, tmp_path: pathlib.Path, data: st.DataObject
) -> None:
    names = ["study.journal", "config.yaml", "genotype.json"]
    copy = damaged_copy(finished, tmp_path / "copy", names, data)
    try:
        result = cell_search.open_search(copy)
    except UserError:
        return
    assert len(result.trials) <= 6
