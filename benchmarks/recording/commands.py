"""The commands of figures: one each, of which a comparison may be run for some strategies only."""

from __future__ import annotations

import re
import shlex

_STRATEGIES = re.compile(r" --strategies=(\S+)")


def command(entry: str, strategies: str = "") -> str:
    """What stands in a row.

    Args:
        entry: of the table of figures, the arguments of `python`.
        strategies: those that are compared, in place of all.
    """
    if strategies:
        entry = f"{_STRATEGIES.sub('', entry)} --strategies={strategies}"
    return f"python {entry}"


def belongs(entry: str, shown: str) -> bool:
    """Whether a row's command is that of the table, with all strategies or some of them."""
    if shown == command(entry):
        return True
    some, every = _STRATEGIES.search(shown), _STRATEGIES.search(entry)
    if not some or not every or shown != command(entry, some[1]):
        return False
    return set(_names(some[1])) <= set(_names(every[1]))


def arguments(shown: str) -> list[str]:
    """Of `python`, to run a row's command."""
    return shlex.split(shown)[1:]


def _names(strategies: str) -> list[str]:
    # `a:x=1,y=2,b`: a setting belongs to the strategy before it.
    return re.split(r",(?!\w+=)", strategies)
