"""A search space: decisions in an order, as Optuna's categorical distributions.

A space says which decisions there are and when two points are the same candidate. It knows
nothing of genotypes: strategies work on any table of decisions (`GenotypeSpace` adds genotypes).
"""

from __future__ import annotations

import abc
import functools
import itertools
import math
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from cell_search.space.encoding import Encoding
from cell_search.space.growth import Growth, Part
from cells.kinds.files import AnyGenotype
from cells.support.errors import UserError

Choice = str | int | float | bool | None

#: A point of a space: a choice for each decision, by the name of the decision.
Point = dict[str, Any]

G = TypeVar("G", bound=AnyGenotype)


@dataclass(frozen=True)
class Decision:
    """One categorical decision.

    Attributes:
        name: the name of the parameter in the study.
        choices: what can be chosen.
        kind: what is decided (`input`, `operation`, `combination`, ...): decisions of one kind
            are mutated by one rule.
    """

    name: str
    choices: tuple[Choice, ...] | range
    kind: str = "choice"

    def neighbours(self, choice: Choice) -> tuple[Choice, ...]:
        """The choices that one mutation may lead to: here all others.

        Args:
            choice: the present one.
        """
        return tuple(other for other in self.choices if other != choice)


@dataclass(frozen=True)
class Space:
    """Decisions in the order in which they are made.

    Attributes:
        decisions: names with their choices.

    Example:
        >>> import numpy as np
        >>> from cell_search.space.space import Decision
        >>> space = cell_search.Space((Decision("layer", ("conv", "pool")), Decision("n", (1, 2))))
        >>> space.size, sorted(space.random(np.random.default_rng(0)))
        (4, ['layer', 'n'])
    """

    decisions: tuple[Decision, ...]

    def __post_init__(self) -> None:
        if not self.decisions:
            raise UserError("space: there is no decision to make")

    @classmethod
    def of(cls, source: Space | Mapping[str, BaseDistribution]) -> Space:
        """A space as it is, or flat decisions from an Optuna search space.

        Args:
            source: a space, or categorical distributions by name.

        Raises:
            UserError: a distribution is not categorical; names it.
        """
        if isinstance(source, Space):
            return source
        for name, distribution in source.items():
            if not isinstance(distribution, CategoricalDistribution):
                raise UserError(
                    f"space: {name!r} is a {type(distribution).__name__}; the strategies decide "
                    "between categories, so use a CategoricalDistribution"
                )
        return cls(tuple(Decision(name, d.choices) for name, d in source.items()))

    @functools.cached_property
    def distributions(self) -> dict[str, CategoricalDistribution]:
        """The decisions as Optuna's distributions, in order."""
        return {d.name: CategoricalDistribution(d.choices) for d in self.decisions}

    @functools.cached_property
    def growth(self) -> Growth:
        """How points grow from simple to complex: one decision after the other, in any order.

        A decision that is not made is `none` (as text or as None) where it can be, as an edge of
        a graph that is not there, else its first choice.
        """
        absent = {
            d.name: next((c for c in ("none", None) if c in d.choices), d.choices[0])
            for d in self.decisions
        }
        return Growth(self, absent, tuple(Part((d.name,)) for d in self.decisions))

    @functools.cached_property
    def encoding(self) -> Encoding:
        """What a model sees of the points: here which choice each decision has."""
        return Encoding.flat(self.decisions)

    @property
    def size(self) -> int:
        """The number of points; equal candidates are counted as often as they occur."""
        return math.prod(len(d.choices) for d in self.decisions)

    def random(self, rng: np.random.Generator) -> Point:
        """A point drawn uniformly over the choices of each decision.

        Args:
            rng: draws.
        """
        return {d.name: d.choices[rng.integers(len(d.choices))] for d in self.decisions}

    def at(self, point: Point, number: int) -> Point:
        """A point as it is proposed for a trial, where the space changes in the course of a search.

        Args:
            point: a choice for each decision, by name.
            number: of the trial.
        """
        return point

    def fresh(
        self, rng: np.random.Generator, met: Container[Hashable], attempts: int = 100
    ) -> Point:
        """A random point whose canonical key is not among `met`; the last of so many draws where
        all of them are.

        Args:
            rng: draws.
            met: canonical keys.
            attempts: draws, at most.
        """
        for _ in range(attempts):
            point = self.random(rng)
            if self.canonical_key(point) not in met:
                break
        return point

    def indices(self, point: Mapping[str, Any]) -> list[int]:
        """The place of each choice among the choices of its decision, in order.

        Args:
            point: a choice for each decision, by name.
        """
        return [d.choices.index(point[d.name]) for d in self.decisions]

    def from_indices(self, indices: Sequence[int]) -> Point:
        """The point of some `indices`.

        Args:
            indices: one for each decision.
        """
        return {d.name: d.choices[i] for d, i in zip(self.decisions, indices, strict=True)}

    def all_points(self) -> Iterator[Point]:
        """All points, those that are one and the same candidate included."""
        for choices in itertools.product(*(d.choices for d in self.decisions)):
            yield dict(zip((d.name for d in self.decisions), choices, strict=True))

    def neighbours(self, point: Point) -> list[Point]:
        """All points that one mutation of one decision leads to.

        Args:
            point: a choice for each decision, by name.
        """
        return [
            {**point, d.name: choice}
            for d in self.decisions
            for choice in d.neighbours(point[d.name])
        ]

    def changed(self, points: np.ndarray, decisions: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Copies of points with one decision made anew in each.

        Args:
            points: int `(n, decisions)`, rows of `indices`.
            decisions: int `(n,)`, which decision of each point.
            choices: int `(n,)`, the place of its new choice.

        Returns:
            int `(n, decisions)`.
        """
        changed = points.copy()
        changed[np.arange(len(points)), decisions] = choices
        return changed

    def follow(self, trial_of: Callable[[int], FrozenTrial]) -> None:
        """Notes where trials are found, for spaces whose points refer to them.

        Args:
            trial_of: a trial of the study by its number.
        """

    def record(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes that a trial gets beside its decisions.

        Args:
            point: a choice for each decision, by name.
        """
        return {}

    def training(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the evaluator that are part of a candidate.

        Args:
            point: a choice for each decision, by name.
        """
        return {}

    def describe(self, point: Mapping[str, Any]) -> str:
        """A point in words, for people.

        Args:
            point: a choice for each decision, by name.
        """
        return ", ".join(f"{d.name}={point[d.name]}" for d in self.decisions)

    def canonical_key(self, point: Mapping[str, Any]) -> Hashable:
        """Equal for two points if they are one and the same candidate.

        Args:
            point: a choice for each decision, by name.
        """
        return tuple(point[d.name] for d in self.decisions)

    def point(self, trial: FrozenTrial, others: Mapping[str, Any] | None = None) -> Point | None:
        """The decisions of a trial, or None where it has not made all of them.

        Args:
            trial: a trial of a study.
            others: what stands for decisions that it has not made.

        Raises:
            UserError: a decision of that name has another choice in the trial.
        """
        params = {**(others or {}), **trial.params}
        for d in self.decisions:
            if d.name not in params:
                return None
            if params[d.name] not in d.choices:
                known = ", ".join(map(str, d.choices[:100]))
                raise UserError(
                    f"trial {trial.number}: {d.name!r} is {params[d.name]!r}, which this space "
                    f"does not have; its choices are {known}"
                )
        return {d.name: params[d.name] for d in self.decisions}


@dataclass(frozen=True)
class GenotypeSpace(Space, abc.ABC, Generic[G]):
    """A space whose points stand for genotypes: image cells, recurrent ones, or whole networks.

    Attributes:
        decisions: those of a genotype, then `settings`.
        settings: further decisions that belong to a candidate, but not to its genotype; the last
            of its decisions.
    """

    decisions: tuple[Decision, ...] = field(init=False)
    settings: tuple[Decision, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        made = tuple(d for d in self._all_decisions() if len(d.choices) > 1)
        object.__setattr__(self, "decisions", made + self.settings)
        super().__post_init__()

    @abc.abstractmethod
    def _all_decisions(self) -> Iterable[Decision]:
        """The decisions of a genotype, in order; what has one choice only is none."""

    @property
    @abc.abstractmethod
    def source(self) -> str:
        """The paper, and the section that describes it."""

    @property
    @abc.abstractmethod
    def prefix(self) -> str:
        """What the names of its genotypes begin with."""

    @abc.abstractmethod
    def made(self, point: Mapping[str, Any], name: str, provenance: dict[str, Any]) -> G:
        """The genotype that a point stands for, see `decode`.

        Args:
            point: a choice for each decision.
            name, provenance: of the genotype.
        """

    @abc.abstractmethod
    def key(self, point: Mapping[str, Any]) -> str:
        """Equal for two points whose genotypes compute the same, whatever their further settings.

        Args:
            point: a choice for each decision.
        """

    @abc.abstractmethod
    def find(self, name_or_path: str) -> AnyGenotype:
        """A known genotype of the kind that this space has.

        Args:
            name_or_path: of a published one, or of a file.

        Raises:
            UserError: there is none, or its file is malformed.
        """

    @abc.abstractmethod
    def encode(self, genotype: Any, settings: Mapping[str, Any] | None = None) -> Point:
        """The point that stands for a genotype: the inverse of `decode`.

        Args:
            genotype: of any origin.
            settings: choices of the further decisions by name; of others the first is taken.

        Raises:
            UserError: it does not fit into the space; says where, and why.
        """

    def decode(
        self,
        point: Mapping[str, Any],
        *,
        name: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> G:
        """The genotype that a point stands for.

        Args:
            point: a choice for each decision.
            name: of the genotype; made of the space and the canonical key by default.
            provenance: see `Genotype`.
        """
        name = name or f"{self.prefix}-{self.key(point)[:8]}"
        return self.made(point, name, dict(provenance or {}))

    def canonical_key(self, point: Mapping[str, Any]) -> Hashable:
        """Equal for genotypes that compute the same and have the same further settings.

        Args:
            point: a choice for each decision, by name.
        """
        return self.key(point) + self.settings_key(point)

    @property
    def extent(self) -> str:
        """How large its genotypes are, in words; empty where nobody need be told."""
        return ""

    @property
    def noun(self) -> str:
        """What its genotypes are: `cells` or `networks`."""
        return "cells"

    @property
    def one(self) -> str:
        """What a single genotype is: `cells` or `network`."""
        return self.noun.replace("networks", "network")

    def settings_key(self, point: Mapping[str, Any]) -> str:
        """The part of a canonical key that says the further settings; empty without any.

        Args:
            point: a choice for each decision, by name.
        """
        return "".join(f" {d.name}={point[d.name]!r}" for d in self.settings)


def genotype_of(space: Space, point: Mapping[str, Any]) -> AnyGenotype | None:
    """The genotype that a point of any space stands for, or None in a space without genotypes.

    Args:
        space: the decisions.
        point: a choice for each decision, by name.
    """
    return space.decode(point) if isinstance(space, GenotypeSpace) else None
