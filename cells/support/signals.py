"""Ctrl-C and SIGTERM, where something has to be finished first: remembered until nothing is lost.

Everywhere else they end a program at once (`cells.support.program`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self

#: What is listened to.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _BySignal(BaseException):
    """What a signal leads to.

    Attributes:
        signum: of the signal.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Interrupted(_BySignal, KeyboardInterrupt):
    """Ends what is running at once; passes through everything that catches exceptions."""


class Interruption(_BySignal, Exception):
    """What listens to signals was asked to stop."""


class Interruptible:
    """Remembers a signal; inside `block` it takes effect at once, elsewhere at `check`.

    A second one ends the process: by itself in a program, else by `KeyboardInterrupt`.

    Attributes:
        received: the first signal that came; 0 before.
    """

    def __init__(self) -> None:
        self.received = 0
        self._open = False

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Replaces the handlers of Ctrl-C and SIGTERM for the time of a `with` block.

        Raises:
            Interrupted: a signal came, and nobody has asked for it.
        """
        before = {s: signal.signal(s, self._handle) for s in SIGNALS}
        _listeners.append(self)
        try:
            yield self
            if self.received:
                raise Interrupted(self.received)
        finally:
            _listeners.remove(self)
            for signum, earlier in before.items():
                signal.signal(signum, earlier)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        again, self.received = self.received, self.received or signum
        if again and not self._open and _tell is _say_here:
            raise KeyboardInterrupt
        _tell()
        if self._open:
            self._open = False
            raise Interrupted(signum)

    def check(self) -> None:
        """Raises Interruption if a signal came."""
        if self.received:
            raise Interruption(self.received)

    @contextmanager
    def block(self) -> Iterator[None]:
        """What may be given up at any point.

        Raises:
            Interruption: a signal came.
        """
        try:
            try:
                self._open = True
                if self.received:  # Before it was open, so that none has been raised.
                    raise Interrupted(self.received)
                yield
            finally:
                self._open = False
        except Interrupted:
            pass
        self.check()

    def sleep(self, seconds: float) -> None:
        """Waits.

        Raises:
            Interruption: a signal came.
        """
        with self.block():
            time.sleep(seconds)


#: Where standard error is for people, while what libraries write there is left out.
errors = 2

#: The last line of what is left out, of a process that ends as it is meant to.
END = b"\0\n"

#: Those that listen now; the last one is asked first.
_listeners: list[Interruptible] = []


def _say_here() -> None:
    if waits():
        say("stopping after this step; once more to stop now")


#: Says at once that a signal was heard.
_tell: Callable[[], None] = _say_here


def told_by(program: Callable[[], None] | None) -> None:
    """Leaves to a program what is said at once, and what a second signal does; None: to nobody.

    Args:
        program: says, once, that a signal was heard.
    """
    global _tell
    _tell = program or _say_here


def listens() -> bool:
    """Whether something listens to signals, and ends what is running by itself."""
    return bool(_listeners)


def waits() -> bool:
    """Whether a signal that comes now waits until something is finished."""
    return listens() and not _listeners[-1]._open


def forget() -> None:
    """In a forked process: what listens in the one that it comes from is not there."""
    _listeners.clear()
    told_by(None)


def end_left_out() -> None:
    """Before the process ends, or shows all again: what is left out was no reason to end it."""
    if errors != 2:
        with suppress(OSError):  # Who reads it may be gone.
            os.write(2, b"\n" + END)


def say(sentence: str) -> None:
    """Writes a line to standard error, also from a handler, whatever is being written there."""
    # A terminal shows `^C` on the line.
    begin = "\n" if os.isatty(errors) else ""
    os.write(errors, f"{begin}{sentence}\n".encode())
