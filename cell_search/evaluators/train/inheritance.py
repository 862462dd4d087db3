"""Weights of a parent for its child: Real et al. 2017, section 3.6."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from cell_search.children import Child

if TYPE_CHECKING:
    from cell_search.evaluators._kept_files import KeptTraining


def inherit(child: Child, parent: KeptTraining) -> float:
    """Takes over the weights and statistics of all layers that both have, in equal shapes.

    Args:
        child: gets them.
        parent: a training, with `facts["layers"]`: the parts of each layer by its name, as in
            `cell_search.children.layers.Layer`.

    Returns:
        The share of the child's trained weights that came from the parent.
    """
    own = {name: getattr(child, name).numpy().copy() for name in ("trained", "moved")}
    taken = 0
    for layer in child.layers:
        theirs = parent.facts["layers"].get(layer.name, [])
        if _shapes(theirs) != _shapes(layer.parts):
            continue
        for (vector, at, shape), (_, there, _) in zip(layer.parts, theirs, strict=True):
            size = math.prod(shape)
            own[vector][at : at + size] = parent.arrays[vector][there : there + size]
            taken += size if vector == "trained" else 0
    child.trained, child.moved = tf.constant(own["trained"]), tf.constant(own["moved"])
    return taken / len(own["trained"])


def _shapes(parts: Iterable[Any]) -> list[tuple[str, tuple[int, ...]]]:
    # JSON knows no tuples.
    return [(vector, tuple(shape)) for vector, _, shape in parts]
