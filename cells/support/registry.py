"""Tables of named things, and the modules of one's own that add to them when they are imported.

A command line names modules with `--import`; packages that are installed name theirs as entry
points. A configuration file cannot: who reads a file of somebody else runs none of their code.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from cells.support.errors import UserError, require_known
from cells.support.files import reason

T = TypeVar("T")

#: Of entry points, each of which names a module.
GROUP = "transferable_cells"

#: What workers import, too: the environment goes with them.
VARIABLE = "CELLS_IMPORT"


class Registry(dict[str, T]):
    """A table from names to things that refuses to hold two things of one name.

    Args:
        what: what the table holds, as errors call it.
    """

    def __init__(self, what: str):
        super().__init__()
        self._what = what
        self._refused: dict[str, str] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that puts what it decorates into the table.

        Args:
            name: of the thing.

        Raises:
            ValueError: the name is taken.
        """

        def decorate(thing: T) -> T:
            if name in self:
                raise ValueError(f"{self._what}: {name!r} is registered already, as {self[name]}")
            self[name] = thing
            return thing

        return decorate

    def name_of(self, thing: T) -> str | None:
        """The name under which a thing is registered; None if it is not.

        Args:
            thing: that may be in the table.
        """
        return next((name for name, known in self.items() if known is thing), None)

    def refuse(self, name: str, reason: str) -> None:
        """Lets `find` say why there is no thing of a name that somebody may well look for.

        Args:
            name: of the thing.
            reason: ends the sentence that begins with the name.
        """
        self._refused[name] = reason

    def knows(self, name: str) -> bool:
        """Whether there is a thing of that name, here or in what is installed beside the project.

        Args:
            name: of the thing.
        """
        if name not in self:
            import_installed()
        return name in self

    def find(self, name: str) -> T:
        """The thing of that name.

        Args:
            name: of the thing.

        Raises:
            UserError: there is none; lists those that exist.
        """
        if name in self._refused:
            raise UserError(f"{self._what}: {name!r} cannot be used, since {self._refused[name]}")
        self.knows(name)
        return choose(self._what, name, self)


def choose(what: str, name: str, table: Mapping[str, T], noun: str = "") -> T:
    """The entry of that name in a table of named things.

    Args:
        what: the field, flag or key that holds the name.
        name: the name.
        table: the things by their names.
        noun: what kind of name it is, where `what` does not say so.

    Raises:
        UserError: there is no such entry; lists those that exist.
    """
    return table[require_known(what, name, table, noun)]


def import_modules(modules: Iterable[str]) -> None:
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


def import_named() -> None:
    """Imports, in a worker, what the command line of its driver named."""
    import_modules(os.environ.get(VARIABLE, "").split(","))


def is_extended() -> bool:
    """Whether modules of one's own may have registered things, or will."""
    return bool(os.environ.get(VARIABLE) or importlib.metadata.entry_points(group=GROUP))


def variables() -> dict[str, str]:
    """The environment of a worker on another machine, that it may call `import_named`."""
    return {VARIABLE: os.environ[VARIABLE]} if os.environ.get(VARIABLE) else {}


@functools.cache
def import_installed() -> None:
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
    except (Exception, SystemExit) as error:
        # Whatever a module of somebody else raises, or a script that ends; the traceback follows on
        # demand.
        what = f"{type(error).__name__}: {reason(error)}"
        raise UserError(f"{said} cannot be imported ({what})") from error
