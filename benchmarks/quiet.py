"""A lock by which measurements ask long work in the background to pause.

  python -m benchmarks.quiet COMMAND...    runs a command while long work stands still

`python -m benchmarks.figures` holds it while a figure is measured; `python -m benchmarks.record`
stands still as long as anybody on the machine holds it. The operating system lets go of it with the
process that holds it, in whatever way that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

#: One for all checkouts of a user, since they share the machine.
PATH = pathlib.Path(tempfile.gettempdir()) / f"transferable-cells-{os.getuid()}.lock"


@contextlib.contextmanager
def held(path: pathlib.Path = PATH) -> Iterator[None]:
    """Asks for quiet for the time of a `with` block; several may ask at a time."""
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def asked_for(path: pathlib.Path = PATH) -> bool:
    """Whether somebody asks for quiet."""
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def main() -> None:
    """Runs the command line."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m benchmarks.quiet COMMAND...")
    with held():
        sys.exit(subprocess.run(sys.argv[1:]).returncode)


if __name__ == "__main__":
    main()
