"""NAS-Bench-301 (Zela et al. 2022): a model that predicts the accuracy of any DARTS cells.

The weights are those of YAHPO Gym's early surrogate of the benchmark's training logs. One
embedding for each of the 28 edges and for each choice of two inputs, and the epoch, go through
the sum of a linear map and two SELU networks.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cell_search import array_file
from cell_search.evaluators.tables._table import NB301, Entry, State, data_file, state
from cell_search.space import published
from cell_search.space.cell_space import CellSpace
from cells.support.errors import UserError
from cells.support.files import reason

#: The last epoch that the surrogate knows, counted from 0.
EPOCH = 97

#: In alphabetical order of their names in DARTS; code 0 is an edge that is not there.
_OPERATIONS = (
    "avg_pool_3x3",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "max_pool_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "identity",  # skip_connect
)
_CODES = {name: code for code, name in enumerate(_OPERATIONS, start=1)}
_NODES, _EDGES = 4, 2 + 3 + 4 + 5
#: Layers of the networks whose outputs are added.
_NETWORKS = {"wide": 1, "deep": 3, "deeper": 5}
_CELLS = ("normal", "reduction")

#: SELU: Klambauer et al. 2017, section 2.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


class Surrogate:
    """The surrogate as a table without an end.

    Entries have the predicted accuracy (percent) as `valid` and as `test`, for there is no other,
    and the predicted seconds of training as `cost`.

    Attributes:
        space: the published DARTS space, four blocks in each of two cells; they are told apart as
            they are written, since the model knows nodes by their numbers and predicts something
            else where two of them change places.

    Args:
        weights: arrays `emb_0` to `emb_33`, and `<network>_<layer>_w` and `_b` of the networks
            `wide`, `deep` and `deeper`.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self.space: CellSpace = dataclasses.replace(published.find("darts"), as_written=True)
        positions = 2 * _EDGES + 2 * (_NODES - 1)
        self._embeddings = [weights[f"emb_{i}"] for i in range(positions)]
        self._networks = [
            [(weights[f"{name}_{i}_w"].T, weights[f"{name}_{i}_b"]) for i in range(layers)]
            for name, layers in _NETWORKS.items()
        ]
        self._epoch_scale = float(weights["epoch_scale"])
        self._seconds = [float(value) for value in weights["runtime_affine"]]

    def look_up(self, point: Mapping[str, Any]) -> Entry:
        """The prediction for a candidate.

        Args:
            point: its decisions.
        """
        accuracy, seconds = self.predict([point])[0].tolist()
        return Entry(accuracy, accuracy, seconds)

    def predict(self, points: Sequence[Mapping[str, Any]], epoch: int = EPOCH) -> np.ndarray:
        """Predictions of many candidates.

        Args:
            points: their decisions.
            epoch: after which they are trained, from 0 on.

        Returns:
            float64 `(n, 2)`: accuracy in percent, seconds.
        """
        codes = np.array([self._encode(point) for point in points])
        hidden = [table[codes[:, i]] for i, table in enumerate(self._embeddings)]
        epochs = np.full((len(points), 1), epoch * self._epoch_scale, np.float32)
        inputs = np.concatenate([*hidden, epochs], axis=1)
        logits = sum(_network(inputs, layers) for layers in self._networks)
        shares = 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64)))
        offset, scale, base = self._seconds
        return np.stack([shares[:, 0] * 100.0, (shares[:, 1] - offset) * scale + base], axis=1)

    @staticmethod
    def _encode(point: Mapping[str, Any]) -> list[int]:
        """Codes of the edges of both cells, then of the pairs of inputs of all nodes but the
        first, which has no other than 0 and 1."""
        edges, pairs = [], []
        for cell in _CELLS:
            for node in range(_NODES):
                a, b = map(int, point.get(f"{cell}/{node}/inputs", "0+1").split("+"))
                codes = [0] * (node + 2)
                codes[a] = _CODES[point[f"{cell}/{node}/left/operation"]]
                codes[b] = _CODES[point[f"{cell}/{node}/right/operation"]]
                edges += codes
                if node:
                    known = list(itertools.combinations(range(node + 2), 2))
                    pairs.append(1 + known.index((a, b)))
        return edges + pairs


def _network(values: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    for depth, (kernel, bias) in enumerate(layers, start=1):
        values = values @ kernel + bias
        if depth < len(layers):
            below = _SELU_ALPHA * np.expm1(np.minimum(values, 0.0))
            values = _SELU_SCALE * np.where(values > 0.0, values, below)
    return values


def nas_bench_301(data_dir: str | os.PathLike[str] = "") -> Surrogate:
    """Reads the surrogate.

    Args:
        data_dir: the folder above `nas_bench/nb301_yahpo_surrogate.npz`; "" is `CELLS_DATA_DIR`.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    path = data_file(data_dir, NB301)
    return _read(path, state(path))


@functools.lru_cache(maxsize=1)
def _read(path: pathlib.Path, state: State) -> Surrogate:
    try:
        return Surrogate(array_file.from_bytes(path.read_bytes()))
    except array_file.DAMAGED as error:
        raise UserError(f"{path}: is not a NAS-Bench-301 surrogate ({reason(error)})") from None
