"""What people see of a program, and what they do not."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import os, sys, warnings
from cells.support import signals
from cells.support.command_line import without_libraries

with without_libraries():
    os.write(2, b"W0000 a note of C++\\n")
    warnings.warn("of a library")
    print("ours", file=sys.stderr)
    signals.say("a signal")
os.write(2, b"after it\\n")
print("ours again", file=sys.stderr)
"""


def test_what_libraries_write_is_left_out_and_what_is_ours_is_not():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True)
    assert done.stderr.splitlines() == ["ours", "a signal", "after it", "ours again"]


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        ("os.abort()", ["F0000 why it ends"]),
        # A second signal.
        ("signals.end_left_out(); os._exit(143)", []),
        ("sys.exit('told')", ["told"]),
    ],
)
def test_the_last_words_of_what_dies_are_seen(end, seen):
    program = f"""
import os, subprocess, sys
from cells.support import signals
from cells.support.command_line import without_libraries

with without_libraries():
    # What lives on, as the processes of a pool may, keeps nobody waiting.
    child = subprocess.Popen([sys.executable, "-c", "open(0).read()"], stdin=subprocess.PIPE)
    os.write(2, b"F0000 why it ends\\n")
    {end}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines() == seen
