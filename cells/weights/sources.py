"""The libraries whose files are understood, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cells.network.stack_config import StackConfig
from cells.operations.graph import Node
from cells.operations.primitives import BorderRule
from cells.weights import h5_file, keras_applications, timm, torch_file


@dataclass(frozen=True)
class WeightSource:
    """A library.

    Attributes:
        name: as in `cells import-weights --from=...`.
        border_rule: what its 3x3 pools at stride 2 see beyond the border.
        networks: which networks of a genotype it has, by the genotype's catalogue name.
        read: the arrays of a file by their names; raises a UserError where it is damaged.
        names: the names of a layer's arrays, in Keras's order, from the layer's node, the
            names of all layers and the stack.
        to_keras: an array of the file in Keras's layout, from its name and its value.
    """

    name: str
    border_rule: BorderRule
    networks: Mapping[str, tuple[str, ...]]
    read: Callable[[str], dict[str, np.ndarray]]
    names: Callable[[Node, frozenset[str], StackConfig], tuple[str, ...]]
    to_keras: Callable[[str, np.ndarray], np.ndarray]


SOURCES = {
    source.name: source
    for source in (
        WeightSource(
            "keras_applications",
            "keras",
            {"nasnet_a": ("imagenet_mobile", "imagenet_large")},
            h5_file.read,
            keras_applications.names,
            lambda name, value: value,
        ),
        WeightSource(
            "timm",
            "timm",
            dict.fromkeys(("nasnet_a", "pnasnet_5", "inception_v4"), ("imagenet_large",)),
            torch_file.read,
            timm.names,
            timm.to_keras,
        ),
    )
}
