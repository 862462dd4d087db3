"""The controller: an LSTM that makes one decision after the other (Zoph & Le 2017, section 3.1).

Plain numpy. The networks are small and a search asks for one child at a time, so a framework's
calls would cost more than the arithmetic; and a strategy must start at once, in any process.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: A logarithm whose exponential is 0 in any precision, harmless in products.
_NEVER = -1e4


@dataclass(frozen=True)
class Decided:
    """What a policy thinks of the decisions of some children.

    Attributes:
        choices: (children, decisions), int: the number of each choice.
        log_probs: (children, decisions): of what was chosen, given the choices before it.
        entropies: (children, decisions), in nats: of the distribution that it was chosen from.
    """

    choices: np.ndarray
    log_probs: np.ndarray
    entropies: np.ndarray


@dataclass(frozen=True)
class _Scored(Decided):
    """With what was computed on the way, for the way back."""

    _log_odds: np.ndarray
    _layers: list[_Layer]


class Weighted(abc.ABC):
    """A network that makes decisions, whose weights are one vector, given with every call: a policy
    is such a vector, and several can be compared.

    Args:
        shapes: of the matrices that the vector consists of.
        dtype: of all arithmetic.
    """

    def __init__(self, shapes: list[tuple[int, ...]], dtype: type[np.floating]):
        self._shapes, self.dtype = shapes, dtype

    @property
    def count(self) -> int:
        """The number of weights."""
        return size_of(self._shapes)

    def initial(self, width: float, rng: np.random.Generator) -> np.ndarray:
        """Weights drawn uniformly between -width and width."""
        return rng.uniform(-width, width, self.count).astype(self.dtype)

    @abc.abstractmethod
    def sample(self, weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """Draws children.

        Args:
            weights: of the policy.
            uniforms: (children, decisions), uniform in [0, 1): the randomness.

        Returns:
            (children, decisions), int: the number of each choice.
        """

    @abc.abstractmethod
    def score(self, weights: np.ndarray, choices: np.ndarray) -> Decided:
        """What a policy thinks of children that were drawn from any.

        Args:
            weights: of the policy.
            choices: (children, decisions), int.
        """

    @abc.abstractmethod
    def gradient(
        self,
        weights: np.ndarray,
        decided: Any,
        by_log_probs: np.ndarray,
        by_entropies: np.ndarray,
    ) -> np.ndarray:
        """The gradient of an objective, by backpropagation through time.

        Args:
            weights: those that `decided` was scored with.
            decided: the children, from `score`.
            by_log_probs: (children, decisions): the objective's derivatives by `log_probs`.
            by_entropies: the same by `entropies`.

        Returns:
            The derivatives by the weights.
        """


@dataclass(frozen=True)
class _Layer:
    """A layer of LSTM in all steps, each (steps, children, ...).

    The gates lie side by side: out, in, forget (sigmoids), and the new content (a tanh). Hidden
    and cell states have one step more: before the first they are 0.
    """

    gates: np.ndarray
    hidden: np.ndarray
    state: np.ndarray
    squashed: np.ndarray


class Controller(Weighted):
    """A stack of LSTM layers with a softmax for each decision.

    The choice of a decision, one-hot, is the input of the next step. Every decision has a softmax
    and input weights of its own, so the position needs no encoding: "2 x 5B softmax predictions"
    (Zoph et al. 2018, section 3.1).

    Args:
        sizes: the number of choices of each decision.
        units: of each LSTM layer.
        layers: of the stack.
        dtype: of all arithmetic.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        units: int = 100,
        layers: int = 1,
        dtype: type[np.floating] = np.float32,
    ):
        self.sizes, self.units, self.layers = tuple(sizes), units, layers
        total = sum(self.sizes)
        shapes: list[tuple[int, ...]] = [(total - self.sizes[-1], 4 * units)]
        shapes += [(units, 4 * units)] * (layers - 1)
        shapes += [(units, 4 * units)] * layers
        shapes += [(4 * units,)] * layers
        shapes += [(total, units), (total,)]
        super().__init__(shapes, dtype)
        #: Where the choices of each decision begin in a list of all choices.
        self._starts = np.cumsum([0, *self.sizes[:-1]])
        # Softmaxes of unequal width are computed together: (decisions, widest), padded.
        self._is_choice = np.arange(max(self.sizes)) < np.array(self.sizes)[:, None]
        self._padded = np.where(
            self._is_choice, self._starts[:, None] + np.arange(max(self.sizes)), 0
        )

    def sample(self, weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        p = self._parts(weights)
        children, length = uniforms.shape
        recurrent = [self._halved(matrix) for matrix in p.recurrent]
        layers = [self._new_layer(1, children) for _ in range(self.layers)]
        choices = np.empty((children, length), np.int64)
        for t in range(length):
            for i, layer in enumerate(layers):
                z = layer.gates[0]
                z[:] = p.biases[i]
                if i:
                    z += layers[i - 1].hidden[1] @ p.upward[i - 1]
                elif t:
                    z += p.inputs[self._starts[t - 1] + choices[:, t - 1]]
                layer.hidden[0], layer.state[0] = layer.hidden[1], layer.state[1]
                self._advance(layer, recurrent[i])
            rows = slice(self._starts[t], self._starts[t] + self.sizes[t])
            logits = layers[-1].hidden[1] @ p.heads[rows].T + p.head_biases[rows]
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            choices[:, t] = drawn(odds, uniforms[:, t])
        return choices

    def score(self, weights: np.ndarray, choices: np.ndarray) -> _Scored:
        p = self._parts(weights)
        children, length = choices.shape
        layers: list[_Layer] = []
        for i in range(self.layers):
            layer = self._new_layer(length, children)
            layer.gates[:] = p.biases[i]
            # All but the recurrence is known, or is one product for all steps.
            if i:
                layer.gates[:] += layers[-1].hidden[1:] @ p.upward[i - 1]
            elif length > 1:
                layer.gates[1:] += p.inputs[(self._starts[:-1] + choices[:, :-1]).T]
            self._advance(layer, self._halved(p.recurrent[i]))
            layers.append(layer)
        logits = layers[-1].hidden[1:] @ p.heads[self._padded].transpose(0, 2, 1)
        logits += p.head_biases[self._padded][:, None]
        np.copyto(logits, _NEVER, where=~self._is_choice[:, None])
        logits -= logits.max(axis=2, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
        log_probs = np.take_along_axis(logits, choices.T[:, :, None], axis=2)[:, :, 0].T
        entropies = -(np.exp(logits) * logits).sum(axis=2).T
        return _Scored(choices, log_probs, entropies, logits, layers)

    def gradient(
        self,
        weights: np.ndarray,
        decided: _Scored,
        by_log_probs: np.ndarray,
        by_entropies: np.ndarray,
    ) -> np.ndarray:
        p = self._parts(weights)
        gradient = np.empty(self.count, self.dtype)
        g = self._parts(gradient)
        chosen = decided.choices.T
        steps, each = np.indices(chosen.shape)
        gain, spread = (by.T.astype(self.dtype)[:, :, None] for by in (by_log_probs, by_entropies))
        surprise = decided._log_odds + decided.entropies.T[:, :, None]
        by_logits = -np.exp(decided._log_odds) * (gain + spread * surprise)
        by_logits[steps, each, chosen] += gain[:, :, 0]

        top = decided._layers[-1].hidden[1:]
        g.heads[:] = (by_logits.transpose(0, 2, 1) @ top)[self._is_choice]
        g.head_biases[:] = by_logits.sum(axis=1)[self._is_choice]
        from_above = by_logits @ p.heads[self._padded]
        for i in reversed(range(self.layers)):
            layer = decided._layers[i]
            by_gates = self._retrace(layer, p.recurrent[i], from_above)
            flat = by_gates.reshape(-1, 4 * self.units)
            g.recurrent[i][:] = layer.hidden[:-1].reshape(-1, self.units).T @ flat
            g.biases[i][:] = flat.sum(axis=0)
            if i:
                below = decided._layers[i - 1].hidden[1:].reshape(-1, self.units)
                g.upward[i - 1][:] = below.T @ flat
                from_above = by_gates @ p.upward[i - 1].T
        onehot = np.zeros((len(chosen) - 1, len(chosen[0]), max(self.sizes)), self.dtype)
        onehot[steps[:-1], each[:-1], chosen[:-1]] = 1.0
        g.inputs[:] = (onehot.transpose(0, 2, 1) @ by_gates[1:])[self._is_choice[:-1]]
        return gradient

    # The recurrence.

    def _new_layer(self, steps: int, children: int) -> _Layer:
        shape = (steps, children, self.units)
        before = (steps + 1, children, self.units)
        return _Layer(
            gates=np.empty((steps, children, 4 * self.units), self.dtype),
            hidden=np.zeros(before, self.dtype),
            state=np.zeros(before, self.dtype),
            squashed=np.empty(shape, self.dtype),
        )

    def _halved(self, recurrent: np.ndarray) -> np.ndarray:
        """A sigmoid is a tanh of half the argument, so one call can squash all gates."""
        halved = recurrent.copy()
        halved[:, : 3 * self.units] *= 0.5
        return halved

    def _advance(self, layer: _Layer, halved: np.ndarray) -> None:
        """Runs all steps; `gates` come with what does not depend on the step before."""
        u = self.units
        layer.gates[:, :, : 3 * u] *= 0.5
        update = np.empty_like(layer.gates[0])
        content = np.empty_like(layer.squashed[0])
        for t, z in enumerate(layer.gates):
            z += np.matmul(layer.hidden[t], halved, out=update)
            np.tanh(z, out=z)
            sigmoids = z[:, : 3 * u]
            sigmoids += 1.0
            sigmoids *= 0.5
            state = layer.state[t + 1]
            np.multiply(z[:, 2 * u : 3 * u], layer.state[t], out=state)
            state += np.multiply(z[:, u : 2 * u], z[:, 3 * u :], out=content)
            np.tanh(state, out=layer.squashed[t])
            np.multiply(z[:, :u], layer.squashed[t], out=layer.hidden[t + 1])

    def _retrace(self, layer: _Layer, recurrent: np.ndarray, from_above: np.ndarray) -> np.ndarray:
        """The derivatives by what went into the gates, from those by the hidden states."""
        steps, children, _ = layer.gates.shape
        u = self.units
        gates = layer.gates.reshape(steps, children, 4, u)
        out, into, forget, new = (gates[:, :, i] for i in range(4))
        # What a gate adds to the state (out: to the hidden state), times its own slope.
        slopes = gates * (1.0 - gates)
        slopes[:, :, 0] *= layer.squashed
        slopes[:, :, 1] *= new
        slopes[:, :, 2] *= layer.state[:-1]
        slopes[:, :, 3] = into * (1.0 - new * new)
        to_state = out * (1.0 - layer.squashed * layer.squashed)
        by_hidden = from_above.copy()
        by_state = np.zeros((children, u), self.dtype)
        kept = np.empty_like(by_state)
        back = np.ascontiguousarray(recurrent.T)
        for t in reversed(range(steps)):
            by_state += np.multiply(by_hidden[t], to_state[t], out=kept)
            slopes[t, :, 0] *= by_hidden[t]
            slopes[t, :, 1:] *= by_state[:, None]
            by_state *= forget[t]
            if t:
                by_hidden[t - 1] += np.matmul(slopes[t].reshape(children, 4 * u), back, out=kept)
        return slopes.reshape(steps, children, 4 * u)

    def _parts(self, weights: np.ndarray) -> _Parts:
        """The weights by what they do: views, not copies."""
        views = cut(weights, self._shapes)
        n = self.layers
        return _Parts(views[0], views[1:n], views[n : 2 * n], views[2 * n : 3 * n], *views[3 * n :])


@dataclass(frozen=True)
class _Parts:
    """Weights; a row of `inputs` and of `heads` for each choice of each decision in turn."""

    inputs: np.ndarray
    upward: list[np.ndarray]
    recurrent: list[np.ndarray]
    biases: list[np.ndarray]
    heads: np.ndarray
    head_biases: np.ndarray


def drawn(odds: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Choices in proportion to odds.

    Args:
        odds: (children, choices).
        uniforms: (children,), uniform in [0, 1).

    Returns:
        (children,), int.
    """
    reached = np.cumsum(odds, axis=1)
    return (reached <= uniforms[:, None] * reached[:, -1:]).sum(axis=1)


def size_of(shapes: Sequence[tuple[int, ...]]) -> int:
    """The length of a vector that holds arrays of these shapes."""
    return sum(math.prod(shape) for shape in shapes)


def cut(vector: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """The arrays that a vector holds: views, not copies."""
    views, start = [], 0
    for shape in shapes:
        end = start + math.prod(shape)
        views.append(vector[start:end].reshape(shape))
        start = end
    return views


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with its usual decays, 0.9 and 0.999, upwards.

    Args:
        count: of weights.
        rate: the learning rate.
        dtype: of the moments.
    """

    def __init__(self, count: int, rate: float, dtype: type[np.floating] = np.float32):
        self._rate, self._steps = rate, 0
        self._mean, self._square, self._work = np.zeros((3, count), dtype)

    def climb(self, weights: np.ndarray, gradient: np.ndarray) -> None:
        """Moves `weights`, in place, to where the objective is larger."""
        self._steps += 1
        mean, square, work = self._mean, self._square, self._work
        # In place throughout: fresh arrays of this size cost more than the arithmetic.
        mean *= 0.9
        mean += np.multiply(gradient, 0.1, out=work)
        square *= 0.999
        np.multiply(gradient, gradient, out=work)
        work *= 0.001
        square += work
        np.sqrt(square, out=work)
        size = math.sqrt(1.0 - 0.999**self._steps)
        work += 1e-8 * size
        np.divide(mean, work, out=work)
        work *= self._rate * size / (1.0 - 0.9**self._steps)
        weights += work
