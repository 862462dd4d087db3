"""The other end of the pool `processes`: what a worker process does.

A module of its own that imports nothing heavy: numbers of threads and visible GPUs must be in the
environment before NumPy and TensorFlow are imported.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection


def work(
    pipe: Connection, environment: Mapping[str, str], levels: Mapping[str, int], prog: str
) -> None:
    """Evaluates requests until the pipe is closed.

    Args:
        pipe: sends None once requests may come; then for each None when it has been read, which
            may have imported something, and a `Result`, or an exception where the settings are at
            fault.
        environment: variables to set first.
        levels: of loggers by name, as in the driver.
        prog: see `command_line.warn_as`.
    """
    os.environ.update(environment)
    threading.Thread(target=_end_with_driver, daemon=True).start()

    from cell_search.evaluators import evaluate
    from cells.support import registry
    from cells.support.command_line import warn_as
    from cells.support.errors import UserError

    warn_as(prog)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    registry.import_named()
    try:
        pipe.send(None)
        while True:
            data = pipe.recv_bytes()
            try:
                request = pickle.loads(data)
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                pipe.send(UserError(f"pool.processes: a worker cannot read a request ({what})"))
                continue
            pipe.send(None)
            try:
                pipe.send(evaluate(request))
            except UserError as error:
                pipe.send(error)
    except (EOFError, OSError):
        return  # The driver is gone, or has no more use for this worker.


def _end_with_driver() -> None:
    """Leaves no worker behind where the driver is killed, whatever this one is busy with."""
    driver = multiprocessing.parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
