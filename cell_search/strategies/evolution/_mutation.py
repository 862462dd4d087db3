"""Mutation: one decision is made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cell_search.space.space import Decision, Point, Space


def mutate(space: Space, point: Point, rng: np.random.Generator) -> Point:
    """A copy of `point` with another choice in exactly one decision.

    First the kind of decision is drawn (a hidden state, an operation, a combination), uniformly;
    then a decision of that kind, uniformly over cells, blocks and sides; then one of its
    neighbouring choices, as a rule all others. Real et al. 2019 mutate hidden states and
    operations; their space has no decisions of other kinds, in a space that has, those are
    mutated by the same rule.

    Args:
        space: the decisions.
        point: a choice for each decision, by name.
        rng: draws.
    """
    kinds = list(dict.fromkeys(d.kind for d in space.decisions))
    return mutate_kind(space, point, kinds[rng.integers(len(kinds))], rng)


def mutate_kind(
    space: Space,
    point: Point,
    kind: str,
    rng: np.random.Generator,
    neighbours: Callable[[Decision, Any], Sequence[Any]] = lambda d, choice: d.neighbours(choice),
) -> Point:
    """The same, with a decision of a given kind.

    Args:
        space: of the point.
        point: the parent; left as it is.
        kind: of the decision.
        rng: draws the decision and the choice.
        neighbours: the choices that one choice may be replaced by.
    """
    candidates = [d for d in space.decisions if d.kind == kind]
    decision = candidates[rng.integers(len(candidates))]
    others = neighbours(decision, point[decision.name])
    if not others:
        return dict(point)
    return {**point, decision.name: others[int(rng.integers(len(others)))]}
