"""`cells auto` from beginning to end: killed, stopped, and with a choice of cells."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from folders import write

from auto import budget, plan, search_step, test_split
from auto import record as settings
from auto.context import Run
from cell_search.driver.interruption import Interruptible
from cell_search.study.directory import SearchDirectory
from cells.__main__ import main
from cells.data.image_folders import ImageFolder

ROOT = pathlib.Path(__file__).parents[2]

#: Published cells of one block: what is tested here is not the network.
TINY = str(ROOT / "tests" / "transfer" / "tiny.json")


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "cells", "auto", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen, beginning: str) -> list[str]:
    """Reads what a run prints up to a line that begins so."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(beginning):
            return lines
    raise AssertionError(f"{''.join(lines)}\n{process.stderr.read()}")


def auto(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The command in this process, which has imported TensorFlow already."""
    monkeypatch.setattr("sys.argv", ["cells", "auto", *arguments])
    main()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return write(tmp_path_factory.mktemp("images") / "shapes", {"red": 30, "green": 30})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget=5x"], "--budget"),
        (["--size=3"], "--size"),
        (["--genotype=nasnet_z"], "nasnet_z"),
        (["--output=/proc/nowhere"], "cannot be written"),
        (["--seed=-1"], "--seed"),
        (["--search=1.5"], "--search"),
        (["--search=0.5", "--genotype=nasnet_a"], "--search"),
        (["--images=/proc/version"], "no folder"),
    ],
)
def test_bad_input_ends_in_a_sentence(shapes, tmp_path, monkeypatch, capsys, arguments, said):
    output = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        auto(monkeypatch, f"--images={shapes}", f"--output={output}", *arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not output.exists()


def opened(folder: pathlib.Path, found: ImageFolder) -> Run:
    """A run as the command opens it, but with time for any comparison."""
    values = json.loads((folder / "auto.json").read_text())
    record = settings.opened(folder, settings.Settings(**values["settings"]))
    wanted = budget.Budget(1e9, folder / "seconds.json", record.settings.search)
    return Run(folder, found, record, wanted, SearchDirectory(folder / "search"), Interruptible())


def test_a_folder_becomes_a_classifier_through_a_stop_and_a_kill(
    shapes, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(plan, "BLOCKS", 1)
    monkeypatch.setattr(plan, "CHILD_STEPS", 1)
    monkeypatch.setattr(plan, "PUBLISHED", (TINY,))
    # Two children, whatever they take, and all the time for the comparison.
    monkeypatch.setattr(budget, "PARTS", {"search": 1e-9, "rerank": 1.0})
    output = tmp_path / "out"
    arguments = (
        f"--images={shapes}",
        f"--output={output}",
        "--budget=30s",
        "--size=16",
        "--search=0.5",
    )

    def stop() -> None:
        while not (output / "search" / "study.journal").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(SystemExit) as ended:
        auto(monkeypatch, *arguments)
    assert ended.value.code == 128 + signal.SIGTERM
    assert "the same command goes on" in capsys.readouterr().err

    found = test_split.find(str(shapes))
    run = opened(output, found)
    divided = test_split.Divided(**run.results["images"])
    assert run.step("search", lambda: search_step.search(run, divided))["trials"] == 2
    again = search_step.rerank(run, divided)
    assert list(again["candidates"]) == ["search/top/01.json", TINY, "search/top/02.json"]
    assert again["candidates"][again["chosen"]] == max(again["candidates"].values())
    assert (again["accuracy"], again["why"]) == (max(again["candidates"].values()), "")

    # As if it had been stopped behind two candidates, of which the first had failed.
    run.record.keep("candidates", {"search/top/01.json": None, TINY: 2.0})
    capsys.readouterr()
    run = opened(output, found)
    again = run.step("rerank", lambda: search_step.rerank(run, divided))
    assert capsys.readouterr().out.count("trained longer") == 1
    assert (again["chosen"], again["accuracy"]) == (TINY, 2.0)

    process = start(*arguments)
    lines = until(process, "step ")
    assert not any(line.startswith(("images:", "search:", "trial ")) for line in lines), (
        "it is over"
    )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gone = json.loads((output / "seconds.json").read_text())

    auto(monkeypatch, *arguments)
    report = json.loads((output / "report.json").read_text())
    # Colours are told apart by a first look.
    assert report["test"]["accuracy"] == 1.0
    assert report["test"]["images"] == report["images"]["testing"] == 12
    assert report["seconds"]["search"] == pytest.approx(gone["search"], abs=0.1)
    assert report["seconds"]["training"] > gone["training"] > 0
    assert report["search"]["trials"] == 2 and report["cells"] == TINY
    assert {file["file"] for file in report["files"].values()} == {
        "classifier.keras",
        "classifier.tflite",
    }
    assert all(file["top_1_agreement"] == 1.0 for file in report["files"].values())
    page = (output / "report.html").read_text()
    assert "100.0%" in page and "data:image/svg+xml" in page and "data:image/png" in page
    assert "search/top/02.json" in page and "were better than those of a search" in page
    assert "src=http" not in page and 'src="http' not in page, "it needs nothing else"

    with pytest.raises(SystemExit):
        auto(monkeypatch, *arguments, "--seed=1")
    assert "seed is 1, was 0" in capsys.readouterr().err
