"""Makes the objects that the configuration of a search names, and checks them."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from cell_search.config import searched_settings
from cell_search.config.schema import SearchConfig, SpaceChoice
from cell_search.config.search import Search
from cell_search.costs import table
from cell_search.costs.table import CostTable
from cell_search.evaluators import EVALUATORS, Evaluator
from cell_search.images import ImageSettings
from cell_search.pools import POOLS
from cell_search.space import published, space_file
from cell_search.space.cell_space import CellSpace
from cell_search.space.graph_space import GraphSpace
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.space.limits import Limits
from cell_search.space.network_space import NetworkSpace
from cell_search.space.space import GenotypeSpace, Space
from cell_search.strategies import STRATEGIES, Strategy
from cell_search.study.directory import SearchDirectory
from cells.operations.operations import OPERATIONS
from cells.support import overrides
from cells.support.errors import UserError, unknown


def _space(choice: SpaceChoice, growing: bool) -> Space:
    if choice.file:
        space = space_file.read(choice.file)
    else:
        space = published.named(choice.name, choice.blocks)
    if isinstance(space, CellSpace):
        rules = dataclasses.replace(
            space.rules, operations=_operations(choice) or space.rules.operations
        )
        return dataclasses.replace(space, rules=rules, growable=choice.growable or growing)
    if isinstance(space, LayerwiseSpace):
        space = LayerwiseSpace(**choice.layerwise.as_dict())
    if choice.operations:
        raise UserError("space.operations: only cells of blocks have them; leave it out")
    if choice.growable:
        raise UserError("space.growable: only cells of blocks can grow; leave it at false")
    return space


def _operations(choice: SpaceChoice) -> tuple[str, ...]:
    for name in choice.operations:
        if not OPERATIONS.knows(name):
            raise unknown("space.operations", name, OPERATIONS, "operation")
    if len(set(choice.operations)) < len(choice.operations):
        raise UserError("space.operations: an operation is named twice; name each once")
    return tuple(choice.operations)


def resolve(
    config: SearchConfig,
    evaluator: Evaluator | None = None,
    directory: SearchDirectory | None = None,
) -> Search:
    """Makes the objects that a configuration names.

    Args:
        config: names them.
        evaluator: in place of the one that it names.
        directory: of the search, which may have its cost table already.

    Raises:
        UserError: a name is unknown or a value impossible; says where.
    """
    overrides.check(config)
    if config.storage and not config.study:
        raise UserError("study: give the study a name, which no other has in this storage")
    strategy = STRATEGIES.find(config.strategy.type)
    space = _space(config.space, strategy.growing)
    if evaluator is None:
        evaluator = EVALUATORS.find(config.evaluator.type)(**config.evaluator.chosen())
    choices = {name: list(values) for name, values in config.settings.as_dict().items() if values}
    limits = Limits(**config.limits.as_dict())
    if isinstance(space, GenotypeSpace):
        space = dataclasses.replace(space, settings=searched_settings.decisions(choices, evaluator))
    elif choices:
        raise UserError(
            "settings: are there for cells that are networks, and the candidates of this space are "
            "none; leave them out or use a space of cells"
        )
    if isinstance(space, NetworkSpace):
        space = dataclasses.replace(space, as_written=evaluator.as_written)
        limits.check(space.decode(space.random(np.random.default_rng(0))))
    elif limits.any:
        raise UserError(
            "limits: are there for cells that are networks for images, and the candidates of this "
            "space are none; leave them out or use a space of image cells"
        )
    _require_descent(config, space, strategy)
    names_parents = strategy.parent is not Strategy.parent
    if evaluator.inherit is None:
        evaluator = dataclasses.replace(evaluator, inherit=names_parents)  # type: ignore[call-arg]
    if evaluator.inherit and not names_parents:
        raise UserError(
            f"evaluator.train.inherit: {config.strategy.type} names no parents whose weights a "
            "child could start from; use strategy.type=large_scale_evolution, or inherit=false"
        )
    search = Search(
        config=config,
        space=space,
        strategy=strategy(space, seed=config.seed, **config.strategy.chosen()),
        evaluator=evaluator,
        images=ImageSettings(**config.images.as_dict()),
        limits=limits,
        pool=POOLS.find(config.pool.type)(**config.pool.chosen()),
        costs=_costs(config, directory),
    )
    _require_costs(search)
    _ = search.objectives, search.rungs, search.sieve
    return search


def _require_descent(config: SearchConfig, space: Space, strategy: type[Strategy]) -> None:
    """Raises a UserError where graphs, which descend from others, are to be proposed otherwise."""
    if not isinstance(space, GraphSpace):
        return
    if not strategy.descends:
        able = ", ".join(name for name, other in STRATEGIES.items() if other.descends)
        raise UserError(
            f"strategy.type: the graphs of this space descend from others, and "
            f"{config.strategy.type} names no parents; use {able}"
        )
    if config.sieve.candidates:
        raise UserError(
            "sieve.candidates: there is one graph that does not descend from others, so nothing "
            "can be chosen from; use 0"
        )


def _costs(config: SearchConfig, directory: SearchDirectory | None) -> CostTable | None:
    """The cost table: the copy that the search keeps, else the file that it names."""
    file = config.costs.file
    if directory is None or not directory.costs.exists() or not directory.has_trials():
        return table.read(file) if file else None
    kept = table.read(directory.costs)
    if file and os.path.exists(file) and table.read(file).identity != kept.identity:
        raise UserError(
            f"costs.file: {file} has other times than {directory.costs}, which this search began "
            "with; bring that file back, or use another search directory"
        )
    return kept


def _require_costs(search: Search) -> None:
    """Raises a UserError where what is predicted is wanted, and nothing is predicted."""
    wanted = [f"limits.{name}" for name in search.limits.costs]
    wanted += ["evaluator.train.predicted_seconds"] if search.evaluator.predicted_seconds else []
    known = () if search.costs is None else search.predicted_metrics
    costs = ("step_seconds", "inference_ms")
    named = [str(name).removeprefix("-") for name in search.config.objectives]
    wanted += [f"objectives: {name}" for name in named if name in costs]
    for where in wanted:
        metric = next((name for name in costs if where.endswith(name)), "step_seconds")
        if search.costs is None:
            raise UserError(
                f"{where}: is predicted from a cost table; name one in costs.file "
                "(cell-search --mode=costs --costs=FILE makes it)"
            )
        if metric not in known:
            raise UserError(
                f"{where}: the evaluator {search.config.evaluator.type} has no {metric}, since it "
                "trains no child network; use another evaluator, or leave it out"
            )
    if search.evaluator.predicted_seconds and search.config.pruner.type != "none":
        raise UserError(
            "pruner.type: children that train for equal predicted seconds have no epochs in common "
            "at which they could be compared; use none, or evaluator.train.predicted_seconds=0"
        )
