"""The relaxed network: every operation on every edge, mixed (Liu et al. 2019, section 2.2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cell_search.children.bank import Bank, vector_size
from cell_search.children.child import Child
from cell_search.space.relaxed import RelaxedSpace, softmax
from cells.genotype.genotype import Cell
from cells.network.stack_config import StackConfig
from cells.operations.families import Family
from cells.operations.graph import Graph, Tensor
from cells.operations.operations import OPERATIONS, Rules
from cells.operations.primitives import Add, BorderRule, Concat, WeightedSum


class Images(NamedTuple):
    """A minibatch: float32 `(batch, height, width, channels)`, normalised, and int32 labels."""

    pixels: Any
    labels: Any


class Gradients(NamedTuple):
    """Of the cross-entropy: with respect to the weights, one vector (0 where the mixture lies),
    and to the alphas, `(cells, edges, operations)`."""

    loss: Any
    weights: Any
    alphas: np.ndarray


class Supernet:
    """A child whose cells have all operations on all edges.

    It is laid out of the operations that cells are made of, cut into the same pieces, and has
    their weights and one more: the factors of the mixture, which lie in `Child.trained` and are
    put there for every pass. So the gradient with respect to them is a part of any gradient.
    Batch norms use the statistics of the batch, always. Unlike in the code of the paper, pools have
    no batch norm and batch norms are scaled and shifted, as in the cells that come of it: with a
    mixture of ones and zeros, the logits are those of the child that it describes.

    Args:
        relaxed: the space.
        config: the stack, with `image_size`.
        bank: compiled pieces.
        seed: of the initial weights.

    Attributes:
        child: the network.
        kernels: 1 where `child.trained` holds a number of a kernel and 0 elsewhere.
    """

    def __init__(self, relaxed: RelaxedSpace, config: StackConfig, bank: Bank, seed: int = 0):
        self.relaxed = relaxed
        self._kinds: dict[str, int] = {}
        first = {d.name: d.choices[0] for d in relaxed.space.decisions}
        genotype = relaxed.space.decode(first)
        self.child = Child(genotype, config, bank, seed, build=self._build)
        self.kernels = tf.constant(self.child.kernels)
        # Where in the vector the mixture lies, and where in the array of the mixture that is.
        self._places, self._from = self._mixture()
        factors = np.zeros(len(self.child.kernels), np.float32)
        factors[self._places] = 1.0
        self._weights = tf.constant(1.0 - factors)

    def mixed(self, weights: Any, mixture: np.ndarray) -> Any:
        """Weights with a mixture in its places.

        Args:
            weights: one vector.
            mixture: `(cells, edges, operations)`: the softmax of alphas, or ones and zeros.
        """
        factors = tf.constant(mixture.reshape(-1)[self._from], tf.float32)
        return tf.tensor_scatter_nd_update(weights, self._places[:, None], factors)

    def logits(self, weights: Any, mixture: np.ndarray, pixels: Any) -> Any:
        """Float32 `(batch, num_classes)`."""
        self.child.trained = self.mixed(weights, mixture)
        return self.child.logits(pixels, batch_statistics=True)

    def gradients(self, weights: Any, alphas: np.ndarray, images: Images) -> Gradients:
        """One pass forward and backward."""
        mixture = softmax(alphas)
        loss, gradient, _ = self.child.gradient(
            self.mixed(weights, mixture), images.pixels, images.labels
        )
        by_factors = np.zeros(mixture.shape)
        np.add.at(by_factors.reshape(-1), self._from, gradient.numpy()[self._places])
        mean = np.sum(mixture * by_factors, axis=-1, keepdims=True)
        return Gradients(loss, gradient * self._weights, mixture * (by_factors - mean))

    def second_order(
        self,
        weights: Any,
        alphas: np.ndarray,
        training: Images,
        validation: Images,
        rate: float,
        *,
        carried: Any = 0.0,
        l2: float = 0.0,
    ) -> np.ndarray:
        """The gradient of the validation loss after one step of the weights, with respect to the
        alphas, by finite differences (Liu et al. 2019, section 2.3, equations 7 and 8).

        The step is that of momentum on the training loss: weights + `carried` - rate * gradient.

        Args:
            weights: one vector.
            alphas: `(cells, edges, operations)`.
            training: what the step is made on.
            validation: what scores it.
            rate: of the step.
            carried: momentum times the velocity.
            l2: factor of the sum of squares of all kernels.
        """
        step = self.gradients(weights, alphas, training).weights
        step += 2.0 * l2 * self.kernels * weights
        _, by_weights, by_alphas = self.gradients(
            weights + carried - rate * step, alphas, validation
        )
        epsilon = 0.01 / tf.norm(by_weights)
        plus, minus = (
            self.gradients(weights + sign * epsilon * by_weights, alphas, training).alphas
            for sign in (1.0, -1.0)
        )
        return by_alphas - rate * (plus - minus) / (2.0 * float(epsilon))

    def _build(
        self,
        graph: Graph,
        name: str,
        cell: Cell,
        earlier: Tensor | None,
        previous: Tensor,
        filters: int,
        *,
        reduction: bool,
        family: Family,
        border: BorderRule,
        drop_path_keep: float,
    ) -> Tensor:
        """A relaxed cell; see `cells.network.cell.build_cell`. Nothing is dropped."""
        self._kinds[name] = min(int(reduction), len(self.relaxed.space.rules.cells) - 1)
        rules = Rules(border, family.strided_identity)
        states = list(family.inputs(graph, name, earlier, previous, filters))
        for block in range(len(cell.blocks)):
            edges = []
            for i, state in enumerate(states):
                edge = _edge(name, block, i)
                stride = 2 if reduction and i < 2 else 1
                maps = [
                    OPERATIONS[o].build(graph, f"{edge}_{o}", state, filters, stride, rules)
                    for o in self.relaxed.operations[1:]
                ]
                edges.append(graph.add(edge, WeightedSum(len(maps)), *maps))
            states.append(graph.add(f"{name}_block_{block}_add", Add(), *edges))
        return graph.add(f"{name}_concat", Concat(), *states[2:])

    def _mixture(self) -> tuple[np.ndarray, np.ndarray]:
        shape = self.relaxed.shape
        numbers = np.arange(np.prod(shape)).reshape(shape)
        wanted = {
            _edge(name, *edge): numbers[kind, number, 1:]
            for name, kind in self._kinds.items()
            for number, edge in enumerate(self.relaxed.edges)
        }
        places, found, start = [], [], 0
        for place in self.child.places:
            size = vector_size(place.piece.trained)
            if place.gives in wanted:
                places.append(np.arange(start, start + size))
                found.append(wanted[place.gives])
            start += size
        return np.concatenate(places), np.concatenate(found)


def _edge(cell: str, block: int, state: int) -> str:
    return f"{cell}_block_{block}_of_{state}"
