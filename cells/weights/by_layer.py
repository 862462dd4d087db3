"""Weights moved between networks by layer name and, inside a layer, by order.

Keras 3 and tf_keras name some weights of a layer differently, but keep them in one order; layer
names follow from the genotype and are the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cells.support.errors import listed


@dataclass(frozen=True)
class Moved:
    """Which layers' weights were moved.

    Attributes:
        moved: layers that took weights.
        missing: layers of the target that found none, and keep their own.
        unused: layers of the source that nobody took.
        unfit: layers of both whose shapes differ, such as heads of other classes.
    """

    moved: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    unfit: tuple[str, ...]

    def __str__(self) -> str:
        """One line: what was loaded, and what was not and why."""
        told = [f"loaded the weights of {len(self.moved)} layers"]
        for why, layers in (
            ("of another shape, so initial", self.unfit),
            ("not in the source, so initial", self.missing),
            ("of the source, not used", self.unused),
        ):
            if layers:
                told.append(f"{len(layers)} {why}: {listed(layers, 6)}")
        return "; ".join(told)


def move_weights(source: Any, target: Any) -> Moved:
    """Copies the weights of `source` into the layers of the same names of `target`.

    Args:
        source: a Keras model, of either namespace; or the arrays of its layers by their names.
        target: a Keras model, of either namespace.

    Returns:
        What was moved and what was not; nothing is hidden.
    """
    giving = (
        dict(source)
        if isinstance(source, Mapping)
        else {layer.name: layer for layer in weighted_layers(source)}
    )
    moved, missing, unfit = [], [], []
    for layer in weighted_layers(target):
        giver = giving.pop(layer.name, None)
        if giver is None:
            missing.append(layer.name)
            continue
        values = giver.get_weights() if hasattr(giver, "get_weights") else giver
        if [v.shape for v in values] != [tuple(w.shape) for w in layer.weights]:
            unfit.append(layer.name)
            continue
        layer.set_weights(values)
        moved.append(layer.name)
    return Moved(tuple(moved), tuple(missing), tuple(giving), tuple(unfit))


def weighted_layers(model: Any) -> list[Any]:
    """The layers of a model that have weights, those of nested models included.

    Args:
        model: a model of `keras` or `tf_keras`.
    """
    layers = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            layers += weighted_layers(layer)
        elif layer.weights:
            layers.append(layer)
    return layers
