"""Settings that a preset stands for: what is not set is as in the preset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from cells.support.registry import choose

Settings = TypeVar("Settings")


def with_preset(settings: type) -> type:
    """A frozen dataclass of the same fields, each None by default, and `preset` before them."""
    fields = [
        (f.name, f"{f.type} | None", dataclasses.field(default=None, metadata=f.metadata))
        for f in dataclasses.fields(settings)
    ]
    return dataclasses.make_dataclass(
        f"Preset{settings.__name__}",
        [("preset", "str", dataclasses.field(default="quick")), *fields],
        frozen=True,
    )


def from_preset(where: str, given: Any, presets: Mapping[str, Settings]) -> Settings:
    """The settings of a preset with those that are set in place of its own.

    Args:
        where: the section of the configuration, as errors call it.
        given: what `with_preset` made.
        presets: by name.

    Raises:
        UserError: there is no such preset.
    """
    preset: Any = choose(f"{where}.preset", given.preset, presets)
    changes = {f.name: getattr(given, f.name) for f in dataclasses.fields(preset)}
    return dataclasses.replace(preset, **{k: v for k, v in changes.items() if v is not None})
