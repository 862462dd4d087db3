"""Inception-v4 by the figures of its paper: the rule that the catalogue's file was written with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cells.layerwise.network import Layer, LayerwiseNetwork

#: Branches of each module. `64` is a 1x1 convolution, `96@3x3/2` one of 3x3 with stride 2, which
#: has no padding, as `v` says of others; `a|b` reads the same and is joined.
_STEM = (
    ("32@3x3/2 32@3x3v 64@3x3",),
    ("max@3x3/2", "96@3x3/2"),
    ("64 96@3x3v", "64 64@1x7 64@7x1 96@3x3v"),
    ("192@3x3/2", "max@3x3/2"),
)
_A = ("96", "64 96@3x3", "64 96@3x3 96@3x3", "mean@3x3 96")
_A_TO_B = ("384@3x3/2", "192 224@3x3 256@3x3/2", "max@3x3/2")
_B = ("384", "192 224@1x7 256@7x1", "192 192@7x1 224@1x7 224@7x1 256@1x7", "mean@3x3 128")
_B_TO_C = ("192 192@3x3/2", "256 256@1x7 320@7x1 320@3x3/2", "max@3x3/2")
_C = ("256", "384 256@1x3|256@3x1", "384 448@3x1 512@1x3 256@1x3|256@3x1", "mean@3x3 256")
MODULES = (*_STEM, *4 * [_A], _A_TO_B, *7 * [_B], _B_TO_C, *3 * [_C])

_STEP = re.compile(r"(\d+|max|mean)(?:@(\d)x(\d))?(/2|v)?")


def network(modules: Iterable[Sequence[str]] = MODULES) -> LayerwiseNetwork:
    """The layers module by module, branch by branch: the order in which timm defines them, too."""
    layers: list[Layer] = []

    def add(step: str, inputs: tuple[int, ...]) -> int:
        what, height, width, end = _STEP.fullmatch(step).groups()
        operation = {"max": "maximum", "mean": "mean"}.get(what, "convolution")
        layer = Layer(
            height=int(height or 1),
            width=int(width or 1),
            filters=int(what) if operation == "convolution" else 0,
            inputs=inputs,
            operation=operation,
            padding="valid" if end else "same",
            **(dict.fromkeys(("stride_height", "stride_width"), 2) if end == "/2" else {}),
        )
        layers.append(layer)
        return len(layers)

    joined: tuple[int, ...] = (0,)
    for module in modules:
        ends: list[int] = []
        for branch in module:
            reads = joined
            for steps in branch.split():
                reads = tuple(add(step, reads) for step in steps.split("|"))
            ends += reads
        joined = tuple(ends)
    return LayerwiseNetwork("Inception-v4", tuple(layers))
