"""BoTorch as a peer: a `SingleTaskGP` with the kernel for categories, a length for each decision,
and the log of the expected improvement over all untried points, or by BoTorch's own local search
where they are too many to list."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from benchmarks.contenders.environments import UnavailableError, python_with
from benchmarks.kept import ROOT
from benchmarks.peers import botorch_answers
from cell_search.space.space import Point
from cell_search.strategies import Strategy
from cell_search.strategies.model_based._normal_scores import normal_scores

REQUIREMENTS = ("torch>=2.4", "botorch==0.18.1", "numpy<3")

#: The largest space that is listed, and the random points before the model is asked.
_LISTED, _INITIAL = 100_000, 10


class BoTorch(Strategy):
    """Asks BoTorch, in a process of its own, after the random points with which `bayesian` begins.

    Values are given to it as normal scores, which was the best of three in a trial.
    """

    _process: subprocess.Popen[str] | None = None

    def reset(self) -> None:
        self._met: set[object] = set()
        self._points: list[list[int]] = []
        self._rewards: list[float] = []

    def observe(self, point: Point) -> None:
        self._met.add(self.space.canonical_key(point))

    def learn(self, point: Point, reward: float) -> None:
        self._points.append(self.space.indices(point))
        self._rewards.append(reward)

    def propose(self, rng: np.random.Generator) -> Point:
        if len(self._rewards) < _INITIAL:
            return self.space.fresh(rng, self._met)
        scores = normal_scores(np.array(self._rewards))
        asked = {
            "points": self._points,
            "values": scores.tolist(),
            "seed": int(rng.integers(2**31)),
        }
        sizes = [len(d.choices) for d in self.space.decisions]
        if self.space.size <= _LISTED:
            rows = np.indices(sizes).reshape(len(sizes), -1).T
            tried = np.ravel_multi_index(np.array(self._points).T, sizes)
            asked["candidates"] = np.delete(rows, tried, axis=0).tolist()
        else:
            asked["sizes"] = sizes
        return self.space.from_indices(self._ask(asked))

    def _ask(self, asked: dict[str, object]) -> list[int]:
        if self._process is None:
            try:
                python = python_with(REQUIREMENTS, ROOT / "runs" / "environments" / "botorch")
            except UnavailableError as error:
                sys.exit(f"peer:botorch: cannot be installed here ({error})")
            self._process = subprocess.Popen(
                [python, "-I", str(botorch_answers.__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin and self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def __del__(self) -> None:
        if self._process is not None and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
