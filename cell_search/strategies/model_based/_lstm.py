"""Small LSTMs that read words and predict a number; numpy, for the reasons of `_controller`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from cell_search.strategies.controller._controller import Adam, cut, size_of

#: Sequences for an update.
_BATCH = 32


class LSTMEnsembleRegressor:
    """Several networks of embedding, one LSTM layer, and a linear map of its last hidden state.

    All of them make a step at once: at this size calls cost more than the arithmetic.

    Args:
        words: of the vocabulary.
        units: of the embedding and of the LSTM.
        learning_rate: of Adam.
        epochs: passes through the data.
        seeds: of initial weights and batches, one for each network.
        dtype: of the numbers.
    """

    def __init__(
        self,
        words: int,
        units: int,
        learning_rate: float,
        epochs: int,
        seeds: Sequence[int],
        dtype: type[np.floating] = np.float32,
    ):
        self.words, self.units, self.members = words, units, len(seeds)
        self._rate, self._epochs, self._dtype = learning_rate, epochs, dtype
        self._rngs = [np.random.default_rng(seed) for seed in seeds]
        # A word's part of the gates is looked up: its embedding, multiplied out.
        shapes = [(words, 4 * units), (units, 4 * units), (4 * units,), (units,), (1,)]
        self._shapes = [(self.members, *shape) for shape in shapes]
        self.weights = np.zeros(size_of(self._shapes), dtype)
        parts = self._parts(self.weights)
        for member, rng in enumerate(self._rngs):
            for part, shape in zip(parts, shapes, strict=True):
                part[member] = rng.uniform(-0.1, 0.1, shape)
        # Forget little at first (Jozefowicz et al. 2015, section 2.2).
        parts[2][:, units : 2 * units] = 1.0

    def fit(self, inputs: np.ndarray, targets: np.ndarray, kept: np.ndarray) -> None:
        """Minimises the mean of squares.

        Args:
            inputs: int `(n, steps)`: words; -1 is none, and the state stays as it is.
            targets: float `(n,)`.
            kept: bool `(members, n)`, which of them each network sees.
        """
        adam = Adam(len(self.weights), self._rate, self._dtype)
        targets = targets.astype(self._dtype)
        own = [np.flatnonzero(row) for row in kept]
        longest = max(map(len, own))
        counts = np.arange(longest)[None] < np.array([len(rows) for rows in own])[:, None]
        for _ in range(self._epochs):
            orders = np.zeros((self.members, longest), int)
            for order, rows, rng in zip(orders, own, self._rngs, strict=True):
                order[: len(rows)] = rng.permutation(rows)
            for start in range(0, longest, _BATCH):
                chosen = orders[:, start : start + _BATCH]
                counted = counts[:, start : start + _BATCH]
                adam.climb(self.weights, -self.gradient(inputs[chosen], targets[chosen], counted))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """What each network says of sequences; what has a beginning in common shares its steps.

        Args:
            inputs: int `(n, steps)`.

        Returns:
            `(members, n)`.
        """
        order = np.lexsort(inputs.T[::-1])
        rows = inputs[order]
        # Whether a sequence differs from the one before it up to a step.
        new = np.ones(rows.shape, bool)
        np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1, out=new[1:])
        hidden = state = np.zeros((self.members, 1, self.units), self._dtype)
        group = np.zeros(len(rows), int)
        for t in range(rows.shape[1]):
            first = np.flatnonzero(new[:, t])
            before = group[first]
            hidden, state = self._step(rows[first, t], hidden[:, before], state[:, before])
            group = np.cumsum(new[:, t]) - 1
        _, _, _, head, last = self._parts(self.weights)
        values = np.matmul(hidden, head[:, :, None])[..., 0] + last
        found = np.empty((self.members, len(rows)), self._dtype)
        found[:, order] = values[:, group]
        return found

    def gradient(self, inputs: np.ndarray, targets: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """The derivatives of half the mean square error by the weights.

        Args:
            inputs: int `(members, batch, steps)`.
            targets: `(members, batch)`.
            counted: bool `(members, batch)`, which of them count.

        Returns:
            As `weights`.
        """
        steps: list[tuple[np.ndarray, ...]] = []
        hidden = state = np.zeros((*inputs.shape[:2], self.units), self._dtype)
        for t in range(inputs.shape[2]):
            hidden, state = self._step(inputs[:, :, t], hidden, state, steps.append)
        _, recurrent, _, head, last = self._parts(self.weights)
        predicted = np.matmul(hidden, head[:, :, None])[..., 0] + last
        gradient = np.zeros_like(self.weights)
        by_words, by_recurrent, by_biases, by_head, by_last = self._parts(gradient)
        error = (predicted - targets) * counted / counted.sum(axis=1, keepdims=True)
        error = error.astype(self._dtype)
        by_head[:] = np.matmul(error[:, None], hidden)[:, 0]
        by_last[:] = error.sum(axis=1, keepdims=True)
        by_hidden = error[:, :, None] * head[:, None]
        by_state = np.zeros_like(by_hidden)
        by_gates = np.empty((inputs.shape[2], *inputs.shape[:2], 4 * self.units), self._dtype)
        back = recurrent.transpose(0, 2, 1)
        for t in reversed(range(inputs.shape[2])):
            before, carried, gates, squashed = steps[t]
            there = (inputs[:, :, t] >= 0)[..., None]
            into, forget, out, new = np.split(gates, 4, axis=2)
            owed = by_state + by_hidden * out * (1.0 - squashed**2)
            z, u = by_gates[t], self.units
            z[..., :u] = owed * new * into * (1.0 - into)
            z[..., u : 2 * u] = owed * carried * forget * (1.0 - forget)
            z[..., 2 * u : 3 * u] = by_hidden * squashed * out * (1.0 - out)
            z[..., 3 * u :] = owed * into * (1.0 - new**2)
            z *= there
            by_recurrent += np.matmul(before.transpose(0, 2, 1), z)
            by_hidden = np.where(there, np.matmul(z, back), by_hidden)
            by_state = np.where(there, owed * forget, by_state)
        by_biases[:] = by_gates.sum(axis=(0, 2))
        self._add_words(by_words, inputs, by_gates)
        return gradient

    def _add_words(self, by_words: np.ndarray, inputs: np.ndarray, by_gates: np.ndarray) -> None:
        """Sums what is owed to each word; of what is none, nothing is."""
        members = np.arange(self.members)[None, :, None]
        words = (members * self.words + np.maximum(inputs.transpose(2, 0, 1), 0)).ravel()
        ones = np.ones(len(words), self._dtype)
        shape = self.members * self.words, len(words)
        places = sparse.csr_matrix((ones, (words, np.arange(len(words)))), shape)
        by_words[:] = (places @ by_gates.reshape(len(words), -1)).reshape(by_words.shape)

    def _step(
        self,
        read: np.ndarray,
        hidden: np.ndarray,
        state: np.ndarray,
        keep: Callable[[tuple[np.ndarray, ...]], None] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A word each: `(members, batch)`, or `(batch,)` where all networks read the same.

        `keep` gets what the gradient needs of a step, which is much to keep.
        """
        words, recurrent, biases, _, _ = self._parts(self.weights)
        there = (read >= 0)[..., None]
        z = np.matmul(hidden, recurrent)
        z += words[np.arange(self.members)[:, None], np.maximum(read, 0)]
        z += biases[:, None]
        gates, u = z, self.units
        _sigmoid(z[..., : 3 * u])
        np.tanh(z[..., 3 * u :], out=z[..., 3 * u :])
        fresh = gates[..., u : 2 * u] * state
        fresh += gates[..., :u] * gates[..., 3 * u :]
        squashed = np.tanh(fresh)
        if keep is not None:
            keep((hidden, state, gates, squashed))
        after = gates[..., 2 * u : 3 * u] * squashed
        return np.where(there, after, hidden), np.where(there, fresh, state)

    def _parts(self, weights: np.ndarray) -> list[np.ndarray]:
        return cut(weights, self._shapes)


def _sigmoid(values: np.ndarray) -> None:
    """In place."""
    values *= 0.5
    np.tanh(values, out=values)
    values += 1.0
    values *= 0.5
