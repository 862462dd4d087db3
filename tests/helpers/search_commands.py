"""The command `cell-search`, run as people run it."""

from __future__ import annotations

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[2]


def run_command(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command of this project in a process of its own."""
    return subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
