"""A child network: a path through the bank, and its weights as two vectors."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cell_search.children.bank import Bank, function_of, vector_size
from cell_search.children.initial import initial_weights
from cell_search.children.layers import Layer, layers_of
from cell_search.children.pieces import Place, cut
from cells.genotype.genotype import Genotype
from cells.network.build import NetworkConfig
from cells.network.cell import build_cell
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import Size


class Chance(NamedTuple):
    """What drop path and dropout depend on.

    Attributes:
        progress: scalar in [0, 1], the part of training that is over.
        seed: int32 `(2,)`.
    """

    progress: Any
    seed: Any


class Child:
    """A network that can be trained as soon as it is made.

    Whole networks are no path through the bank: hardly any of their pieces, with any numbers of
    channels, is another's, so that one function for all of them is compiled in a third of the time.

    Args:
        genotype: the cells, or a whole network.
        config: the stack, with `image_size`.
        bank: compiled pieces; those that it does not have yet are compiled when they are first
            used.
        seed: of the initial weights.
        build: lays out one cell, see `cells.network.stack.stack`.

    Attributes:
        places: the path.
        image: name of the state that is the image.
        outputs: names of the states that are logits, those of the auxiliary head last.
        cells: the cells by name.
        whole: whether it is compiled as one function, and not by pieces.
        trained: all trained weights, one float32 vector.
        moved: all batch-norm statistics, one float32 vector.
    """

    def __init__(
        self,
        genotype: Genotype | Architecture,
        config: StackConfig,
        bank: Bank,
        seed: int = 0,
        build: Callable[..., Tensor] = build_cell,
    ):
        self.whole = isinstance(genotype, Architecture)
        self._lay(stack(genotype, config, build), config, bank, seed)

    whole = False

    @classmethod
    def of_graph(cls, graph: Graph, config: NetworkConfig, bank: Bank, seed: int = 0) -> Child:
        """A child of any layout, such as `cells.network.residual`.

        Args:
            graph: the network, with the output `logits`.
            config: what it was laid out from, with `image_size`.
            bank, seed: as for cells.
        """
        child = cls.__new__(cls)
        child._lay(graph, config, bank, seed)
        return child

    def _lay(self, graph: Graph, config: NetworkConfig, bank: Bank, seed: int) -> None:
        assert config.image_size is not None, "pieces have sizes"
        heads = [name for name in ("logits", "auxiliary_logits") if name in graph.outputs]
        self.config, self.bank, self.cells = config, bank, graph.cells
        self._graph, self._heads = graph, heads
        self.places = cut(graph, heads, config.image_size)
        pieces = [place.piece for place in self.places]
        self.trained, self.moved = initial_weights(pieces, seed)
        self.image = next(iter(graph.nodes))
        self.outputs = [graph.outputs[name].name for name in heads]
        self._sizes = [(vector_size(p.trained), vector_size(p.moved)) for p in pieces]
        self._dead = self._last_read()
        self._answers: dict[bool, Any] = {}

    def resized(self, size: Size) -> Child:
        """The same network for images of another size, with the weights of now.

        Args:
            size: height and width.
        """
        child = copy.copy(self)
        child._answers = {}
        child.config = self.config.replace(image_size=size)
        child.places = cut(self._graph, self._heads, size)
        return child

    def logits(self, images: Any, *, batch_statistics: bool = False) -> Any:
        """Logits, with nothing dropped.

        Args:
            images: `(batch, height, width, channels)`, floating.
            batch_statistics: whether batch norms use the statistics of the batch, as in training
                and where weights are shared, or those that training moved.

        Returns:
            Float32 `(batch, num_classes)`.
        """
        if self.whole:
            if batch_statistics not in self._answers:
                answer = functools.partial(self._run, training=batch_statistics)
                self._answers[batch_statistics] = tf.function(answer, autograph=False)
            states, _ = self._answers[batch_statistics](self.trained, self.moved, images)
            return states[self.outputs[0]]
        trained, moved = self._parts(self.trained, 0), self._parts(self.moved, 1)
        states = {self.image: tf.cast(images, self.bank.dtype)}
        for number, place in enumerate(self.places):
            given = [states[name] for name in place.reads]
            given += [] if trained[number] is None else [trained[number]]
            if batch_statistics and not place.piece.random:
                states[place.gives] = self.bank.training(place.piece).forward(*given)[0]
            else:
                given += [] if moved[number] is None else [moved[number]]
                (states[place.gives],) = self.bank.inference(place.piece)(*given)
            self._forget(states, number)
        return states[self.outputs[0]]

    def gradient(
        self,
        trained: Any,
        images: Any,
        labels: Any,
        chance: Chance | None = None,
        auxiliary_weight: float = 0.4,
        *,
        smoothing: float = 0.0,
        weights: Any = None,
    ) -> tuple[Any, Any, Any]:
        """One pass forward and backward in training. May be traced by a `tf.function`.

        Args:
            trained: weights to use, as `Child.trained`.
            images: `(batch, height, width, channels)`, floating.
            labels: int32 `(batch,)`.
            chance: of drop path and dropout; only where the network has them.
            auxiliary_weight: factor of the auxiliary head's loss.
            smoothing: part of a label that all classes share.
            weights: factors of the examples' losses, float32 `(batch,)`; None: 1.

        Returns:
            The mean cross-entropy, its gradient as one vector, and the statistics of the batch as
            one vector (see `Child.moved`).
        """
        if self.whole:
            with tf.GradientTape() as recorded:
                recorded.watch(trained)
                states, moments = self._run(trained, self.moved, images, True, chance)
                loss, _ = self._loss(states, labels, auxiliary_weight, smoothing, weights)
            return loss, recorded.gradient(loss, trained), _joined(moments)
        states, tape, statistics = self.forward(trained, images, chance)
        loss, changes = self._loss(states, labels, auxiliary_weight, smoothing, weights)
        return loss, self.backward(tape, changes)[0], _joined(statistics)

    def forward(
        self,
        trained: Any,
        images: Any,
        chance: Chance | None = None,
        watch: Callable[[Place, list[Any]], None] = lambda place, read: None,
    ) -> tuple[dict[str, Any], list[list[Any]], list[Any]]:
        """The first half of `gradient`.

        Args:
            trained: weights to use.
            images: `(batch, height, width, channels)`, floating.
            chance: see `gradient`.
            watch: is called at every place with the states that it reads.

        Returns:
            The states of `outputs` by name, what `backward` needs of each place, and the
            statistics of the batch, place by place.
        """
        states = {self.image: tf.cast(images, self.bank.dtype)}
        tape: list[list[Any]] = []
        statistics: list[Any] = []
        for number, (place, weights) in enumerate(
            zip(self.places, self._parts(trained, 0), strict=True)
        ):
            halves = self.bank.training(place.piece)
            given = [states[name] for name in place.reads]
            watch(place, given)
            given = [*given, *([] if weights is None else [weights])]
            if place.piece.random:
                assert chance is not None, "the network drops something"
                given += [chance.progress, tf.add(chance.seed, [0, number])]
            results = halves.forward(*given)
            states[place.gives] = results[0]
            statistics += results[1:2] if self._sizes[number][1] else []
            tape.append([[*given, *results][i] for i in halves.kept])
            self._forget(states, number)
        return states, tape, statistics

    def _run(
        self, trained: Any, moved: Any, images: Any, training: bool, chance: Chance | None = None
    ) -> tuple[dict[str, Any], list[Any]]:
        """All places without the bank: the states of `outputs`, and the batch's statistics."""
        states = {self.image: tf.cast(images, self.bank.dtype)}
        statistics: list[Any] = []
        parts = [self._parts(trained, 0), *([] if training else [self._parts(moved, 1)])]
        for number, place in enumerate(self.places):
            drops = place.piece.random and chance is not None
            given = [states[name] for name in place.reads]
            given += [part[number] for part in parts if part[number] is not None]
            if drops and chance is not None:
                given += [chance.progress, tf.add(chance.seed, [0, number])]
            batch = training and (drops or not place.piece.random)
            function = function_of(place.piece, self.bank.epsilon, training=batch)
            states[place.gives], *more = function(*given)
            statistics += more
            self._forget(states, number)
        return {name: states[name] for name in self.outputs}, statistics

    def _loss(
        self, states: dict, labels: Any, auxiliary_weight: float, smoothing: float, weights: Any
    ) -> tuple[Any, dict]:
        total, changes = 0.0, {}
        plain = not smoothing and weights is None
        if weights is None:
            weights = tf.ones_like(labels, tf.float32)
        for state, weight in zip(self.outputs, (1.0, auxiliary_weight), strict=False):
            if plain:
                loss, change = _cross_entropy(states[state], labels, tf.constant(weight))
            else:
                loss, change = _smoothed_cross_entropy(
                    states[state], labels, weight * weights, tf.constant(smoothing)
                )
            changes[state] = [change]
            total = total + loss
        return total, changes

    def backward(self, tape: list[list[Any]], changes: dict[str, list[Any]]) -> tuple[Any, Any]:
        """The second half of `gradient`.

        Args:
            tape: what `forward` kept; it is emptied on the way, so that memory is freed.
            changes: the gradients with respect to the states of `outputs`, to be summed; this
                too is emptied.

        Returns:
            The gradients with respect to the weights, as one vector, and to the images.
        """
        of_weights: list[Any] = []
        for place in reversed(self.places):
            dy = _sum(changes.pop(place.gives))
            results = self.bank.training(place.piece).backward(dy, *tape.pop())
            for name, part in zip(place.reads, results, strict=False):
                changes.setdefault(name, []).append(part)
            of_weights += results[len(place.reads) :]
        return _joined(of_weights[::-1]), _sum(changes.pop(self.image))

    def _parts(self, vector: Any, which: int) -> list[Any]:
        """The part of a vector that belongs to each place; None for one that has none."""
        sizes = [pair[which] for pair in self._sizes]
        used = [size for size in sizes if size]
        parts = iter(tf.split(vector, used) if used else ())
        return [next(parts) if size else None for size in sizes]

    def _last_read(self) -> list[list[str]]:
        """The states that no place behind a place reads."""
        last: dict[str, int] = {}
        for number, place in enumerate(self.places):
            last.update(dict.fromkeys(place.reads, number))
        dead: list[list[str]] = [[] for _ in self.places]
        for name, number in last.items():
            dead[number].append(name)
        return dead

    def _forget(self, states: dict[str, Any], number: int) -> None:
        """Frees the memory of states that nobody reads any more."""
        for name in self._dead[number]:
            del states[name]

    @property
    def kernels(self) -> np.ndarray:
        """1 where `trained` holds a kernel's number and 0 elsewhere: what L2 is taken of."""
        return np.concatenate(
            [
                np.full(math.prod(shape), len(shape) > 1, np.float32)
                for place in self.places
                for shape in itertools.chain.from_iterable(place.piece.trained)
            ]
        )

    @property
    def layers(self) -> Sequence[Layer]:
        """The weighted layers by their names in Keras, for `cells.weights.by_layer`."""
        return layers_of(self)


def _joined(parts: list[Any]) -> Any:
    # A network need not have batch norms.
    return tf.concat(parts or [tf.zeros(0)], 0)


def _sum(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tf.add_n(parts)


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([None, None]),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([]),
    ],
)
def _cross_entropy(logits: Any, labels: Any, weight: Any) -> tuple[Any, Any]:
    """The weighted mean over the batch, and its gradient with respect to the logits."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    loss = weight * tf.reduce_mean(losses)
    return loss, tf.gradients(loss, logits)[0]


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([None, None]),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None]),
        tf.TensorSpec([]),
    ],
)
def _smoothed_cross_entropy(
    logits: Any, labels: Any, weights: Any, smoothing: Any
) -> tuple[Any, Any]:
    """The mean over the batch of the weighted losses, and its gradient by the logits."""
    classes = tf.shape(logits)[1]
    shares = tf.one_hot(labels, classes) * (1.0 - smoothing) + smoothing / tf.cast(
        classes, tf.float32
    )
    losses = tf.nn.softmax_cross_entropy_with_logits(shares, logits)
    loss = tf.reduce_mean(weights * losses)
    return loss, tf.gradients(loss, logits)[0]
