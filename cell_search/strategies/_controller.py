"""The controller: an LSTM that makes one decision after the other (Zoph & Le 2017, section 3.1).

Plain numpy. The networks are small and a search asks for one child at a time, so a framework's
calls would cost more than the arithmetic; and a strategy must start at once, in any process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

#: Says which choices are made in step `t` when their probabilities, (children, choices), are known.
Choose = Callable[[int, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Decided:
    """What the controller decided for some children, and what it thought on the way.

    Attributes:
        choices: (children, decisions), int: the number of each choice.
        log_probs: (children, decisions): of what was chosen, given the choices before it.
        entropies: (children, decisions), in nats: of the distribution that it was chosen from.
    """

    choices: np.ndarray
    log_probs: np.ndarray
    entropies: np.ndarray
    _probabilities: list[np.ndarray]
    _steps: list[list[_Step]]


@dataclass(frozen=True)
class _Step:
    """One LSTM cell in one step: (children, units), and the gates i, f, o, g side by side."""

    before: np.ndarray
    carried: np.ndarray
    gates: np.ndarray
    squashed: np.ndarray
    state: np.ndarray


class Controller:
    """A stack of LSTM layers with a softmax for each decision.

    The choice of a decision, one-hot, is the input of the next step. Every decision has a softmax
    and input weights of its own, so the position needs no encoding: "2 x 5B softmax predictions"
    (Zoph et al. 2018, section 3.1).

    The weights are one vector, given with every call: a policy is such a vector, and several can
    be compared.

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
        self.sizes, self.units, self.layers, self.dtype = tuple(sizes), units, layers, dtype
        inputs = sum(self.sizes[:-1])
        shapes: list[tuple[int, ...]] = [(inputs, 4 * units)]
        shapes += [(units, 4 * units)] * (layers - 1)  # from the layer below
        shapes += [(units, 4 * units)] * layers  # from the step before
        shapes += [(4 * units,)] * layers
        for size in self.sizes:
            shapes += [(units, size), (size,)]
        self._shapes = shapes
        self._ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        starts = np.cumsum([0, *self.sizes[:-1]])
        self._rows = [
            slice(int(a), int(a) + size) for a, size in zip(starts, self.sizes, strict=True)
        ]

    @property
    def count(self) -> int:
        """The number of weights."""
        return int(self._ends[-1])

    def initial(self, width: float, rng: np.random.Generator) -> np.ndarray:
        """Weights drawn uniformly between -width and width."""
        return rng.uniform(-width, width, self.count).astype(self.dtype)

    def sample(self, weights: np.ndarray, uniforms: np.ndarray) -> Decided:
        """Draws children.

        Args:
            weights: of the policy.
            uniforms: (children, decisions), uniform in [0, 1): the randomness.
        """

        def choose(t: int, probabilities: np.ndarray) -> np.ndarray:
            reached = np.cumsum(probabilities, axis=1)
            # Rounding may leave the last sum below 1, hence the product.
            return (reached <= uniforms[:, t : t + 1] * reached[:, -1:]).sum(axis=1)

        return self._run(weights, len(uniforms), choose)

    def score(self, weights: np.ndarray, choices: np.ndarray) -> Decided:
        """What a policy thinks of children that were drawn from any.

        Args:
            weights: of the policy.
            choices: (children, decisions), int.
        """
        return self._run(weights, len(choices), lambda t, _: choices[:, t])

    def _run(self, weights: np.ndarray, children: int, choose: Choose) -> Decided:
        p = self._parts(weights)
        length, units = len(self.sizes), self.units
        hidden = [np.zeros((children, units), self.dtype)] * self.layers
        state = list(hidden)
        choices = np.zeros((children, length), np.int64)
        log_probs = np.zeros((children, length), self.dtype)
        entropies = np.zeros((children, length), self.dtype)
        probabilities, steps = [], []
        every = np.arange(children)
        for t in range(length):
            step = []
            for layer in range(self.layers):
                z = hidden[layer] @ p.recurrent[layer]
                z += p.biases[layer]
                if layer:
                    z += hidden[layer - 1] @ p.upward[layer - 1]
                elif t:
                    z += p.inputs[self._rows[t - 1].start + choices[:, t - 1]]
                # A sigmoid is a tanh of half the argument, so one call squashes all gates.
                z[:, : 3 * units] *= 0.5
                np.tanh(z, out=z)
                z[:, : 3 * units] += 1.0
                z[:, : 3 * units] *= 0.5
                into, forget, out, new = _gates(z, units)
                carried = state[layer]
                state[layer] = forget * carried + into * new
                squashed = np.tanh(state[layer])
                step.append(_Step(hidden[layer], carried, z, squashed, state[layer]))
                hidden[layer] = out * squashed
            steps.append(step)
            logits = hidden[-1] @ p.heads[t][0] + p.heads[t][1]
            logits -= logits.max(axis=1, keepdims=True)
            odds = np.exp(logits)
            total = odds.sum(axis=1, keepdims=True)
            odds /= total
            logits -= np.log(total)
            choices[:, t] = choose(t, odds)
            log_probs[:, t] = logits[every, choices[:, t]]
            entropies[:, t] = -(odds * logits).sum(axis=1)
            probabilities.append(odds)
        return Decided(choices, log_probs, entropies, probabilities, steps)

    def gradient(
        self,
        weights: np.ndarray,
        decided: Decided,
        by_log_probs: np.ndarray,
        by_entropies: np.ndarray,
    ) -> np.ndarray:
        """The gradient of an objective, by backpropagation through time.

        Args:
            weights: those that `decided` was scored or drawn with.
            decided: the children.
            by_log_probs: (children, decisions): the objective's derivatives by `log_probs`.
            by_entropies: the same by `entropies`.

        Returns:
            The derivatives by the weights.
        """
        p = self._parts(weights)
        gradient = np.empty(self.count, self.dtype)
        g = self._parts(gradient)
        children, length = decided.choices.shape
        units = self.units
        every = np.arange(children)
        # What each layer owes to the step after it.
        owed = [np.zeros((children, units), self.dtype) for _ in range(self.layers)]
        owed_state = [np.zeros((children, units), self.dtype) for _ in range(self.layers)]
        by_gates = np.empty((self.layers, length, children, 4 * units), self.dtype)
        by_log_probs = by_log_probs.astype(self.dtype)
        by_entropies = by_entropies.astype(self.dtype)
        for t in reversed(range(length)):
            odds = decided._probabilities[t]
            chosen = decided.choices[:, t]
            surprise = np.log(np.maximum(odds, np.finfo(self.dtype).tiny))
            by_logits = odds * (-by_log_probs[:, t : t + 1])
            by_logits[every, chosen] += by_log_probs[:, t]
            surprise += decided.entropies[:, t : t + 1]
            by_logits -= by_entropies[:, t : t + 1] * odds * surprise
            top = decided._steps[t][-1]
            out = top.gates[:, 2 * units : 3 * units]
            g.heads[t][0][:] = (out * top.squashed).T @ by_logits
            g.heads[t][1][:] = by_logits.sum(axis=0)
            from_above = by_logits @ p.heads[t][0].T
            for layer in reversed(range(self.layers)):
                step = decided._steps[t][layer]
                into, forget, out, new = _gates(step.gates, units)
                by_hidden = owed[layer] + from_above
                by_state = by_hidden * out
                by_state *= 1.0 - step.squashed * step.squashed
                by_state += owed_state[layer]
                z = by_gates[layer, t]
                z[:, :units] = by_state * new
                z[:, units : 2 * units] = by_state * step.carried
                z[:, 2 * units : 3 * units] = by_hidden * step.squashed
                z[:, : 3 * units] *= step.gates[:, : 3 * units] * (1.0 - step.gates[:, : 3 * units])
                z[:, 3 * units :] = by_state * into * (1.0 - new * new)
                owed_state[layer] = by_state * forget
                if t:
                    owed[layer] = z @ p.recurrent[layer].T
                if layer:
                    from_above = z @ p.upward[layer - 1].T
            if t:
                onehot = np.zeros((children, self.sizes[t - 1]), self.dtype)
                onehot[every, decided.choices[:, t - 1]] = 1.0
                g.inputs[self._rows[t - 1]] = onehot.T @ by_gates[0, t]
        flat = by_gates.reshape(self.layers, -1, 4 * units)
        for layer in range(self.layers):
            before = np.concatenate([step[layer].before for step in decided._steps])
            g.recurrent[layer][:] = before.T @ flat[layer]
            g.biases[layer][:] = flat[layer].sum(axis=0)
            if layer:
                below = [s[layer - 1] for s in decided._steps]
                hidden = np.concatenate(
                    [s.gates[:, 2 * units : 3 * units] * s.squashed for s in below]
                )
                g.upward[layer - 1][:] = hidden.T @ flat[layer]
        return gradient

    def _parts(self, weights: np.ndarray) -> _Parts:
        """The weights by what they do: views, not copies."""
        views = [
            part.reshape(shape)
            for part, shape in zip(np.split(weights, self._ends[:-1]), self._shapes, strict=True)
        ]
        n = self.layers
        heads = views[3 * n :]
        return _Parts(
            inputs=views[0],
            upward=views[1:n],
            recurrent=views[n : 2 * n],
            biases=views[2 * n : 3 * n],
            heads=list(zip(heads[::2], heads[1::2], strict=True)),
        )


@dataclass(frozen=True)
class _Parts:
    inputs: np.ndarray
    upward: list[np.ndarray]
    recurrent: list[np.ndarray]
    biases: list[np.ndarray]
    heads: list[tuple[np.ndarray, np.ndarray]]


def _gates(z: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """In, forget, out (sigmoids) and the new content (a tanh)."""
    return z[:, :units], z[:, units : 2 * units], z[:, 2 * units : 3 * units], z[:, 3 * units :]


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
