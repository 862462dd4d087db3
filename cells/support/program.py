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
        _begin_to_watch(tell)
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


def _begin_to_watch(tell: Callable[[], None]) -> None:
    """Starts a thread that hears of signals while the main thread is in TensorFlow.

    Python runs handlers between two steps of the main thread, but wakes this one at once.
    """
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    signals.told_by(tell)
    os.register_at_fork(after_in_child=_forget)
    threading.Thread(target=_watch, args=(tell, reads), daemon=True).start()


def _watch(tell: Callable[[], None], reads: int) -> None:
    first = _next(reads, None)
    tell()
    second = _next(reads, None if signals.listens() else _PATIENCE)
    os._exit(128 + (second or first))


def _next(reads: int, seconds: float | None) -> int:
    """The next signal of those that end a program; 0 where none comes in time."""
    while select.select([reads], [], [], seconds)[0]:
        if (signum := os.read(reads, 1)[0]) in SIGNALS:
            return signum
    return 0


def _forget() -> None:
    """A forked process has neither the thread nor anything to finish."""
    signal.set_wakeup_fd(-1)
    signals.forget()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
