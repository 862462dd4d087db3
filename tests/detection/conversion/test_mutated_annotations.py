"""Damaged files of boxes end in a result or in one sentence, whatever is damaged.

`python -m benchmarks.mutated_inputs` tries many more, and measures time and memory.
"""

from __future__ import annotations

import pathlib
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.mutated_inputs.reader import mutated, try_one
from benchmarks.mutated_inputs.readers import READERS


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_valid_files_are_read(name, tmp_path):
    for number, content in enumerate(READERS[name].valid()):
        (tmp_path / str(number)).mkdir()
        assert try_one(READERS[name], content, tmp_path / str(number)) is None


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_end_in_a_result_or_a_sentence(name, random):
    reader = READERS[name]
    content = mutated(reader, reader.valid(), random)
    with tempfile.TemporaryDirectory() as folder:
        try_one(reader, content, pathlib.Path(folder))
