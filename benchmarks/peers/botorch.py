"""BoTorch as a peer: a `SingleTaskGP` with the kernel for categories, a length for each decision,
and the log of the expected improvement over all untried points, or by BoTorch's own local search
where they are too many to list."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.answered import LISTED, Answered
from cell_search.strategies.model_based._normal_scores import normal_scores


class BoTorch(Answered):
    """Values are given to it as normal scores, which was the best of three in a trial."""

    REQUIREMENTS = ("torch>=2.4", "botorch==0.18.1", "numpy<3")
    ANSWERS = "botorch"

    def _question(self, rng: np.random.Generator) -> dict[str, Any]:
        question = super()._question(rng)
        question["values"] = normal_scores(np.array(self._rewards)).tolist()
        if self.space.size <= LISTED:
            sizes = question.pop("sizes")
            rows = np.indices(sizes).reshape(len(sizes), -1).T
            tried = np.ravel_multi_index(np.array(self._points).T, sizes)
            question["candidates"] = np.delete(rows, tried, axis=0).tolist()
        return question
