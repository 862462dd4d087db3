"""Ctrl-C and SIGTERM: stop where nothing is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cells.support.signals import handled_by


class Interruption(Exception):
    """The search was asked to stop.

    Attributes:
        signum: by this signal.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class _Interrupted(BaseException):
    """Passes through everything that catches exceptions of a candidate."""


class Interruptible:
    """Remembers a signal; inside `block` it takes effect at once, elsewhere at `check`."""

    def __init__(self) -> None:
        self._signum = 0
        self._open = False

    @contextmanager
    def listening(self) -> Iterator[Interruptible]:
        """Replaces the handlers of Ctrl-C and SIGTERM for the time of a `with` block."""
        with handled_by(self._handle):
            yield self

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._signum = signum
        if self._open:
            self._open = False
            raise _Interrupted

    def check(self) -> None:
        """Raises Interruption if a signal came."""
        if self._signum:
            raise Interruption(self._signum)

    @contextmanager
    def block(self) -> Iterator[None]:
        """What may be given up at any point.

        Raises:
            Interruption: a signal came.
        """
        self.check()
        self._open = True
        try:
            yield
        except _Interrupted:
            pass
        finally:
            self._open = False
        self.check()

    def sleep(self, seconds: float) -> None:
        """Waits.

        Raises:
            Interruption: a signal came.
        """
        with self.block():
            time.sleep(seconds)
