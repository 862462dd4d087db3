"""What values a setting may have: its type is the field's, its bounds stand beside the default.

    trials: int = setting(100, least=1)

Model Garden's own fields have no bounds; tables by name (`transfer.config.ranges`) hold theirs.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import operator
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cells.support.errors import UserError, cut, nearest

_BOUNDS = "bounds"

#: Whole numbers go into 64 bits at last.
_LARGEST = 2**63 - 1

#: What a value must be, for people.
_NOUNS: dict[Any, str] = {
    bool: "truth value, true or false",
    int: "whole number",
    float: "number",
    str: "text",
    list: "list",
    dict: "mapping",
    os.PathLike: "path",
    Callable: "function",
}


@dataclass(frozen=True)
class Bounds:
    """Bounds of a number, of the numbers of a list, or of a text; None and () do not bound.

    Attributes:
        least: the smallest number.
        most: the largest.
        above: what every number is larger than.
        below: what every number is smaller than.
        choices: the texts that there are.
        length: how many entries a list has.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None

    def fault(self, value: Any) -> str:
        """What is wrong with a value, with the remedy; "" where nothing is."""
        if isinstance(value, list | tuple):
            if self.length is not None and len(value) != self.length:
                return f"has {len(value)} entries; give {self.length}"
            return next((f for f in map(self.fault, value) if f), "")
        if isinstance(value, str):
            if self.choices and value not in self.choices:
                near = nearest(value[:80], self.choices)
                return f"unknown {cut(value)!r}; {near}known are {', '.join(self.choices)}"
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        for too, bound, passed, remedy in (
            ("small", self.least, operator.lt, "at least"),
            ("small", self.above, operator.le, "more than"),
            ("large", self.most, operator.gt, "at most"),
            ("large", self.below, operator.ge, "less than"),
        ):
            if bound is not None and passed(value, bound):
                return f"{cut(f'{value:,}')} is too {too}; use {remedy} {bound:,}"
        return ""


def setting(default: Any = dataclasses.MISSING, *, shown: bool = True, **bounds: Any) -> Any:
    """A field of a dataclass with bounds beside its default.

    Args:
        default: of the field, if any; a list is copied for each object.
        shown: whether `repr` has it. Files that are kept by what an object is called stay valid
            where a later version adds a field that is not shown.
        **bounds: of its values; see `Bounds`.

    Example:
        >>> @dataclass
        ... class Settings:
        ...     trials: int = setting(100, least=1)
        >>> bounds_of(Settings, "trials").fault(0)
        '0 is too small; use at least 1'
    """
    metadata = {_BOUNDS: Bounds(**bounds)}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata, repr=shown)


def bounds_of(kind: type, name: str) -> Bounds:
    """The bounds of a dataclass's field; of a field without, or of another class: none."""
    fields = getattr(kind, "__dataclass_fields__", {})
    return fields[name].metadata.get(_BOUNDS, Bounds()) if name in fields else Bounds()


def check(thing: Any, where: str = "") -> None:
    """Checks the fields of a dataclass that a program has made, but for those that it makes itself.

    Args:
        thing: an object of it.
        where: its fields are, in errors, such as `evaluator.train.`.

    Raises:
        UserError: a value has another type, or is out of bounds.
    """
    for field in (field for field in dataclasses.fields(thing) if field.init):
        if fault := fault_of(type(thing), field.name, getattr(thing, field.name)):
            raise UserError(f"{where}{field.name}: {fault}")


def fault_of(kind: Any, name: str, value: Any) -> str:
    """What is wrong with a value for a field of a dataclass; "" where nothing is."""
    _, expected = fit(_annotations(kind).get(name, Any), value)
    if expected:
        return f"{cut(repr(value))} is not a {expected}"
    return bounds_of(kind, name).fault(value)


def type_of(kind: type, name: str, present: Any) -> Any:
    """The type of a field: as it is annotated, and that of its default, where that is another.

    Args:
        kind: the class.
        name: of the field.
        present: its value, which says the type where there is no annotation.
    """
    field = getattr(kind, "__dataclass_fields__", {}).get(name)
    if field is None or field.default is field.default_factory is dataclasses.MISSING:
        return _type(kind, name, present)
    return _type_of_default(kind, name)


@functools.cache
def _type_of_default(kind: Any, name: str) -> Any:
    field = kind.__dataclass_fields__[name]
    made = field.default is dataclasses.MISSING
    return _type(kind, name, field.default_factory() if made else field.default)


def _type(kind: type, name: str, default: Any) -> Any:
    annotated = _annotations(kind).get(name)
    if annotated is None:
        return Any if default is None else type(default)
    # Some of Model Garden's fields hold what they are not annotated with.
    fits = fit(annotated, default)[1] == ""
    return annotated if fits else typing.Union[annotated, type(default)]  # noqa: UP007


def fit(annotated: Any, value: Any) -> tuple[Any, str]:
    """Whether a value has a type.

    Args:
        annotated: the type.
        value: as YAML or Python gives it.

    Returns:
        The value (1e3 is a whole number where one is due), and what it should be: "" if it is.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return value, "finite number"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return value, "number of 64 bits"
    if isinstance(value, str) and "\0" in value:
        return value, "text without the character 0"
    if annotated is Any:
        return value, ""
    origin, arguments = typing.get_origin(annotated), typing.get_args(annotated)
    if origin in (typing.Union, types.UnionType):
        tried = [fit(argument, value) for argument in arguments]
        found = next((t for t in tried if not t[1]), None)
        nouns = dict.fromkeys(noun for _, noun in tried if noun != "null")
        return found or (value, " or ".join(nouns))
    if origin is typing.Literal:
        return fit(type(arguments[0]), value)
    if annotated in (None, type(None)):
        return value, "" if value is None else "null"
    kind = origin or annotated
    if not isinstance(kind, type):
        return value, ""
    return _fit_plain(kind, arguments, value)


def _fit_plain(kind: type, arguments: Sequence[Any], value: Any) -> tuple[Any, str]:
    if kind is bool or isinstance(value, bool):
        return value, "" if kind is bool and isinstance(value, bool) else _noun(kind)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value), ""
    if kind in (int, float):
        whole = numbers.Integral if kind is int else numbers.Real  # NumPy's are among them.
        return value, "" if isinstance(value, whole) else _noun(kind)
    if kind is not str and issubclass(kind, Sequence):
        if not isinstance(value, list | tuple):
            return value, _noun(list)
        due = _of_items(arguments, value)
        each = [fit(argument, v) for argument, v in zip(due, value, strict=True)]
        wrong = next((f"list of {noun}s" for _, noun in each if noun), "")
        return type(value)(v for v, _ in each), wrong
    if issubclass(kind, Mapping) or hasattr(kind, "as_dict"):
        return value, "" if isinstance(value, Mapping) or hasattr(value, "as_dict") else "mapping"
    return value, "" if isinstance(value, kind) else _noun(kind)


def _of_items(arguments: Sequence[Any], value: Sequence[Any]) -> Sequence[Any]:
    several = [a for a in arguments if a is not Ellipsis]
    if len(several) == len(value):
        return several
    return [several[0] if several else Any] * len(value)


def _noun(kind: type) -> str:
    return _NOUNS.get(kind, kind.__name__)


@functools.cache
def _annotations(kind: Any) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except (NameError, TypeError):
        return {}
