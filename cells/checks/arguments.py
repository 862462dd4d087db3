"""Arguments of public functions: a wrong type is told in one sentence that names the argument."""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from cells.support.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")

#: What a type accepts, and what it is called. Truth values are no numbers.
_PLAIN: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((numbers.Integral,), "a whole number"),
    float: ((numbers.Real,), "a number"),
    bool: ((bool,), "True or False"),
    os.PathLike: ((os.PathLike,), "a path"),
    Mapping: ((Mapping,), "a dictionary"),
    Sequence: ((Sequence,), "a list"),
}


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A decorator of public functions that compares arguments with their annotations.

    Args:
        function: with annotations. What is in dictionaries is not compared.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            require_type(name, value, _hints(function).get(name, Any))
        return function(*args, **kwargs)

    return call


def require_type(name: str, value: Any, hint: Any) -> None:
    """Compares a value with a type.

    Args:
        name: what errors call the value.
        value: of anybody.
        hint: a type, several of them, or what cannot be compared.

    Raises:
        UserError: it has another type.
    """
    kinds = _alternatives(hint)
    if kinds and not any(_fits(value, kind) for kind in kinds):
        wanted = " or ".join(dict.fromkeys(_word(kind) for kind in kinds))
        shown = " ".join(f"{value!r:.60}".split())  # An array has lines.
        raise UserError(f"{name}: {shown} is not {wanted}")
    if isinstance(value, list | tuple):
        for part in _parts(hint):
            if typing.get_origin(part) is Sequence:
                for each in value:
                    require_type(name, each, typing.get_args(part)[0])


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


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """The types of which a value must have one."""
    parts = [_plain(part) for part in _parts(hint)]
    return () if any(part is None for part in parts) else tuple(parts)


def _parts(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _plain(hint: Any) -> Any:
    """A type that `isinstance` takes, `callable`, or None for what cannot be compared."""
    origin = typing.get_origin(hint) or hint
    if origin is Callable:
        return callable
    return origin if isinstance(origin, type) and origin not in (object, Any) else None


def _fits(value: Any, kind: Any) -> bool:
    if kind is callable:
        return callable(value)
    accepted = _PLAIN[kind][0] if kind in _PLAIN else (kind,)
    if isinstance(value, bool) and kind in (int, float):
        return False
    if kind is Sequence and isinstance(value, str):
        return False
    return isinstance(value, accepted)


def _word(kind: Any) -> str:
    if kind is callable:
        return "a function"
    if kind is type(None):
        return "None"
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return _PLAIN[kind][1] if kind in _PLAIN else f"{article} {kind.__name__}"
