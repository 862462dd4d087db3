"""Programs and Ctrl-C, SIGTERM: one line at once, the right exit code, no traceback."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from forked_commands import ROOT, catches, wait_until

from cells.support.program import ended_by_signals
from cells.support.signals import SIGNALS, Interrupted, Interruptible, Interruption

#: A program that is busy outside of Python for minutes, where handlers do not run.
BUSY = """
import hashlib, sys
from cells.support import program
program._PATIENCE = float(sys.argv[1])
with program.ended_by_signals("x"):
    print("begins", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""

#: Programs whose parts catch what a signal raises.
LOST = """
import time
from cells.support.program import ended_by_signals
with ended_by_signals("x"):
    try:
        print("begins", flush=True)
        time.sleep(60)
    except {caught}:
        {then}
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=pipe, stderr=pipe, text=True, cwd=ROOT
    )


def told(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def busy(*arguments: str) -> subprocess.Popen[str]:
    """A program that is outside of Python by now: it has used more than it takes to get there."""
    process = started("-c", BUSY, *arguments)
    assert process.stdout is not None and process.stdout.readline() == "begins\n"

    def ticks() -> int:
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    wait_until(lambda: ticks() > before + 10)
    return process


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("package", ["cells", "cell_search", "transfer", "detection"])
def test_a_program_that_is_starting(package, signum):
    process = started("-m", package, "--mode=eval" if package != "cells" else "list")
    wait_until(lambda: catches(process.pid, signal.SIGTERM))
    process.send_signal(signum)
    name = {"cells": "cells", "cell_search": "cell-search", "transfer": "cell-transfer"}
    line = f"{name.get(package, 'cell-detect')}: stopping; once more to stop now\n"
    assert told(process) == (128 + signum, line)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_outside_of_python_the_line_comes_at_once_and_the_second_signal_ends(signum):
    process = busy("1000")
    assert process.stderr is not None
    process.send_signal(signum)
    assert process.stderr.readline() == "x: stopping; once more to stop now\n"
    process.send_signal(signum)
    assert told(process) == (128 + signum, "")


def test_what_does_not_come_back_is_ended_after_some_seconds():
    process = busy("0.1")
    process.send_signal(signal.SIGTERM)
    assert told(process) == (143, "x: stopping; once more to stop now\n")


@pytest.mark.parametrize("then", ["pass", "raise ImportError('no module') from None", "exit(1)"])
def test_a_signal_that_somebody_catches_is_not_lost(then):
    process = started("-c", LOST.format(caught="BaseException", then=then))
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    process.send_signal(signal.SIGINT)
    assert told(process) == (130, "x: stopping; once more to stop now\n")


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_a_drawing_is_whole_or_not_there(tmp_path, seconds):
    file = tmp_path / "cells.png"
    process = started("-m", "cells", "draw", "nasnet_a", "-o", str(file))
    wait_until(lambda: catches(process.pid, signal.SIGTERM))
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    assert told(process) == (143, "cells: stopping; once more to stop now\n")
    assert not list(tmp_path.iterdir())


def test_python_users_are_told_and_a_second_signal_reaches_them(capfd):
    # Whoever started the tests in the background may have had them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(Interruption), Interruptible().listening() as interruptible:
        signal.raise_signal(signal.SIGTERM)
        assert capfd.readouterr().err == "stopping after this step; once more to stop now\n"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interruptible.check()
    assert signal.signal(signal.SIGINT, before) == signal.default_int_handler


def test_a_program_called_from_python_leaves_nothing_that_hears_signals(capfd):
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    threads = threading.active_count()
    with ended_by_signals("x"):
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads and signal.set_wakeup_fd(-1) == -1
    for signum, handler in before.items():
        signal.signal(signum, handler)
    test_python_users_are_told_and_a_second_signal_reaches_them(capfd)


def test_a_signal_before_a_block_ends_it_at_its_beginning():
    entered = []
    with pytest.raises(Interruption) as stop, Interruptible().listening() as interruptible:
        signal.raise_signal(signal.SIGTERM)
        with interruptible.block():
            entered.append(True)
    assert stop.value.signum == signal.SIGTERM and not entered


def test_a_signal_that_nobody_asks_for_is_handed_on():
    with pytest.raises(Interrupted) as stop, Interruptible().listening():
        signal.raise_signal(signal.SIGTERM)
    assert stop.value.signum == signal.SIGTERM
