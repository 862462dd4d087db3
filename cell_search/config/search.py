"""What the configuration of a search stands for: its objects, and what must hold between them."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from cell_search.config import early_stopping, searched_settings
from cell_search.config.early_stopping import Rungs
from cell_search.config.from_dataclasses import section
from cell_search.config.schema import SearchConfig, SieveConfig
from cell_search.costs.table import CostTable
from cell_search.evaluators import EVALUATORS, Evaluator
from cell_search.images import ImageSettings
from cell_search.pools import PoolSettings
from cell_search.space.limits import Limits
from cell_search.space.network_space import NetworkSpace
from cell_search.space.space import GenotypeSpace, Point, Space
from cell_search.strategies import STRATEGIES, Strategy
from cell_search.strategies._listed import Listed
from cell_search.study import database, objectives
from cell_search.study.objectives import Objective
from cells.support import overrides
from cells.support.errors import UserError
from cells.support.registry import choose

#: The seeds of a sieve lie beyond those of searches, and of re-rankings.
_SIEVE_SEED = 2**33


@dataclasses.dataclass(frozen=True)
class Search:
    """What a configuration stands for, checked."""

    config: SearchConfig
    space: Space
    strategy: Strategy
    evaluator: Evaluator
    images: ImageSettings
    limits: Limits
    pool: PoolSettings
    costs: CostTable | None = None

    @functools.cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the values of a trial are.

        Raises:
            UserError: the evaluator does not return it, or the strategy takes one only.
        """
        config, evaluator = self.config, self.evaluator
        metrics = dict.fromkeys((*evaluator.metrics(), *self.predicted_metrics))
        wanted = objectives.parse(config.objectives, evaluator.reward, tuple(metrics))
        if len(wanted) > 1 and not self.strategy.several_objectives:
            able = [name for name, other in STRATEGIES.items() if other.several_objectives]
            raise UserError(
                f"objectives: {config.strategy.type} takes one objective, but there are "
                f"{len(wanted)}; strategies for several are {', '.join(able)}"
            )
        return wanted

    @functools.cached_property
    def rungs(self) -> Rungs:
        """When children are looked at in the middle of their training.

        Raises:
            UserError: nothing that could go on is trained, or something is impossible.
        """
        chosen, evaluator = self.config.pruner, self.evaluator
        early_stopping.PRUNERS.find(chosen.type)  # Whether there is one.
        last = min(self.config.settings.epochs or [evaluator.epochs])
        return early_stopping.resolve(
            chosen.type, chosen.rungs, chosen.chosen(), evaluator, last, self.objectives
        )

    def feasible(self, point: Point) -> bool:
        """Whether a proposal may be evaluated; another is drawn where it may not.

        Args:
            point: a choice for each decision, by name.
        """
        if not self.evaluator.knows(point, self.space, self.images):
            return False
        if not self.limits.any or not isinstance(self.space, NetworkSpace):
            return True
        costs = self.predicted(point) if self.limits.costs else {}
        return self.limits.allow(self.space.decode(point), costs)

    def predicted(self, point: Mapping[str, Any]) -> dict[str, float]:
        """What a candidate costs, by the names of metrics; empty without a cost table."""
        if self.costs is None:
            return {}
        network = self.space.decode(point) if isinstance(self.space, NetworkSpace) else None
        return self.evaluator_of(point).costs(network, self.images, self.costs)

    @functools.cached_property
    def predicted_metrics(self) -> tuple[str, ...]:
        """The names of `predicted`; it is looked up for any candidate.

        Raises:
            UserError: the table has no times for candidates like these.
        """
        return tuple(self.predicted(self.space.random(np.random.default_rng(0))))

    @property
    def bounds(self) -> str:
        """What feasible points keep to, for people."""
        table = [] if self.evaluator.uses_images else ["the table"]
        bounds = [*table, str(self.limits)] if self.limits.any else table
        return " and ".join(bounds) or "what images of this size allow (images.size)"

    def evaluator_of(self, point: Mapping[str, Any]) -> Evaluator:
        """The evaluator with the settings that a point decides.

        Args:
            point: a choice for each decision, by name.
        """
        known = {f.name for f in dataclasses.fields(self.evaluator)}
        # A sieve's evaluator, or a re-ranking's, need not have what the search's decides upon.
        chosen = {n: v for n, v in self.searched(point).items() if n in known}
        return dataclasses.replace(self.evaluator, **chosen) if chosen else self.evaluator

    def searched(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the evaluator that a point decides, by name.

        Args:
            point: a choice for each decision, by name; none for the evaluator as it is.
        """
        own = self.space.training(point) if point else {}
        return {**own, **searched_settings.chosen(point)}

    @functools.cached_property
    def sieve(self) -> Search | None:
        """The search whose trials are the candidates of the sieve; None where there is no sieve.

        Raises:
            UserError: the section names what does not exist, or keeps what is not there.
        """
        wanted = self.config.sieve
        if not wanted.candidates:
            return None
        if not 1 <= wanted.keep < wanted.candidates:
            raise UserError(
                f"sieve.keep: {wanted.keep} of {wanted.candidates} candidates leaves no choice; "
                f"use at least 1 and at most {wanted.candidates - 1}"
            )
        known = len(self.config.strategy.first)
        if known + wanted.keep > self.config.trials:
            beside = f" and the {known} cells of strategy.first are" if known else " is"
            raise UserError(
                f"sieve.keep: {wanted.keep}{beside} more than the {self.config.trials} trials of "
                "the search; use fewer, or more trials"
            )
        config = copy.deepcopy(self.config)
        config.seed += _SIEVE_SEED
        # One vote is an objective like any other; several have no value of their own.
        config.objectives = list(wanted.vote) if len(wanted.vote) == 1 else []
        config.sieve, config.pruner.type = SieveConfig(), "none"
        config.trials = wanted.candidates
        changes = {"type": "zero_cost", **wanted.evaluator.set_values()}
        evaluator = change_evaluator(config, changes, "sieve.evaluator")
        try:
            objectives.parse(wanted.vote, evaluator.reward, evaluator.metrics())
        except UserError as error:
            raise UserError(str(error).replace("objectives:", "sieve.vote:", 1)) from None
        return dataclasses.replace(self, config=config, evaluator=evaluator)

    def keep_to_rows(self) -> None:
        """Has the strategy choose among the candidates that can be scored, where they are few.

        Raises:
            UserError: none of them keeps to the limits.
        """
        listed = self.evaluator.listed(self.space, self.images)
        if listed is not None:
            allowed = [self.space.indices(p) for p in listed if self.feasible(p)]
            if not allowed:
                raise UserError(f"{self.bounds}: no row keeps to the limits; loosen them")
            self.strategy.listed = Listed(allowed)

    def check(self) -> None:
        """Raises a UserError where no candidate could be scored; called before the first."""
        self.pool.check()
        if self.evaluator.proposes != self.strategy.follows:
            able = [name for name, other in STRATEGIES.items() if other.follows]
            kind, wanted = self.config.evaluator.type, self.config.strategy.type
            raise UserError(
                f"strategy.type: {kind} says itself which cells come next, and {wanted} would not "
                f"propose them; use {', '.join(able)}"
                if self.evaluator.proposes
                else f"strategy.type: {wanted} proposes what the evaluator says, and {kind} says "
                "nothing; use another strategy"
            )
        if self.config.storage:
            database.open_url(self.config.storage)
        if self.evaluator.one_at_a_time and self.pool.workers != 1:
            kind = self.config.pool.type
            raise UserError(
                f"pool.{section(kind)}.workers: {self.pool.workers} cannot be had with "
                f"{self.config.evaluator.type}, whose candidates are scored one after the other; "
                "use 1, or pool.type=inline"
            )
        if self.evaluator.final_candidates >= self.config.trials:
            raise UserError(
                f"evaluator.{section(self.config.evaluator.type)}.final_candidates: "
                f"{self.evaluator.final_candidates} of {self.config.trials} trials leave none that "
                "anything is learned from; use fewer, or more trials"
            )
        # From here on images are looked at, and made a data set where they are none.
        if self.sieve is not None:
            self.sieve.check()
        self.evaluator.check(self.images, self.space)
        self.keep_to_rows()
        for decision in self.space.decisions:
            if decision.kind == searched_settings.KIND:
                for choice in decision.choices:
                    self.evaluator_of({decision.name: choice}).check(self.images, self.space)

    @property
    def gives_genotypes(self) -> bool:
        """Whether the points of the space are genotypes."""
        return isinstance(self.space, GenotypeSpace)

    @property
    def trains_winner(self) -> bool:
        """Whether the winner can be trained on the images of this search."""
        return isinstance(self.space, NetworkSpace) and self.evaluator.uses_images

    @property
    def space_name(self) -> str:
        """What the space is called."""
        return self.config.space.file or self.config.space.name


def change_evaluator(config: SearchConfig, changes: Mapping[str, Any], where: str) -> Evaluator:
    """Changes the section `evaluator` in place; returns the evaluator that it names then.

    Args:
        config: of a search.
        changes: what differs; another type comes with its own defaults.
        where: the changes stand, as errors call it.

    Raises:
        UserError: they name what does not exist.
    """
    if changes.get("type", config.evaluator.type) != config.evaluator.type:
        # `config.yaml` does not keep what the search had no use for.
        config.evaluator = SearchConfig().evaluator
    overrides.apply(config.evaluator, changes, where)
    kind = choose(f"{where}.type", config.evaluator.type, EVALUATORS)
    return kind(**config.evaluator.chosen())
