"""Environments of the benchmark's own, for programs that this project does not depend on."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.kept import ROOT


class UnavailableError(Exception):
    """An environment that cannot be made here; says why."""


def python_with(requirements: Sequence[str], folder: pathlib.Path) -> str:
    """A Python interpreter that has these packages and nothing of this project.

    Args:
        requirements: as pip takes them.
        folder: of the environment; made with pip where it has not been made so far.

    Raises:
        UnavailableError: pip cannot install them.
    """
    python, whole = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if whole.is_file() and whole.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"makes an environment in {folder}: {', '.join(requirements)}", flush=True)
    _call(sys.executable, "-m", "venv", "--clear", str(folder))
    _call(str(python), "-m", "pip", "install", "--quiet", "--no-input", *requirements)
    whole.write_text(wanted, encoding="utf-8")
    return str(python)


def _call(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["without a word"]
        raise UnavailableError(lines[-1])
