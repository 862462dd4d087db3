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
        function: with annotations. What they name for type checkers only is not compared.
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
        raise UserError(f"{name}: {value!r:.60} is not a {expected}")
    return found


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of the arguments that have a name."""
    return {
        name: _read(parameter.annotation, function)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }


def _read(annotation: Any, function: Callable[..., Any]) -> Any:
    """What an annotation stands for; `Any` where it is there for type checkers only."""
    holder = type("_", (), {"__annotations__": {"it": annotation}})
    try:
        return typing.get_type_hints(holder, getattr(function, "__globals__", {}))["it"]
    except NameError:
        return Any
