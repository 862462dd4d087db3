"""A new child and one batch: what scores at initialisation are computed from, each part once."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from cell_search.children import Child
from cells.operations.counts import Summary
from cells.operations.primitives import Relu


class Probe:
    """Parts of one pass forward and of passes backward; what no score asks for is not computed.

    Batch norms use the statistics of the batch: those that training moves say nothing yet.

    Args:
        child: with its initial weights.
        images: float32 `(batch, height, width, channels)`, normalised.
        labels: int32 `(batch,)`.
        counts: of the network.
    """

    def __init__(self, child: Child, images: Any, labels: np.ndarray, counts: Summary):
        self.child, self.images, self.labels, self.counts = child, images, labels, counts

    @functools.cached_property
    def activated(self) -> list[Any]:
        """The states that the network's ReLUs read, each ReLU once."""
        return list(self._forward[2].values())

    @functools.cached_property
    def gradient(self) -> np.ndarray:
        """Of the mean cross-entropy with respect to all weights, as `Child.trained`."""
        logits, tape, _ = self._forward
        labels = tf.one_hot(self.labels, logits.shape[-1])
        change = (tf.nn.softmax(logits) - labels) / float(len(self.labels))
        return self._backward(tape, change)[0].numpy()

    @functools.cached_property
    def image_gradient(self) -> np.ndarray:
        """Of the sum of an image's logits with respect to the images, in their shape."""
        logits, tape, _ = self._forward
        return self._backward(tape, tf.ones_like(logits))[1].numpy()

    @functools.cached_property
    def _forward(self) -> tuple[Any, list[list[Any]], dict[str, Any]]:
        activated: dict[str, Any] = {}

        def watch(place: Any, read: list[Any]) -> None:
            # A ReLU with several readers opens the piece of each.
            if isinstance(place.piece.primitives[0], Relu):
                activated.setdefault(place.layers[0], read[0])

        states, tape, _ = self.child.forward(self.child.trained, self.images, watch=watch)
        return states[self.child.outputs[0]], tape, activated

    def _backward(self, tape: list[list[Any]], change: Any) -> tuple[Any, Any]:
        return self.child.backward(list(tape), {self.child.outputs[0]: [change]})

    def weights(self, vector: np.ndarray) -> list[list[list[np.ndarray]]]:
        """Cuts a vector into weights.

        Args:
            vector: as long as `Child.trained`.

        Returns:
            For each place, for each of its primitives, the weights in Keras's order and layout.
        """
        places: list[list[list[np.ndarray]]] = []
        start = 0
        for place in self.child.places:
            places.append([])
            for shapes in place.piece.trained:
                places[-1].append([])
                for shape in shapes:
                    end = start + math.prod(shape)
                    places[-1][-1].append(vector[start:end].reshape(shape))
                    start = end
        return places

    def kernels(self, vector: np.ndarray) -> list[np.ndarray]:
        """Cuts the kernels of convolutions and fully connected layers from a vector.

        Args:
            vector: as long as `Child.trained`.
        """
        return [
            weight
            for place in self.weights(vector)
            for primitive in place
            for weight in primitive
            if weight.ndim > 1
        ]
