"""Arguments of public functions: a wrong type is told in one sentence that names the argument."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from cells.support.errors import UserError
from cells.support.settings import fit

P = ParamSpec("P")
T = TypeVar("T")


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A decorator of public functions that compares arguments with their annotations.

    Args:
        function: with annotations. What is in dictionaries is not compared.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound: Any = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            bound.arguments[name] = fitted(name, value, _hints(function).get(name, Any))
        return function(*bound.args, **bound.kwargs)

    return call


def fitted(name: str, value: Any, hint: Any) -> Any:
    """A value as its type has it: 1e3 is a whole number where one is due.

    Args:
        name: what errors call the value.
        value: of anybody.
        hint: the type, or what cannot be compared.

    Raises:
        UserError: it has another type.
    """
    found, expected = fit(hint, value)
    if expected:
        shown = " ".join(f"{value!r:.60}".split())  # An array has lines.
        article = "an" if expected[0] in "AEIOU" else "a"
        raise UserError(f"{name}: {shown} is not {article} {expected}")
    return found


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of the arguments that have a name."""
    return {
        name: _read(parameter.annotation, function)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }


class _Named(type):
    """A class that is not imported before there is work: it is known by its name."""

    def __instancecheck__(cls, value: Any) -> bool:
        return any(kind.__name__ == cls.__name__ for kind in type(value).__mro__)


def _read(annotation: Any, function: Callable[..., Any]) -> Any:
    """What an annotation stands for."""
    holder = type("_", (), {"__annotations__": {"it": annotation}})
    names = dict(getattr(function, "__globals__", {}))
    while True:
        try:
            return typing.get_type_hints(holder, names)["it"]
        except NameError as error:  # It is imported for type checkers only.
            names[str(error.name)] = _Named(str(error.name), (), {})
        except AttributeError:  # So is the module that it is of.
            return Any
