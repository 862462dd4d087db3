"""The program for a GPU, as far as it says anything on a CPU."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from benchmarks import accelerator
from benchmarks.report import read_figures

ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.accelerator", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {figure.name: figure for figure in read_figures(done.stdout)[0]}


def test_a_part_that_takes_too_long_is_told() -> None:
    found = run("--dry", "--parts=children", "--budget=0.2")
    bad = found["parts that did not end well"]
    assert (bad.value, bad.ok) == (1, False)
    assert bad.note.startswith("children took more than 0 s")


def test_without_a_gpu_it_says_so() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    assert {name: figure.value for name, figure in run().items()} == {"GPUs": 0}


def test_half_precision_is_near_single_but_not_the_same() -> None:
    figures = accelerator._depthwise(dry=True)
    assert all(figure.ok for figure in figures)
    half, brain = (figure.value for figure in figures)
    # 11 and 8 bits of significand: a rounding is 2^-11 and 2^-8 at most, and there are several.
    assert 2**-13 < half < brain < 20 * 2**-8
