"""A method of another library that answers from a process and an environment of its own."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from benchmarks.contenders.environments import UnavailableError, python_with
from benchmarks.kept import ROOT
from cell_search.space.space import Point
from cell_search.strategies import Strategy

#: Random points before the library is asked: those with which `bayesian` begins.
INITIAL = 10

#: The largest space of which all points are written down.
LISTED = 100_000

#: What the process runs: the function `answer` of a program, for each line that it reads.
_LOOP = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
exec(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
"""


class Answered(Strategy):
    """Asks a library for the next point, after the random points with which `bayesian` begins.

    Attributes:
        REQUIREMENTS: of the environment, as pip takes them.
        ANSWERS: the program `<ANSWERS>_answers.py` beside this module. It imports nothing of this
            project. Its function `answer` is asked for the next point with a mapping: `points`,
            lists of places among the choices; their `values`, of which more is better; the `sizes`
            of all decisions; and a `seed`.
    """

    REQUIREMENTS: ClassVar[Sequence[str]]
    ANSWERS: ClassVar[str]

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
        if len(self._rewards) < INITIAL:
            return self.space.fresh(rng, self._met)
        return self.space.from_indices(self._ask(self._question(rng)))

    def _question(self, rng: np.random.Generator) -> dict[str, Any]:
        """What is asked."""
        return {
            "points": self._points,
            "values": self._rewards,
            "sizes": [len(d.choices) for d in self.space.decisions],
            "seed": int(rng.integers(2**31)),
        }

    def _ask(self, question: dict[str, Any]) -> list[int]:
        if self._process is None:
            folder = ROOT / "runs" / "environments" / self.ANSWERS
            try:
                python = python_with(self.REQUIREMENTS, folder)
            except UnavailableError as error:
                sys.exit(f"peer:{self.ANSWERS}: cannot be installed here ({error})")
            program = pathlib.Path(__file__).with_name(f"{self.ANSWERS}_answers.py")
            self._process = subprocess.Popen(
                [python, "-I", "-c", _LOOP, str(program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin and self._process.stdout
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"peer:{self.ANSWERS}: its process ended; see what it wrote above")
        return json.loads(answer)

    def __del__(self) -> None:
        if self._process is not None and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
