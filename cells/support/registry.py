"""Tables of named things, and the error for a name that is not in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from cells.support import extensions
from cells.support.errors import UserError, unknown

T = TypeVar("T")


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
            extensions.load_installed()
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


def choose(what: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of that name in a table of named things.

    Args:
        what: the field, flag or key that holds the name.
        name: the name.
        table: the things by their names.

    Raises:
        UserError: there is no such entry; lists those that exist.
    """
    if name not in table:
        raise unknown(what, name, table)
    return table[name]
