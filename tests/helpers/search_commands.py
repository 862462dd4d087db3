"""The command `cell-search`, run as people run it."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from forked_commands import run_forked

ROOT = pathlib.Path(__file__).parents[2]


def run_command(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs `python -m MODULE ...` of this project in a process of its own."""
    assert arguments[:2] == [sys.executable, "-m"]
    return run_forked(*arguments[2:])
