"""The space of evolved graphs (Real et al. 2017).

A graph is no fixed list of decisions. So a point says from which trial it descends, by which
mutation, and with which seed; its graph follows from that trial's. Trials keep their graphs, too,
so that whoever reads a study needs not grow them from the first one, and notices where one was
edited.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial

from cell_search.space.network_space import WholeNetworkSpace
from cell_search.space.space import Decision, Point
from cell_search.trial_keys import GRAPH, GRAPH_HASH
from cells.evolved.graph import FIRST, EvolvedGraph
from cells.evolved.mutations import MUTATIONS, Impossible, draw, mutate
from cells.support.errors import UserError, about

PARENT, MUTATION, SEED = "parent", "mutation", "seed"

#: The parent of individuals that have none: their graph is the first one, which is nobody's child.
NOBODY = -1

_DECISIONS = (
    Decision(PARENT, range(NOBODY, 10_000_000), PARENT),
    # Of the kind whose shares the report shows.
    Decision(MUTATION, tuple(MUTATIONS), "operation"),
    Decision(SEED, range(2**31), SEED),
)


@dataclass(frozen=True)
class GraphSpace(WholeNetworkSpace[EvolvedGraph]):
    """The parent's trial, a mutation of its graph, and the seed of what that draws.

    Attributes:
        decisions: these three, then `settings`, which children take over from their parents.
        settings: further decisions that belong to a candidate, but not to its graph.
    """

    prefix: ClassVar[str] = "graph"
    source: ClassVar[str] = "Real et al. 2017, section 3"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_trial_of", None)

    def _all_decisions(self) -> tuple[Decision, ...]:
        return _DECISIONS

    def __getstate__(self) -> dict[str, Any]:
        # Workers are sent graphs, and have no study.
        return {**vars(self), "_trial_of": None}

    @property
    def distributions(self) -> dict[str, BaseDistribution]:  # type: ignore[override]
        return {
            d.name: IntDistribution(d.choices[0], d.choices[-1])
            if isinstance(d.choices, range)
            else CategoricalDistribution(d.choices)
            for d in self.decisions
        }

    def follow(self, trial_of: Callable[[int], FrozenTrial]) -> None:
        object.__setattr__(self, "_trial_of", trial_of)

    def random(self, rng: np.random.Generator) -> Point:
        """An individual without a parent: all of them are equal."""
        settings = {d.name: d.choices[rng.integers(len(d.choices))] for d in self.settings}
        return {PARENT: NOBODY, MUTATION: "identity", SEED: 0, **settings}

    def child(self, parent: Point, number: int, mutation: str, rng: np.random.Generator) -> Point:
        """A point that descends from a trial.

        Args:
            parent: the decisions of that trial.
            number: of that trial.
            mutation: one of the eleven; "": a random one that changes the graph, and where it is
                impossible another.
            rng: draws.
        """
        seed = 0
        if not mutation:
            names = [name for name in MUTATIONS if name not in ("identity", "reset_weights")]
            mutation, seed, _ = draw(self.graph_of(number), rng, names)
        return {**parent, PARENT: number, MUTATION: mutation, SEED: seed}

    def graph_of(self, number: int) -> EvolvedGraph:
        """The graph of a trial.

        Args:
            number: of the trial; `NOBODY` for the first graph.

        Raises:
            UserError: the trial has no graph, or one that was edited.
        """
        if number == NOBODY:
            return FIRST
        try:
            noted = self._trial_of(number).user_attrs  # type: ignore[attr-defined]
        except (KeyError, IndexError):
            _refuse(number, "is not there, and others descend from it")
        if GRAPH not in noted or _hash(noted[GRAPH]) != noted.get(GRAPH_HASH):
            _refuse(number, f"its {GRAPH!r} is not what was recorded")
        with about(f"trial {number}"):
            return EvolvedGraph.from_dict(noted[GRAPH])

    def made(self, point: Mapping[str, Any], name: str, provenance: dict[str, Any]) -> EvolvedGraph:
        try:
            graph = mutate(self.graph_of(point[PARENT]), point[MUTATION], point[SEED])
        except Impossible as error:
            _refuse(point[PARENT], f"{point[MUTATION]} of its graph is impossible ({error})")
        return dataclasses.replace(graph, name=name, provenance=provenance)

    def encode(self, genotype: Any, settings: Mapping[str, Any] | None = None) -> Point:
        raise UserError(
            f"{genotype.name}: this space begins with a graph without convolutions, and all others "
            "descend from it; leave it out"
        )

    def record(self, point: Mapping[str, Any]) -> dict[str, Any]:
        graph = self.decode(point, name="graph").to_dict()
        return {GRAPH: graph, GRAPH_HASH: _hash(graph)}

    def training(self, point: Mapping[str, Any]) -> dict[str, Any]:
        return {"learning_rate": self.decode(point, name="any").learning_rate}


def _hash(graph: Any) -> str:
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()


def _refuse(number: int, what: str) -> NoReturn:
    raise UserError(
        f"trial {number}: {what}; the study was edited or made by another version of this space, "
        "so begin another search"
    )
