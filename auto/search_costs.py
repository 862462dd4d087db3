"""The cost table of a search: the one that is named, or one measured within the search's time."""

from __future__ import annotations

import os
import pathlib

from auto.context import Run
from cell_search.costs import measure, table
from cell_search.costs.machine import VARIABLE, this_machine

#: In the folder of a run.
FILE = "costs.json"

#: By what the costs of the machine are measured, in about a minute: random networks of which all
#: pieces are, times of a kind of piece, and networks of which whole steps are.
_MIXED, _MOST, _WHOLE = 4, 3, ((0, 1, 16, 2), (1, 2, 32, 2))

#: The part of the search's time in which they must be measured: on a busy machine it takes many
#: times as long as on an idle one, and candidates shall follow.
PART = 0.5

#: Of that time, what the first pieces may take, and how many times as long the first half may take
#: as the second, as pieces are compiled there for the first time.
_START, _SLOWER = 0.15, 2.0


class _OutOfTime(Exception):
    """The costs could not be measured in time."""


def measures() -> bool:
    """Whether the costs of this machine have to be measured, since no table of it is named.

    Raises:
        UserError: the table that the environment names cannot be read.
    """
    known = _named()
    # What trainings compute in is decided later.
    return known is None or bool(known.machine.differences(this_machine(known.machine.precision)))


def in_time(gone: float, done: float) -> bool:
    """Whether the costs may still be measured in time: what cannot end so is soon given up.

    Args:
        gone: the part of the search's time that measuring has taken.
        done: the part of the measuring that is done.

    Example:
        >>> in_time(0.1, 0.02), in_time(0.1, 0.1), in_time(0.5, 0.9)
        (False, True, False)
    """
    return gone < PART * min(1.0, _START + _SLOWER * done)


def of(run: Run, filters: list[int]) -> pathlib.Path | None:
    """The file of the cost table, made where there is none yet.

    Args:
        run: whose search wants it, with the time of that.
        filters: F of its networks.

    Returns:
        None where it could not be measured in time.

    Raises:
        UserError: the table that the environment names cannot be read.
        Interruption: by a signal.
    """
    path = run.folder / FILE
    if path.exists():
        return path
    seconds = run.budget.left("search")

    def check(done: float) -> None:
        run.interruptible.check()
        if seconds <= 0 or not in_time(1.0 - run.budget.left("search") / seconds, done):
            raise _OutOfTime

    known = _named()
    if known is not None and (different := known.machine.differences(this_machine())):
        name = os.environ[VARIABLE]
        print(f"  {name} is of another machine ({', '.join(different)}): measures anew", flush=True)
        known = None
    try:
        known = known or measure.measure(
            filters=filters,
            families=("nasnet",),
            mixed=_MIXED,
            most=_MOST,
            whole=_WHOLE,
            report=lambda line: run.screen.now(
                f"measures what networks cost on this machine: {line}"
            ),
            check=check,
        )
    except _OutOfTime:
        return None
    table.write(known, path)
    return path


def _named() -> table.CostTable | None:
    path = os.environ.get(VARIABLE, "")
    return table.read(path) if path else None
