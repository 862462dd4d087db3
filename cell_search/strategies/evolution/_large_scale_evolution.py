"""Evolution by pairwise tournaments: Real et al. 2017, "Large-Scale Evolution of Image
Classifiers", section 3."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from cell_search.space.graph_space import MUTATION, GraphSpace
from cell_search.space.space import Decision, Point
from cell_search.strategies._base import MAX_COUNT, STRATEGIES, Strategy
from cell_search.strategies.evolution._mutation import mutate_kind
from cells.support.errors import UserError
from cells.support.settings import setting

#: How many of the paper's eleven mutations (section 3.2) change a decision of a kind: an operation
#: by inserting or removing a convolution, another filter size, or inserting a one-to-one; an input
#: by adding or removing a skip connection. Strides and channels follow from a cell's place in the
#: network. Every other kind has one, as the learning rate has.
_CHANGES = {"operation": 4, "input": 2}

#: Identity and resetting the weights are one mutation of eleven each.
_ELEVENTH = 1 / 11

#: Tells the generators of tournaments from those of proposals.
_TOURNAMENT = 2017


@dataclass(frozen=True)
class LargeScaleEvolutionSettings:
    """Settings of `LargeScaleEvolution`.

    Attributes:
        population: individuals; 1000 in the paper, for tens of thousands of children.
        founders: those without parents; as long as there are fewer than `population`, nobody dies
            in a tournament. 0: as many as `population`, as in the paper.
        selection: whether the better of two wins; without it either does, which is the paper's
            control.
        identity: the probability that a child is its parent and inherits its weights.
        reset_weights: the probability that a child is its parent and does not inherit them.
    """

    population: int = setting(20, least=2, most=MAX_COUNT)
    founders: int = setting(0, least=0, most=MAX_COUNT)
    selection: bool = True
    identity: float = setting(_ELEVENTH, least=0, most=1)
    reset_weights: float = setting(_ELEVENTH, least=0, most=1)


@STRATEGIES.register("large_scale_evolution")
class LargeScaleEvolution(Strategy):
    """Two individuals meet: the worse dies, the better has a child that begins with its weights.

    Until all founders have succeeded, proposals are random; a cell has no trivial form that all
    could start from, as graphs have (`GraphSpace`). Then every result leads to a tournament between
    two individuals drawn at random, and the next proposal is a child of the winner.

    The child may start from the weights of its parent's trial (`parent`); whether it does is up
    to the evaluator. Identity goes on training the parent; "reset weights" trains it anew.
    """

    Settings = LargeScaleEvolutionSettings
    descends = True
    settings: LargeScaleEvolutionSettings

    def _prepare(self) -> None:
        if self.settings.identity + self.settings.reset_weights > 1.0:
            raise UserError(f"{self._where}: identity and reset_weights are more than 1 together")
        kinds = list(dict.fromkeys(d.kind for d in self.space.decisions))
        shares = np.array([_CHANGES.get(kind, 1) for kind in kinds], float)
        self._kinds, self._shares = kinds, shares / shares.sum()

    def reset(self) -> None:
        self._alive: list[tuple[Point, float, int | None]] = []
        self._winner: tuple[Point, float, int | None] | None = None
        self._results = 0
        self._dead: set[int] = set()
        self._offer: tuple[Point, int | None] | None = None

    def learn(self, point: Point, reward: Any) -> None:
        self._alive.append((point, reward, self.number))
        self._results += 1
        settings = self.settings
        if self._results < (settings.founders or settings.population):
            return
        if len(self._alive) == 1:
            self._winner = self._alive[0]
            return
        rng = np.random.default_rng([self._seed, _TOURNAMENT, self._results])
        # Of equals the first that was drawn wins.
        one, other = rng.choice(len(self._alive), size=2, replace=False)
        worse = other if self._alive[one][1] >= self._alive[other][1] else one
        loser = worse if settings.selection else (one, other)[rng.integers(2)]
        self._winner = self._alive[one if loser == other else other]
        if len(self._alive) < settings.population:
            return
        number = self._alive.pop(loser)[2]
        if number is not None:
            self._dead.add(number)

    def propose(self, rng: np.random.Generator) -> Point:
        if self._winner is None:
            return self.space.random(rng)
        parent, _, number = self._winner
        chance = rng.random()
        if isinstance(self.space, GraphSpace):
            assert number is not None, "graphs descend from trials"
            rare = "identity" if chance < self.settings.identity else "reset_weights"
            named = chance < self.settings.identity + self.settings.reset_weights
            child = self.space.child(parent, number, rare if named else "", rng)
            self._offer = child, None if child[MUTATION] == "reset_weights" else number
        elif chance < self.settings.identity + self.settings.reset_weights:
            child = dict(parent)
            self._offer = child, number if chance < self.settings.identity else None
        else:
            kind = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
            child = mutate_kind(self.space, parent, kind, rng, _nearby)
            self._offer = child, number
        return child

    def disposable_trials(self) -> Set[int]:
        return self._dead

    def parent(self, point: Point) -> int | None:
        return self._offer[1] if self._offer is not None and self._offer[0] == point else None


def _nearby(decision: Decision, choice: Any) -> tuple[Any, ...]:
    """What a mutation may choose; of amounts, such as a learning rate, only what is at most twice
    or half as much (section 3.2), where there is anything."""
    others = decision.neighbours(choice)
    if decision.kind == "input" or not all(_is_amount(c) for c in decision.choices):
        return others
    return tuple(c for c in others if choice / 2 <= c <= choice * 2) or others


def _is_amount(choice: Any) -> bool:
    return isinstance(choice, (int, float)) and not isinstance(choice, bool) and choice > 0
