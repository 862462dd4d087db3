"""Colours of the light and of the dark drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Paint:
    """Colours of a box: its area, its border, its text."""

    fill: str
    border: str
    text: str


@dataclass(frozen=True)
class Theme:
    """All colours of a drawing.

    Attributes:
        background: of the page.
        text: of titles and legend.
        muted: of what is there but does nothing, such as an input that is not read.
        kinds: boxes by kind of operation (`cells.operations.operations.Operation.kind`).
        combines: boxes by combination; `concat` is also the colour of the bar.
        inputs: boxes of h_{i-1} and h_i; their lines have the colour of the border.
        output: box of h_{i+1}.
        line: lines of the states that blocks make, and inside blocks.
    """

    background: str
    text: str
    muted: str
    kinds: dict[str, Paint]
    combines: dict[str, Paint]
    inputs: tuple[Paint, Paint]
    output: Paint
    line: str


LIGHT = Theme(
    background="#ffffff",
    text="#1f2328",
    muted="#a7adb5",
    kinds={
        "identity": Paint("#eceef1", "#8b929c", "#1f2328"),
        "pool": Paint("#d5efe2", "#3f9b76", "#0d3b29"),
        "separable": Paint("#d9e7fb", "#4a80c6", "#10305c"),
        "convolution": Paint("#fde5cf", "#d5803a", "#5a2c08"),
    },
    combines={
        "add": Paint("#ffffff", "#59616c", "#1f2328"),
        "concat": Paint("#59616c", "#59616c", "#ffffff"),
    },
    inputs=(
        Paint("#f3e3f2", "#a2479b", "#4d1549"),
        Paint("#1f2328", "#1f2328", "#ffffff"),
    ),
    output=Paint("#ffffff", "#59616c", "#1f2328"),
    line="#59616c",
)

DARK = Theme(
    background="#0d1117",
    text="#e6edf3",
    muted="#5b636e",
    kinds={
        "identity": Paint("#2a3038", "#8b949e", "#e6edf3"),
        "pool": Paint("#123d2d", "#46b488", "#c9f2de"),
        "separable": Paint("#16325c", "#5b9bf0", "#d6e6ff"),
        "convolution": Paint("#4d2a10", "#e8924a", "#ffe3cb"),
    },
    combines={
        "add": Paint("#0d1117", "#a3acb7", "#e6edf3"),
        "concat": Paint("#a3acb7", "#a3acb7", "#0d1117"),
    },
    inputs=(
        Paint("#43204a", "#d783cf", "#fbe3f9"),
        Paint("#e6edf3", "#e6edf3", "#0d1117"),
    ),
    output=Paint("#0d1117", "#a3acb7", "#e6edf3"),
    line="#a3acb7",
)


def dark_of() -> dict[str, str]:
    """The dark colour for each light one; the two themes differ in nothing else."""
    found: dict[str, str] = {}
    for light, dark in zip(_colours(asdict(LIGHT)), _colours(asdict(DARK)), strict=True):
        assert found.setdefault(light, dark) == dark, f"{light} has two dark colours"
    return found


def _colours(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _colours(inner)
