"""A program from its first import to its end: Ctrl-C and SIGTERM end it, in one line.

Imports nothing heavy, since signals are heard from here on.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from cells.support import signals
from cells.support.signals import SIGNALS, Interrupted

#: Seconds in which a program that has nothing to finish leaves by itself.
_PATIENCE = 10.0

#: Ends the thread that watches; no signal has this number.
_END = b"\0"


@contextmanager
def ended_by_signals(prog: str) -> Iterator[None]:
    """Has Ctrl-C and SIGTERM end the process: with one line at once, exit code 130 or 143.

    What is running is left by an exception, so that nothing stays half-written; where something
    listens (`signals.Interruptible`), that decides. A second signal ends the process where it is,
    and so does time, where the exception got lost or TensorFlow does not come back.

    The handlers stay to the end of the process.

    Args:
        prog: the name of the program, with which the line begins.
    """
    received: list[int] = []
    told = threading.Lock()
    end_watching: Callable[[], None] | None = None

    def tell() -> None:
        if told.acquire(blocking=False):  # By the first of two threads that come here.
            after = " after this step" if signals.waits() else ""
            signals.say(f"{prog}: stopping{after}; once more to stop now")

    def handle(signum: int, frame: FrameType | None) -> None:
        if not received:
            received.append(signum)
            tell()
            raise Interrupted(signum)

    try:
        for signum in SIGNALS:
            signal.signal(signum, handle)
        end_watching = _begin_to_watch(tell)
        yield
        if received:  # Somebody has caught what was raised.
            raise Interrupted(received[0])
    except BaseException as error:
        if not received and not isinstance(error, Interrupted):
            raise
        # Whatever was made of it, such as an ImportError.
        sys.exit(128 + (received or [getattr(error, "signum", signal.SIGINT)])[0])
    finally:
        # While Python itself ends, an exception would be shown as one that is ignored.
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        # The process may go on, where a program was called from Python.
        if end_watching is not None and not received:
            end_watching()


def _begin_to_watch(tell: Callable[[], None]) -> Callable[[], None]:
    """Starts a thread that hears of signals while the main thread is in TensorFlow.

    Python runs handlers between two steps of the main thread, but wakes this one at once.

    Returns:
        What ends it.
    """
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    signals.told_by(tell)
    os.register_at_fork(after_in_child=_forget)
    thread = threading.Thread(target=_watch, args=(tell, reads), daemon=True)
    thread.start()

    def end() -> None:
        if thread.is_alive():  # Not in a forked process, which shares the pipe.
            signal.set_wakeup_fd(-1)
            signals.told_by(None)
            os.write(writes, _END)
            thread.join()
            os.close(writes)
            os.close(reads)

    return end


def _watch(tell: Callable[[], None], reads: int) -> None:
    first = _next(reads, None)
    if not first:
        return
    tell()
    second = _next(reads, None if signals.listens() else _PATIENCE)
    signals.end_left_out()
    os._exit(128 + (second or first))


def _next(reads: int, seconds: float | None) -> int:
    """The next signal of those that end a program; 0 where none comes in time, or ever."""
    while select.select([reads], [], [], seconds)[0] and (heard := os.read(reads, 1)) != _END:
        if (signum := heard[0]) in SIGNALS:
            return signum
    return 0


def _forget() -> None:
    """A forked process has neither the thread nor anything to finish."""
    signal.set_wakeup_fd(-1)
    signals.forget()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
