"""Progressive search: Liu et al. 2018, "Progressive Neural Architecture Search", algorithm 1."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cell_search.space.space import Point, Space
from cell_search.strategies._base import MAX_COUNT, MAX_UNITS, STRATEGIES, Strategy
from cell_search.strategies._presets import from_preset, with_preset
from cell_search.strategies.model_based._normal_scores import normal_scores, remembered
from cell_search.strategies.model_based._surrogates import SURROGATES, Ensemble
from cells.support.errors import UserError
from cells.support.settings import setting

#: Tells the generators of levels from those of proposals, and of fits from those of growth.
_LEVEL, _FIT = 2018, 1

#: Results that a surrogate is fitted to, at most; or four beams where these are more.
_REMEMBERED = 500


@dataclass(frozen=True)
class ProgressiveSettings:
    """Settings of `Progressive`, as in its preset `quick`.

    Attributes:
        beam: K.
        surrogate: `mlp` or `lstm`, an ensemble of five each.
        units: of each hidden layer.
        learning_rate: of the LSTM's Adam; the MLP is fitted by L-BFGS.
        epochs: passes of the surrogate through the results.
        candidates: points of a level, or of all levels in thought, at most about; of more, so many
            are drawn.
    """

    beam: int = setting(10, least=1, most=MAX_COUNT)
    surrogate: str = setting("mlp", choices=tuple(SURROGATES))
    units: int = setting(32, least=1, most=MAX_UNITS)
    learning_rate: float = setting(0.01, above=0, most=1e3)
    epochs: int = setting(40, least=1, most=MAX_COUNT)
    candidates: int = setting(20_000, least=1, most=10_000_000)


@STRATEGIES.register("progressive")
class Progressive(Strategy):
    """From simple to complex: of all points with one part more than those of the level before,
    the K that a surrogate thinks best are tried.

    What a part is, and a point without it, the space says (`Space.growth`): a block of a cell, an
    edge of a graph; of flat decisions each is one. Of level 1, which no surrogate can know, K
    points are drawn at random: with the paper's K of 256 that is all of its 136 cells of one block,
    as there; with the 10 of `quick` it is a sample, so that what it leaves out may never be met. No
    candidate (by canonical key) is proposed twice.

    A level ends when as many trials have finished as it has points. Who asks before goes on with
    what the surrogate thinks next best, so no worker waits. Then the surrogate is fitted anew to
    all results, and every result of the level is grown. After the last level the surrogate is
    fitted anew after every K results, and what is best is tried of all that it comes across when
    it grows points in thought, without results between the levels. It knows 500 results, or
    four beams, at most: from there on a proposal costs about the same.

    `preset` is `quick`, for hundreds of children, or `paper` (K = 256, two layers of 100 units or
    an LSTM of 100, learning rate 0.01; here the surrogate is fitted anew for each level). It stands
    for all other settings that are not given.
    """

    Settings = with_preset(ProgressiveSettings)
    settings: ProgressiveSettings

    #: Cells can only grow in a space with smaller ones.
    growing: ClassVar[bool] = True

    PRESETS: ClassVar[dict[str, ProgressiveSettings]] = {
        "quick": ProgressiveSettings(),
        "paper": ProgressiveSettings(beam=256, units=100, epochs=200, candidates=600_000),
    }

    def _prepare(self) -> None:
        given = self.settings
        self.settings = from_preset(self._where, given, self.PRESETS)
        if getattr(given, "learning_rate", None) is not None and self.settings.surrogate == "mlp":
            raise UserError(
                f"{self._where}.learning_rate: has no effect on the surrogate mlp, which is fitted "
                "by L-BFGS; leave it out, or use surrogate: lstm"
            )

    def reset(self) -> None:
        self._met: set[Hashable] = set()
        self._tried: set[Hashable] = set()
        self._points: list[list[int]] = []
        self._rewards: list[float] = []
        self._level = 0
        #: The points of the level; None after the last one, where the surrogate says which.
        self._rows: np.ndarray | None = None
        #: How many results its surrogate may know.
        self._known = 0
        self._ends_at = 0
        self._ranked: _Ranked | None = None

    def observe(self, point: Point) -> None:
        self._met.add(self.space.canonical_key(point))

    def learn(self, point: Point, reward: Any) -> None:
        self._begin()
        self._points.append(self.space.indices(point))
        self._rewards.append(reward)
        self._tried.add(self.space.canonical_key(point))
        if self._count() >= self._ends_at:
            self._next_level()

    def propose(self, rng: np.random.Generator) -> Point:
        self._begin()
        # Only who asks pays for a fit: most levels of a history are read and never asked for.
        self._ranked = self._ranked or _Ranked(self.space, self._best_first(), self._met)
        for key, point in self._ranked.different():
            if key not in self._met:
                return dict(point)
        return self.space.fresh(rng, self._met)

    def _begin(self) -> None:
        if self._level == 0:
            rng = self._rng()
            rows = self.space.growth.first(rng, self.settings.candidates)
            self._level = 1
            self._start(rng.permutation(rows), begun_at=0)

    def _next_level(self) -> None:
        growth = self.space.growth
        if self._level < len(growth.parts):
            points = np.array(self._points, np.int16)
            beam = np.unique(points[growth.levels(points) == self._level], axis=0)
            rows = growth.grown(beam, self._rng(), self.settings.candidates)
            if len(rows):
                self._level += 1
                self._start(rows, self._count())
                return
        self._level = len(growth.parts)
        self._start(None, self._count())

    def _start(self, rows: np.ndarray | None, begun_at: int) -> None:
        """Begins a level, which ends when the beam has been tried, or all that there is."""
        self._rows, self._known, self._ranked = rows, len(self._points), None
        size = beam = self.settings.beam
        if rows is not None:
            size = _Ranked(self.space, rows, self._tried).count(beam) or beam
        self._ends_at = begun_at + size

    def _best_first(self) -> np.ndarray:
        """The points of the level in the order in which they are to be tried."""
        if not self._known:
            assert self._rows is not None
            return self._rows
        surrogate, rng = self._surrogate()
        if self._rows is None:
            rows, scores = self._in_thought(surrogate, rng)
        else:
            rows, scores = self._rows, surrogate.predict(self._rows)
        return rows[_descending(scores)]

    def _surrogate(self) -> tuple[Ensemble, np.random.Generator]:
        """Fitted to what was known when the level began."""
        settings, rng = self.settings, self._rng(_FIT)
        surrogate = SURROGATES[settings.surrogate](
            self.space.growth, settings.units, settings.learning_rate, settings.epochs
        )
        rewards = np.array(self._rewards[: self._known])
        values = normal_scores(rewards)
        kept = remembered(rewards, max(_REMEMBERED, 4 * settings.beam))
        points = np.array([self._points[i] for i in kept], np.int16)
        surrogate.fit(points, values[kept], rng)
        return surrogate, rng

    def _in_thought(
        self, surrogate: Ensemble, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is met on the way from the simplest points to the most complex, and its scores,
        where the surrogate alone says what is grown: of each level ten times as many as are tried,
        or fewer where they could grow in too many ways."""
        growth, beam = self.space.growth, self.settings.beam
        share = max(beam, self.settings.candidates // len(growth.parts))
        wide = max(beam, min(10 * beam, share // len(growth.parts)))
        rows = growth.first(rng, share)
        found, scores = [rows], [surrogate.predict(rows)]
        for _ in range(1, len(growth.parts)):
            rows = growth.grown(rows[_descending(scores[-1])[:wide]], rng, share)
            if not len(rows):
                break
            rows = np.unique(rows, axis=0)
            found.append(rows)
            scores.append(surrogate.predict(rows))
        return np.concatenate(found), np.concatenate(scores)

    def _count(self) -> int:
        """Of finished trials; the failed ones count, too, since a level must end."""
        return max(len(self._points), self.finished)

    def _rng(self, *use: int) -> np.random.Generator:
        """Of a level and its surrogate: they depend on the results only, not on who asks when."""
        known = self._known if use else len(self._points)
        return np.random.default_rng([self._seed, _LEVEL, known, *use])


class _Ranked:
    """Points, best first, of which each candidate is wanted once, and none that is known.

    Keys are made as they are needed: most points are never looked at.
    """

    def __init__(self, space: Space, rows: np.ndarray, known: Set[Hashable]):
        self._space, self._rows, self._seen = space, rows, set(known)
        self._next = 0
        self._different: list[tuple[Hashable, Point]] = []

    def different(self) -> Iterator[tuple[Hashable, Point]]:
        """The different candidates with their keys."""
        place = 0
        while place < len(self._different) or self._find():
            yield self._different[place]
            place += 1

    def count(self, most: int) -> int:
        """How many different ones there are, `most` or fewer."""
        while len(self._different) < most and self._find():
            pass
        return min(len(self._different), most)

    def _find(self) -> bool:
        while self._next < len(self._rows):
            point = self._space.from_indices(self._rows[self._next].tolist())
            self._next += 1
            key = self._space.canonical_key(point)
            if key not in self._seen:
                self._seen.add(key)
                self._different.append((key, point))
                return True
        return False


def _descending(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind="stable")
