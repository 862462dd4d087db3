"""Surrogates that predict the rewards of larger cells from smaller ones (Liu et al. 2018, section
4.2): an MLP and an LSTM, each an ensemble."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Sequence

import numpy as np

from cell_search.space.growth import Growth
from cell_search.strategies.model_based._lstm import LSTMEnsembleRegressor

#: Members of an ensemble, each of which is fitted without one part of the data.
MEMBERS = 5

#: Of the squares of the MLP's weights.
_PENALTY = 1.0

#: So many points are encoded at once.
_CHUNK = 20_000


class Ensemble(abc.ABC):
    """The mean of five networks, each fitted to another four fifths of the data.

    Args:
        growth: of the space.
        units: of each hidden layer.
        learning_rate: of the LSTM's Adam.
        epochs: passes through the data.
    """

    def __init__(self, growth: Growth, units: int, learning_rate: float, epochs: int):
        self._growth = growth
        self._units, self._rate, self._epochs = units, learning_rate, epochs
        sizes = [len(d.choices) for d in growth.space.decisions]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        # Decisions at the same place of their parts have the same role: their choices, by value,
        # are the same words.
        self._words: dict[tuple[int, str], int] = {}
        self._word_of = np.full(self._starts[-1], -1)
        for columns in growth.places:
            for role, column in enumerate(columns):
                for choice, value in enumerate(growth.space.decisions[column].choices):
                    word = self._words.setdefault((role, repr(value)), len(self._words))
                    self._word_of[self._starts[column] + choice] = word

    def fit(self, points: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> None:
        """Fits all members.

        Args:
            points: int `(n, decisions)`, rows of `Space.indices`.
            values: float `(n,)`, of about mean 0 and variance 1.
            rng: of initial weights and of the division.
        """
        folds = rng.permutation(len(points)) % MEMBERS
        kept = np.arange(MEMBERS)[:, None] != folds[None]
        if len(points) <= MEMBERS:
            kept[:] = True
        seeds = [int(rng.integers(2**31)) for _ in range(MEMBERS)]
        self._fit(self._encoded(points, fitting=True), values, kept, seeds)

    def predict(self, points: np.ndarray) -> np.ndarray:
        """The mean of the members' predictions, float `(n,)`."""
        return np.concatenate(
            [
                self._predict(self._encoded(points[start : start + _CHUNK], fitting=False))
                for start in range(0, len(points), _CHUNK)
            ]
        )

    @abc.abstractmethod
    def _fit(
        self, inputs: np.ndarray, values: np.ndarray, kept: np.ndarray, seeds: Sequence[int]
    ) -> None:
        """Fits each member to the inputs that `kept`, `(members, n)`, leaves it."""

    @abc.abstractmethod
    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        """The mean over members, `(n,)`."""

    @abc.abstractmethod
    def _encoded(self, points: np.ndarray, fitting: bool) -> np.ndarray: ...


class MLPEnsemble(Ensemble):
    """Two hidden layers on the mean of the words of all parts, as in the paper, and on the words
    at their places: where a part is tells more than that it is there."""

    def _encoded(self, points: np.ndarray, fitting: bool) -> np.ndarray:
        n = len(points)
        there = self._growth.present(points)
        placed = np.zeros((n, self._starts[-1]), np.float32)
        means = np.zeros((n, len(self._words)), np.float32)
        rows = np.arange(n)
        for part, columns in enumerate(self._growth.places):
            for column in columns:
                at = self._starts[column] + points[:, column]
                placed[rows, at] = there[:, part]
                np.add.at(means, (rows, self._word_of[at]), there[:, part])
        means /= np.maximum(there.sum(axis=1, keepdims=True), 1)
        inputs = np.concatenate([means, placed, there.mean(axis=1, keepdims=True)], axis=1)
        if fitting:
            # What has not varied so far has taught nothing; its weights are noise.
            varied = inputs.std(axis=0) > 0.0
            self._varied = varied if varied.any() else ~varied
        return inputs[:, self._varied]

    def _fit(
        self, inputs: np.ndarray, values: np.ndarray, kept: np.ndarray, seeds: Sequence[int]
    ) -> None:
        from sklearn.neural_network import MLPRegressor

        self._members = []
        for rows, seed in zip(kept, seeds, strict=True):
            member = MLPRegressor(
                hidden_layer_sizes=(self._units, self._units),
                # For hundreds of rows quicker than Adam, and better.
                solver="lbfgs",
                max_iter=self._epochs,
                alpha=_PENALTY,
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an end before convergence is meant
                member.fit(inputs[rows], values[rows])
            self._members.append(member)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        return np.mean([member.predict(inputs) for member in self._members], axis=0)


class LSTMEnsemble(Ensemble):
    """An LSTM that reads the words of all parts that are there, part by part.

    Where parts can come in any order, a part that is not there has a word, too: the place of
    a word says which part it belongs to.
    """

    def _encoded(self, points: np.ndarray, fitting: bool) -> np.ndarray:
        there = self._growth.present(points)
        steps = []
        for part, columns in enumerate(self._growth.places):
            for column in columns:
                words = self._word_of[self._starts[column] + points[:, column]]
                steps.append(np.where(there[:, part] | (not self._growth.in_order), words, -1))
        return np.stack(steps, axis=1)

    def _fit(
        self, inputs: np.ndarray, values: np.ndarray, kept: np.ndarray, seeds: Sequence[int]
    ) -> None:
        self._networks = LSTMEnsembleRegressor(
            words=len(self._words),
            units=self._units,
            learning_rate=self._rate,
            epochs=self._epochs,
            seeds=seeds,
        )
        self._networks.fit(inputs, values, kept)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        return self._networks.predict(inputs).mean(axis=0)


SURROGATES: dict[str, type[Ensemble]] = {"mlp": MLPEnsemble, "lstm": LSTMEnsemble}
