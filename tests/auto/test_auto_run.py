"""`cells auto` from beginning to end, in processes that are killed and stopped."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys

import pytest
from folders import write

ROOT = pathlib.Path(__file__).parents[2]


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget=5x"], "--budget"),
        (["--size=3"], "--size"),
        (["--genotype=nasnet_z"], "nasnet_z"),
        (["--output=/proc/nowhere"], "cannot be written"),
        (["--seed=-1"], "--seed"),
    ],
)
def test_bad_input_ends_in_a_sentence(tmp_path, arguments, said):
    root = write(tmp_path / "shapes", {"red": 10, "green": 10})
    output = tmp_path / "out"
    process = start(f"--images={root}", f"--output={output}", *arguments)
    _, told = process.communicate()
    assert process.returncode == 2
    assert said in told and told.count("\n") == 1
    assert not output.exists()


def test_a_folder_becomes_a_classifier_through_a_kill_and_a_stop(tmp_path):
    root = write(tmp_path / "shapes", {"red": 30, "green": 30})
    output = tmp_path / "out"
    arguments = (f"--images={root}", f"--output={output}", "--budget=30s", "--size=16")

    process = start(*arguments)
    until(process, "search:")
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, told
    assert "the same command goes on" in told

    process = start(*arguments)
    lines = until(process, "step ")
    assert not any(line.startswith("images:") for line in lines), "a step that is over"
    assert sum(line.startswith("trial ") for line in lines) >= 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gone = json.loads((output / "seconds.json").read_text())

    process = start(*arguments)
    said, told = process.communicate()
    assert process.returncode == 0, told
    assert "trial " not in said and "search:" not in said, "a step that is over"

    report = json.loads((output / "report.json").read_text())
    # Colours are told apart by a first look.
    assert report["test"]["accuracy"] == 1.0
    assert report["test"]["images"] == report["images"]["testing"] == 12
    assert report["seconds"]["search"] == pytest.approx(gone["search"], abs=0.1)
    assert report["seconds"]["training"] > gone["training"] > 0
    assert report["search"]["trials"] >= 2
    assert {file["file"] for file in report["files"].values()} == {
        "classifier.keras",
        "classifier.tflite",
    }
    assert all(file["top_1_agreement"] == 1.0 for file in report["files"].values())
    page = (output / "report.html").read_text()
    assert "100.0%" in page and "data:image/svg+xml" in page and "data:image/png" in page
    assert "src=http" not in page and 'src="http' not in page, "it needs nothing else"

    process = start(*arguments, "--seed=1")
    _, told = process.communicate()
    assert process.returncode == 2
    assert "seed was 0, is 1" in told
