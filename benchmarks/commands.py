"""Commands of this project run as people run them, with their time."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import runpy
import shlex
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
    _show(command, arguments)
    start = time.perf_counter()
    # As a module: the console command may not be on the path of a fresh machine.
    done = subprocess.run([sys.executable, "-m", PACKAGES[command], *arguments], cwd=ROOT)
    if done.returncode:
        sys.exit(f"{command} ended with exit code {done.returncode}")
    return time.perf_counter() - start


def run_forked(command: str, *arguments: str) -> float:
    """As `run`, in a process forked from this one, with all that this one has imported.

    This one must not have computed anything with TensorFlow. A Ctrl-C reaches both: the command
    stops as it always does, and then the program ends.

    Returns:
        Seconds that it took.
    """
    _show(command, arguments)
    start = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=_become, args=(command, arguments))
    process.start()
    try:
        process.join()
    except KeyboardInterrupt:
        process.join()
        sys.exit(130)
    if process.exitcode:
        sys.exit(f"{command} ended with exit code {process.exitcode}")
    return time.perf_counter() - start


def _become(command: str, arguments: tuple[str, ...]) -> None:
    os.chdir(ROOT)
    sys.argv = [command, *arguments]
    runpy.run_module(PACKAGES[command], run_name="__main__", alter_sys=True)


def _show(command: str, arguments: tuple[str, ...]) -> None:
    print(f"\n$ {shown(command, *arguments)}", flush=True)


def shown(command: str, *arguments: str) -> str:
    """A command as it is typed in a shell, with quotes around values that need them."""
    typed = ((*argument.partition("="),) for argument in arguments)
    return " ".join(
        [
            command,
            *(
                f"{shlex.quote(name)}{equals}{value and shlex.quote(value)}"
                for name, equals, value in typed
            ),
        ]
    )
