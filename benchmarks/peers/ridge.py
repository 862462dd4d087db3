"""Ridge regression on one-hot decisions: the baseline where the candidates are rows of a table."""

from __future__ import annotations

import numpy as np

from cell_search.space.encoding import Encoding
from cell_search.space.space import Point
from cell_search.strategies import RandomSearch
from cell_search.strategies.model_based._normal_scores import normal_scores

#: Random rows before the model is asked, and the penalty of a weight in units of the noise.
_INITIAL, _PENALTY = 10, 1.0


class Ridge(RandomSearch):
    """Tries the row with the best prediction; without a list of rows it is random search."""

    def reset(self) -> None:
        super().reset()
        self._points: list[list[int]] = []
        self._rewards: list[float] = []

    def learn(self, point: Point, reward: float) -> None:
        self._points.append(self.space.indices(point))
        self._rewards.append(reward)

    def choose(self, rows: np.ndarray, rng: np.random.Generator) -> Point:
        if len(self._rewards) < _INITIAL:
            return super().choose(rows, rng)
        encoding = Encoding.flat(self.space.decisions)
        seen, scores = encoding(np.array(self._points)), normal_scores(np.array(self._rewards))
        weights = np.linalg.solve(seen.T @ seen + _PENALTY * np.eye(seen.shape[1]), seen.T @ scores)
        return self.space.from_indices(rows[np.argmax(encoding(rows) @ weights)].tolist())
