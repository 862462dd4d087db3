"""What a program says before it imports TensorFlow, for which people wait some seconds."""

from __future__ import annotations

import subprocess
import sys

import folders
import pytest

#: Runs a program until it ends or has printed a line, and says whether TensorFlow was imported.
_PROGRAM = """
import runpy, sys
from cells.support.errors import UserError

class Screen:
    def write(self, text):
        print(text, end="", file=sys.stderr)
        raise SystemExit
    def flush(self):
        pass
    def isatty(self):
        return False

sys.stdout = Screen()
try:
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=False)
finally:
    assert "tensorflow" not in sys.modules, "imported"
"""


def first_words(folder, program: str, *arguments: str) -> str:
    code = _PROGRAM.replace("sys.argv[1]", repr(program))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder
    )
    assert "imported" not in done.stderr
    return done.stderr


SLIPS = [
    ("cell_search --search_dir=run --config_file=digit_demo", "did you mean 'digits_demo'"),
    ("cell_search --search_dir=run --params_override=trials", "--params_override: must hold `key"),
    ("cell_search --mode=report --search_dir=run", "--search_dir: there is no search in run"),
    ("transfer --mode=train --model_dir=run --config_file=cut.yaml", "cut.yaml: line 2: not YAML"),
    ("transfer --mode=train --model_dir=run --genotype=nasnet", "did you mean 'nasnet_a'"),
    ("transfer --mode=eval --model_dir=run", "run is not the folder of a run"),
    ("transfer --mode=predict --model_dir=run .", "run is not the folder of a run"),
    ("transfer --mode=export --model_dir=run --output=a.keras", "run is not the folder of a run"),
    ("cell_search --search_dir=trained", "trained is the folder of the training of a classifier"),
    ("cell_search --search_dir=cut.yaml", "--search_dir: cut.yaml is a file; give a folder"),
    ("transfer --mode=train --model_dir=auto", "auto is the folder of a run of cells auto"),
    ("detection --mode=train --model_dir=trained", "the folder of the training of a classifier"),
    ("detection --mode=summary --params_override=task.a=1,task.a=2", "'task.a' is given twice"),
    ("cell_search --search_dir=run --params_override=trails=3", "did you mean 'trials'"),
    (
        "transfer --mode=train --model_dir=run --config_file=key.yaml",
        "key.yaml: trainer.train_step: ",
    ),
    ("detection --mode=summary --params_override=task.model.backbone.cels=1", "mean 'cells'"),
    ("detection --mode=export --model_dir=run --output=out", "run is not the folder of a run"),
]


@pytest.mark.parametrize(("command", "said"), SLIPS)
def test_a_slip_is_told_at_once(tmp_path, command, said):
    (tmp_path / "cut.yaml").write_text("task: {model: 3\n", encoding="utf-8")
    (tmp_path / "key.yaml").write_text("trainer: {train_step: 3}\n", encoding="utf-8")
    for file in ("trained/params.yaml", "auto/auto.json"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    before = {path.name for path in tmp_path.iterdir()}
    assert said in first_words(tmp_path, *command.split())
    assert {path.name for path in tmp_path.iterdir()} == before


def test_auto_says_at_once_what_it_has_found(tmp_path):
    folders.write(tmp_path / "photos", {"red": 12, "green": 12})
    said = first_words(tmp_path, "cells", "auto", "--images=photos", "--output=mine")
    assert said.strip() == "photos: 24 images of 2 classes; TensorFlow is being loaded"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("cell_search --search_dir=s", "searches in s"),
        (
            "transfer --mode=train_and_eval --config_file=digits --genotype=nasnet_a --model_dir=m",
            "trains a classifier of nasnet_a on digits in m",
        ),
        ("detection --mode=eval --model_dir=trained", "evaluates the detector in trained"),
    ],
)
def test_a_stage_says_at_once_what_it_does(tmp_path, command, said):
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "params.yaml").write_text("task: {model: {detection_generator: {}}}\n")
    heard = first_words(tmp_path, *command.split())
    assert heard.strip() == f"{said}; TensorFlow is being loaded"
