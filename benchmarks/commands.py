"""Commands of this project run as people run them, with their time."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]

#: Packages by the console command that runs them.
PACKAGES = {
    "cells": "cells",
    "cell-search": "cell_search",
    "cell-transfer": "transfer",
    "cell-detect": "detection",
}


def run(command: str, *arguments: str) -> float:
    """Prints and runs a console command; ends the program where it fails.

    Returns:
        Seconds that it took.
    """
    print(f"\n$ {command} {' '.join(arguments)}", flush=True)
    start = time.perf_counter()
    # As a module: the console command may not be on the path of a fresh machine.
    done = subprocess.run([sys.executable, "-m", PACKAGES[command], *arguments], cwd=ROOT)
    if done.returncode:
        sys.exit(f"{command} ended with exit code {done.returncode}")
    return time.perf_counter() - start
