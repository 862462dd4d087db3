"""Damaged genotypes, notations, settings, weights and tables end in a result or in one sentence.

`python -m benchmarks.mutated_inputs` tries many more, and measures time and memory.
"""

from __future__ import annotations

import pathlib
import tempfile
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.mutated_inputs import texts
from benchmarks.mutated_inputs.reader import mutated, try_one

READERS = texts.READERS


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name, tmp_path):
    for number, content in enumerate(READERS[name].valid()):
        (tmp_path / str(number)).mkdir()
        assert try_one(READERS[name], content, tmp_path / str(number)) is None


@pytest.mark.parametrize("name", [name for name in READERS if name != "h5"])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_end_in_a_result_or_a_sentence(name, random):
    _try(name, random)


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_h5_files_end_in_a_result_or_a_sentence(random):
    # Each begins a process.
    _try("h5", random)


def _try(name: str, random: Random) -> None:
    content = mutated(READERS[name], READERS[name].valid(), random)
    with tempfile.TemporaryDirectory() as folder:
        try_one(READERS[name], content, pathlib.Path(folder))
