"""Surrogates that predict the rewards of larger cells from smaller ones (Liu et al. 2018, section
4.2): an MLP and an LSTM, each an ensemble."""

from __future__ import annotations

import abc
import warnings

import numpy as np

from cell_search.space.growth import Growth
from cell_search.strategies.model_based._lstm import LSTMRegressor

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
        inputs = self._encoded(points, fitting=True)
        folds = rng.permutation(len(points)) % MEMBERS
        self._members = []
        for fold in range(MEMBERS):
            kept = folds != fold if len(points) > MEMBERS else slice(None)
            member = self._member(int(rng.integers(2**31)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an end before convergence is meant
                member.fit(inputs[kept], values[kept])
            self._members.append(member)

    def predict(self, points: np.ndarray) -> np.ndarray:
        """The mean of the members' predictions, float `(n,)`."""
        scores = [
            np.mean([m.predict(inputs) for m in self._members], axis=0)
            for start in range(0, len(points), _CHUNK)
            for inputs in [self._encoded(points[start : start + _CHUNK], fitting=False)]
        ]
        return np.concatenate(scores)

    @abc.abstractmethod
    def _encoded(self, points: np.ndarray, fitting: bool) -> np.ndarray: ...

    @abc.abstractmethod
    def _member(self, seed: int): ...


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

    def _member(self, seed: int):
        from sklearn.neural_network import MLPRegressor

        return MLPRegressor(
            hidden_layer_sizes=(self._units, self._units),
            # For hundreds of rows quicker than Adam, and better.
            solver="lbfgs",
            max_iter=self._epochs,
            alpha=_PENALTY,
            random_state=seed,
        )


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

    def _member(self, seed: int):
        return LSTMRegressor(
            words=len(self._words),
            units=self._units,
            learning_rate=self._rate,
            epochs=self._epochs,
            seed=seed,
        )


SURROGATES: dict[str, type[Ensemble]] = {"mlp": MLPEnsemble, "lstm": LSTMEnsemble}
