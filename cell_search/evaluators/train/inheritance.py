"""Weights of a parent for its child: Real et al. 2017, section 3.6."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import tensorflow as tf

from cell_search.children import Child

if TYPE_CHECKING:
    from cell_search.evaluators._kept_files import KeptTraining


def inherit(child: Child, parent: KeptTraining) -> float:
    """Takes over every weight and statistic of a layer that both have, where its shape is equal.

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
        # A layer of this name may be of another kind, with fewer parts.
        for (vector, at, shape), (of, there, other) in zip(layer.parts, theirs, strict=False):
            # JSON knows no tuples.
            if (vector, shape) != (of, tuple(other)):
                continue
            size = math.prod(shape)
            own[vector][at : at + size] = parent.arrays[vector][there : there + size]
            taken += size if vector == "trained" else 0
    child.trained, child.moved = tf.constant(own["trained"]), tf.constant(own["moved"])
    return taken / len(own["trained"])
