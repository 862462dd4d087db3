"""Strategies, evaluators and operations of one's own: modules that register them when imported.

A command line names modules with `--import`; packages that are installed name theirs as entry
points. A configuration file cannot: who reads a file of somebody else runs none of their code.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Iterable

from cells.support.errors import UserError
from cells.support.files import reason

#: Of entry points, each of which names a module.
GROUP = "transferable_cells"

#: What workers import, too: the environment goes with them.
VARIABLE = "CELLS_IMPORT"


def load(modules: Iterable[str]) -> None:
    """Imports modules, from the current folder or from wherever Python finds them.

    Args:
        modules: their names, such as `my_package.operations`.

    Raises:
        UserError: one cannot be imported; says why.
    """
    names = [name for name in modules if name]
    if not names:
        return
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # Neither installed programs nor workers look there.
    for name in names:
        _import(f"--import: {name}", name)
    known = os.environ.get(VARIABLE, "").split(",")
    os.environ[VARIABLE] = ",".join(dict.fromkeys([*filter(None, known), *names]))


def load_named() -> None:
    """Imports, in a worker, what the command line of its driver named."""
    load(os.environ.get(VARIABLE, "").split(","))


def variables() -> dict[str, str]:
    """The environment of a worker on another machine, that it may call `load_named`."""
    return {VARIABLE: os.environ[VARIABLE]} if os.environ.get(VARIABLE) else {}


@functools.cache
def load_installed() -> None:
    """Imports the modules that installed packages offer, once.

    Raises:
        UserError: one cannot be imported; names its package.
    """
    for point in importlib.metadata.entry_points(group=GROUP):
        package = point.dist.name if point.dist else "a package"
        _import(f"{point.value}: this module of {package}", point.module)


def _import(said: str, name: str) -> None:
    try:
        importlib.import_module(name)
    except UserError as error:
        raise UserError(f"{said} cannot be used ({error})") from error
    except Exception as error:
        # Whatever a module of somebody else raises; the traceback follows on demand.
        what = f"{type(error).__name__}: {reason(error)}"
        raise UserError(f"{said} cannot be imported ({what})") from error
