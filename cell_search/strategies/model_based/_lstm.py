"""A small LSTM that reads words and predicts a number; numpy, for the reasons of `_controller`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cell_search.strategies.controller._controller import Adam, cut, size_of


class LSTMRegressor:
    """Embedding, one LSTM layer, and a linear map of its last hidden state.

    Args:
        words: of the vocabulary.
        units: of the embedding and of the LSTM.
        learning_rate: of Adam.
        epochs: passes through the data.
        seed: of initial weights and batches.
        batch: sequences for an update.
    """

    def __init__(
        self,
        words: int,
        units: int,
        learning_rate: float,
        epochs: int,
        seed: int,
        batch: int = 32,
    ):
        self.words, self.units = words, units
        self._rate, self._epochs, self._batch = learning_rate, epochs, batch
        self._rng = np.random.default_rng(seed)
        # A word's part of the gates is looked up: its embedding, multiplied out.
        self._shapes = [(words, 4 * units), (units, 4 * units), (4 * units,), (units,), (1,)]
        self.weights = self._rng.uniform(-0.1, 0.1, size_of(self._shapes))
        # Forget little at first (Jozefowicz et al. 2015, section 2.2).
        self._parts(self.weights)[2][units : 2 * units] = 1.0

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Minimises the mean of squares.

        Args:
            inputs: int `(n, steps)`: words; -1 is none, and the state stays as it is.
            targets: float `(n,)`.
        """
        adam = Adam(len(self.weights), self._rate, np.float64)
        for _ in range(self._epochs):
            order = self._rng.permutation(len(inputs))
            for start in range(0, len(order), self._batch):
                chosen = order[start : start + self._batch]
                adam.climb(self.weights, -self.gradient(inputs[chosen], targets[chosen]))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """float64 `(n,)`."""
        return self._run(inputs)

    def gradient(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The derivatives of half the mean square error by the weights."""
        steps: list[tuple[np.ndarray, ...]] = []
        predicted = self._run(inputs, steps.append)
        rows = np.arange(len(inputs))
        _, recurrent, _, head, _ = self._parts(self.weights)
        gradient = np.zeros_like(self.weights)
        by_words, by_recurrent, by_biases, by_head, by_last = self._parts(gradient)
        error = (predicted - targets) / len(targets)
        last = steps[-1][-1]
        by_head[:] = last.T @ error
        by_last[:] = error.sum()
        by_hidden = np.outer(error, head)
        by_state = np.zeros_like(by_hidden)
        for t in reversed(range(inputs.shape[1])):
            before, carried, gates, squashed, _ = steps[t]
            there = (inputs[:, t] >= 0)[:, None]
            into, forget, out, new = np.split(gates, 4, axis=1)
            owed = by_state + by_hidden * out * (1.0 - squashed**2)
            z = np.concatenate(
                [
                    owed * new * into * (1.0 - into),
                    owed * carried * forget * (1.0 - forget),
                    by_hidden * squashed * out * (1.0 - out),
                    owed * into * (1.0 - new**2),
                ],
                axis=1,
            )
            z *= there
            np.add.at(by_words, np.maximum(inputs[rows, t], 0), z)
            by_recurrent += before.T @ z
            by_biases += z.sum(axis=0)
            by_hidden = np.where(there, z @ recurrent.T, by_hidden)
            by_state = np.where(there, owed * forget, by_state)
        return gradient

    def _run(
        self, inputs: np.ndarray, keep: Callable[[tuple[np.ndarray, ...]], None] | None = None
    ) -> np.ndarray:
        """Predictions; `keep` gets what the gradient needs of each step, which is much to keep."""
        words, recurrent, biases, head, last = self._parts(self.weights)
        hidden = state = np.zeros((len(inputs), self.units))
        for t in range(inputs.shape[1]):
            there = (inputs[:, t] >= 0)[:, None]
            z = words[np.maximum(inputs[:, t], 0)] + hidden @ recurrent + biases
            gates = np.concatenate(
                [_sigmoid(z[:, : 3 * self.units]), np.tanh(z[:, 3 * self.units :])], axis=1
            )
            into, forget, out, new = np.split(gates, 4, axis=1)
            fresh = forget * state + into * new
            squashed = np.tanh(fresh)
            after = np.where(there, out * squashed, hidden)
            if keep is not None:
                keep((hidden, state, gates, squashed, after))
            hidden, state = after, np.where(there, fresh, state)
        return hidden @ head + last[0]

    def _parts(self, weights: np.ndarray) -> list[np.ndarray]:
        return cut(weights, self._shapes)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * values) + 1.0)
