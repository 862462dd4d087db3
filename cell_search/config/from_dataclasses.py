"""Sections of a configuration that are made from the frozen dataclasses of what is registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from official.modeling import hyperparams


def settings_of(thing: type) -> type[hyperparams.Config]:
    """A configuration with the fields of a frozen dataclass.

    Args:
        thing: the dataclass.
    """
    fields: list[Any] = [
        (f.name, f.type, dataclasses.field(default=f.default, metadata=f.metadata))
        for f in dataclasses.fields(thing)
    ]
    return dataclasses.make_dataclass(thing.__name__, fields, bases=(hyperparams.Config,))


class Choice(hyperparams.Config):
    """A choice by `type`, with a section of settings for each type.

    Unlike Model Garden's one-of, it shows all sections: one can be set before it is chosen.
    """

    type: str

    def chosen(self) -> dict[str, Any]:
        """The settings of the chosen type."""
        return getattr(self, section(self.type)).as_dict()


def section(name: str) -> str:
    """Where the settings of a type are: `optuna_TPESampler` holds those of `optuna:TPESampler`."""
    return name.replace(":", "_")


def one_of(
    name: str, types: Mapping[str, type], default: str, more: Iterable[Any] = ()
) -> type[Choice]:
    """A `Choice` between settings by the names of their types.

    Args:
        name: of the class.
        types: the dataclasses with settings, by name.
        default: the type that is chosen where none is named.
        more: fields beside the choice, as `dataclasses.make_dataclass` takes them.
    """
    fields: list[Any] = [("type", str, dataclasses.field(default=default)), *more]
    for key, settings in types.items():
        made = settings_of(settings)
        fields.append((section(key), made, dataclasses.field(default_factory=made)))
    return dataclasses.make_dataclass(name, fields, bases=(Choice,))


class Changes(hyperparams.Config):
    """Changes to another section; what is None stays."""

    def set_values(self) -> dict[str, Any]:
        """What is set, nested."""
        found: dict[str, Any] = {}
        for key in self.as_dict():
            value = getattr(self, key)
            if isinstance(value, Changes):
                value = value.set_values() or None
            if value is not None:
                found[key] = value
        return found


def _written(kind: Any) -> str:
    """A type as an annotation, which a module of somebody else may have left a type."""
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def changes_of(thing: type) -> type[Changes]:
    """A configuration of the same fields that sets none of them: they are None.

    Args:
        thing: the dataclass.
    """
    fields: list[Any] = [
        (f.name, f"{_written(f.type)} | None", dataclasses.field(default=None, metadata=f.metadata))
        for f in dataclasses.fields(thing)
    ]
    return dataclasses.make_dataclass(f"{thing.__name__}Changes", fields, bases=(Changes,))
