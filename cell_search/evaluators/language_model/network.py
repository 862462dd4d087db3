"""A language model of recurrent cells, compiled once for all cells of one form and size.

What tells one cell from another (activations, combinations, which node reads which) is data of the
compiled step, so that a new cell has nothing to build or trace. Measured on a processor core for
35 steps of 20 streams of a tree of 8 leaves with 64 units, forwards and backwards:

  a loop of TensorFlow, all choices computed and one taken by `where`   64 ms   ready after  2 s
  the same with a `switch_case` for each node                           41 ms                4 s
  the first, compiled by XLA                                            20 ms                5 s
  the second, compiled by XLA                                           18 ms               13 s
  the first, unrolled instead of a loop                                 50 ms               22 s

What is taken by `where` must be safe where it is not taken: a gradient of zero times infinity is
none. So `where` stands around the operands of a product, too, and no mixture is weighted by zeros.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cells.recurrent import counts
from cells.recurrent.genotype import Highway, Tree

#: Of Adam: its decays, and what keeps it from a division by zero (Kingma & Ba 2015).
_BETAS, _EPSILON = (0.9, 0.999), 1e-8

Weights = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """What all cells of one compiled step have in common.

    Attributes:
        form: of the cells: `tree` or `highway`.
        blocks: leaves of a tree, or nodes of a highway cell.
        layers: cells upon each other, each with weights of its own.
        units: width of the cells and of the embedding.
        words: different ones.
        streams: rows of a window.
        steps: words of a row.
        tied: whether the embedding gives the output, too.
        dropout: of what goes into each layer and out of the last one, the same for all steps.
        recurrent_dropout: of the state before its products, the same for all steps.
        optimizer: `sgd` or `adam`.
        clip: largest global norm of a gradient.
    """

    form: str
    blocks: int
    layers: int
    units: int
    words: int
    streams: int
    steps: int
    tied: bool
    dropout: float
    recurrent_dropout: float
    optimizer: str
    clip: float

    def shapes(self, cell: Tree | Highway) -> dict[str, tuple[int, ...]]:
        """The shapes of all weights by name; those of layer l are called `l/NAME`.

        Args:
            cell: of the form and size.
        """
        of_cell = counts.shapes(cell, self.units, self.units)
        shapes: dict[str, tuple[int, ...]] = {"embedding": (self.words, self.units)}
        for layer in range(self.layers):
            shapes |= {f"{layer}/{name}": shape for name, shape in of_cell.items()}
        if not self.tied:
            shapes["output"] = (self.words, self.units)
        return shapes | {"bias": (self.words,)}

    def initial(self, cell: Tree | Highway, width: float, seed: int) -> Weights:
        """Weights drawn uniformly; the output's bias is 0.

        Args:
            cell: of the form and size.
            width: of the smallest and the largest weight from 0.
            seed: of the draw.
        """
        rng = np.random.default_rng(seed)
        return {
            name: tf.zeros(shape)
            if name == "bias"
            else tf.constant(rng.uniform(-width, width, shape), tf.float32)
            for name, shape in self.shapes(cell).items()
        }

    def slots(self, weights: Weights) -> list[Weights]:
        """What the optimizer remembers of each weight, at first.

        Args:
            weights: of the network.
        """
        count = 2 if self.optimizer == "adam" else 0
        return [{name: tf.zeros_like(w) for name, w in weights.items()} for _ in range(count)]

    def states(self) -> Any:
        """The states before the first word."""
        return tf.zeros((self.layers, 1 + (self.form == "tree"), self.streams, self.units))


def codes(cell: Tree | Highway) -> dict[str, Any]:
    """What tells a cell from others of its form and size, as tensors.

    Args:
        cell: the cell.
    """
    if isinstance(cell, Highway):
        states = np.arange(len(cell.nodes) + 1)
        return {
            **_activations("", ["tanh", *(node.activation for node in cell.nodes)]),
            "inputs": tf.constant([states == node.input for node in cell.nodes]),
            "outputs": tf.constant(np.isin(states, cell.output)),
            "gate_first": tf.constant(cell.first == "gate"),
        }
    here = [i == cell.inject.node for i in range(len(cell.nodes))]
    joins = [cell.inject.combine if at else "" for at in here]
    return {
        **_activations("", [node.activation for node in cell.nodes]),
        **_activations("joined ", [cell.inject.activation if at else "identity" for at in here]),
        "mult": tf.constant([node.combine == "mult" for node in cell.nodes]),
        "joined mult": tf.constant([join == "mult" for join in joins]),
        "joined add": tf.constant([join == "add" for join in joins]),
        "memory": tf.constant([i == cell.memory for i in range(len(cell.nodes))]),
    }


def _activations(prefix: str, names: list[str]) -> dict[str, Any]:
    # A sigmoid is a tanh of half its argument, halved and moved up: one tanh does for both.
    return {
        f"{prefix}smooth": tf.constant([name in ("tanh", "sigmoid") for name in names]),
        f"{prefix}relu": tf.constant([name == "relu" for name in names]),
        f"{prefix}scale": tf.constant([0.5 if name == "sigmoid" else 1.0 for name in names]),
        f"{prefix}shift": tf.constant([0.5 if name == "sigmoid" else 0.0 for name in names]),
    }


def _activate(x: Any, codes: Mapping[str, Any], at: Any, prefix: str = "") -> Any:
    """The activations of the nodes `at`: `x` is `(batch, nodes, units)`, or without nodes."""
    smooth, relu, scale, shift = (
        codes[f"{prefix}{name}"][at][..., None] for name in ("smooth", "relu", "scale", "shift")
    )
    return tf.where(smooth, shift + scale * tf.tanh(scale * x), tf.where(relu, tf.nn.relu(x), x))


def _tree_step(codes: Mapping[str, Any], left: Any, right: Any, c: Any) -> Any:
    """h_t and c_t, a level of nodes at a time, from what the leaves combine."""
    combined: list[Any] = []
    first, c = 0, c[:, None]
    while True:
        level = slice(first, first + left.shape[1])
        mult, joined_mult, joined_add = (
            codes[name][level][:, None] for name in ("mult", "joined mult", "joined add")
        )
        value = left * tf.where(mult, right, 1.0) + tf.where(mult, 0.0, right)
        combined.append(value)
        value = _activate(value, codes, level)
        # Where c does not come in, this is times 1, plus 0, and the identity.
        value = value * tf.where(joined_mult, c, 1.0) + tf.where(joined_add, c, 0.0)
        value = _activate(value, codes, level, "joined ")
        first = level.stop
        if value.shape[1] == 1:
            return value[:, 0], _sum_of(tf.concat(combined, 1), codes["memory"])
        left, right = value[:, 0::2], value[:, 1::2]


def _highway_step(
    weights: Mapping[str, Any],
    codes: Mapping[str, Any],
    from_x: Any,
    h: Any,
    dropped: Callable[[Any], Any],
) -> Any:
    """h_t; a node at a time."""

    def moved(node: int, state: Any, product: Any) -> Any:
        one, other = tf.split(product, 2, axis=1)
        gate = tf.where(codes["gate_first"], one, other)
        candidate = tf.where(codes["gate_first"], other, one)
        return state + tf.sigmoid(gate) * (_activate(candidate, codes, node) - state)

    states = moved(0, h, from_x + dropped(h) @ weights["recurrent_kernel"])[:, None]
    for node, inputs in enumerate(tf.unstack(codes["inputs"]), 1):
        state = _sum_of(states, inputs[:node])
        state = moved(node, state, dropped(state) @ weights[f"node_{node}"])
        states = tf.concat([states, state[:, None]], 1)
    outputs = codes["outputs"]
    return _sum_of(states, outputs) / tf.reduce_sum(tf.cast(outputs, tf.float32))


def _sum_of(values: Any, chosen: Any) -> Any:
    """The sum of the nodes that are chosen, of `(batch, nodes, units)`.

    An index would be no data to XLA: it compiles a slice anew for each place.
    """
    return tf.reduce_sum(tf.where(chosen[:, None], values, 0.0), 1)


class Compiled:
    """The compiled functions of a network.

    Attributes:
        train: a step of training: of weights, slots, states, the codes of a cell, inputs, targets
            and which of them count, the learning rate, the number of the step and its seed (two
            numbers); gives weights, slots, states, and the sum of the losses of all that counts.
        score: of weights, states, codes, inputs, targets and which count; states and that sum.
    """

    def __init__(self, network: Network):
        self.network = network
        self.train = tf.function(self._train, jit_compile=True, autograph=False)
        self.score = tf.function(self._score, jit_compile=True, autograph=False)

    def _train(
        self,
        weights: Weights,
        slots: list[Weights],
        states: Any,
        codes: Mapping[str, Any],
        inputs: Any,
        targets: Any,
        counted: Any,
        rate: Any,
        number: Any,
        seed: Any,
    ) -> tuple[Weights, list[Weights], Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            states, losses = self._losses(weights, states, codes, inputs, targets, seed)
            total = tf.reduce_sum(losses * counted)
            # Not by the number of those that count: a last window of a few words is a small step.
            loss = total / (self.network.streams * self.network.steps)
        found = tape.gradient(loss, weights)
        names = list(weights)
        gradients, _ = tf.clip_by_global_norm(
            [tf.convert_to_tensor(found[name]) for name in names], self.network.clip
        )
        by_name = dict(zip(names, gradients, strict=True))
        if self.network.optimizer == "sgd":
            moves = by_name
        else:
            slots, moves = _adam(slots, by_name, number)
        return {n: weights[n] - rate * moves[n] for n in names}, slots, states, total

    def _score(
        self, weights: Weights, states: Any, codes: Any, inputs: Any, targets: Any, counted: Any
    ) -> tuple[Any, Any]:
        states, losses = self._losses(weights, states, codes, inputs, targets, None)
        return states, tf.reduce_sum(losses * counted)

    def _losses(
        self, weights: Weights, states: Any, codes: Any, inputs: Any, targets: Any, seed: Any
    ) -> tuple[Any, Any]:
        """The states after a window, and the loss of each target; without a seed nothing is
        dropped."""
        network = self.network
        x = tf.gather(weights["embedding"], tf.transpose(inputs))
        after = []
        for layer in range(network.layers):
            x = x * _mask(network, network.dropout, seed, 2 * layer)
            prefix = f"{layer}/"
            own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
            mask = _mask(network, network.recurrent_dropout, seed, 2 * layer + 1)
            found = self._layer(own, codes, x, states[layer], mask)
            x = found[:, 0]
            after.append(found[-1])
        x = x * _mask(network, network.dropout, seed, 2 * network.layers)
        output = weights["embedding" if network.tied else "output"]
        x = tf.reshape(x, (-1, network.units))
        logits = tf.matmul(x, output, transpose_b=True) + weights["bias"]
        right = tf.gather(logits, tf.reshape(tf.transpose(targets), [-1]), batch_dims=1)
        losses = tf.reduce_logsumexp(logits, axis=1) - right
        losses = tf.transpose(tf.reshape(losses, (network.steps, network.streams)))
        return tf.stack(after), losses

    def _layer(self, weights: Weights, codes: Any, x: Any, state: Any, mask: Any) -> Any:
        """The states after each step, `(steps, states, streams, units)`; the first is h."""
        network = self.network
        shape = network.streams, network.blocks, network.units
        # The products with x do not wait for each other.
        from_x = tf.tensordot(x, weights["kernel"], 1)

        def tree(state: Any, from_x: Any) -> Any:
            from_h = (state[0] * mask) @ weights["recurrent_kernel"]
            left, right = (tf.reshape(part, shape) for part in (from_x, from_h))
            return tf.stack(_tree_step(codes, left, right, state[1]))

        def highway(state: Any, from_x: Any) -> Any:
            return _highway_step(weights, codes, from_x, state[0], lambda s: s * mask)[None]

        return tf.scan(tree if network.form == "tree" else highway, from_x, state)


def _mask(network: Network, rate: float, seed: Any, place: int) -> Any:
    """What units are multiplied by; one number where nothing is dropped."""
    if seed is None or not rate:
        return 1.0
    shape = (network.streams, network.units)
    drawn = tf.random.stateless_uniform(shape, seed + tf.constant([0, place]))
    return tf.cast(drawn >= rate, tf.float32) / (1.0 - rate)


def _adam(slots: list[Weights], gradients: Weights, number: Any) -> tuple[list[Weights], Weights]:
    decayed = []
    for beta, slot, power in zip(_BETAS, slots, (1, 2), strict=True):
        decayed.append({n: beta * slot[n] + (1 - beta) * g**power for n, g in gradients.items()})
    one, two = (1.0 - beta ** (number + 1.0) for beta in _BETAS)
    mean, square = decayed
    return decayed, {n: mean[n] / one / (tf.sqrt(square[n] / two) + _EPSILON) for n in gradients}


@functools.lru_cache(maxsize=8)
def compiled(network: Network) -> Compiled:
    """The functions of a network, for the life of the process.

    Args:
        network: what its cells have in common.
    """
    return Compiled(network)
