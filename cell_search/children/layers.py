"""A child's weights by layer, as `cells.weights.by_layer` asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cell_search.children.pieces import Shape

if TYPE_CHECKING:
    from cell_search.children.child import Child


class Layer:
    """The weights of one layer.

    Attributes:
        name: as in Keras.
        parts: in Keras's order, which vector of the child holds a weight, where in it, and of
            which shape.
    """

    def __init__(self, child: Child, name: str, parts: Iterable[tuple[str, int, Shape]]):
        self.name = name
        self._child = child
        self.parts = list(parts)

    @property
    def weights(self) -> list[np.ndarray]:
        """In Keras's order."""
        return self.get_weights()

    def get_weights(self) -> list[np.ndarray]:
        """In Keras's order."""
        return [
            getattr(self._child, vector).numpy()[start : start + math.prod(shape)].reshape(shape)
            for vector, start, shape in self.parts
        ]

    def set_weights(self, values: Sequence[np.ndarray]) -> None:
        """In Keras's order.

        Args:
            values: in Keras's order and layout.
        """
        for (name, start, shape), value in zip(self.parts, values, strict=True):
            vector = getattr(self._child, name).numpy().copy()
            vector[start : start + math.prod(shape)] = np.asarray(value).reshape(-1)
            setattr(self._child, name, tf.constant(vector))


def layers_of(child: Child) -> list[Layer]:
    """The layers of a child that have weights, in order of computation.

    Args:
        child: the network.
    """
    at = {"trained": 0, "moved": 0}

    def parts(shapes: dict[str, tuple[Shape, ...]]) -> Iterable[tuple[str, int, Shape]]:
        for vector, of_vector in shapes.items():
            for shape in of_vector:
                yield vector, at[vector], shape
                at[vector] += math.prod(shape)

    layers = []
    for place in child.places:
        for name, trained, moved in zip(
            place.layers, place.piece.trained, place.piece.moved, strict=True
        ):
            layer = Layer(child, name, parts({"trained": trained, "moved": moved}))
            layers += [layer] if trained else []
    return layers
