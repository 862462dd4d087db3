"""Known cells as the first trials of a search: brought into its space, with what that changed."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

import optuna

from cell_search.config import searched_settings
from cell_search.config.search import Search
from cell_search.selection import sieve
from cell_search.space.space import GenotypeSpace, Point
from cells.genotype.canonical import canonical_key
from cells.genotype.diff import differences
from cells.genotype.genotype import Genotype
from cells.kinds.files import AnyGenotype
from cells.support.errors import UserError, about

_FIELD = "strategy.first"


@dataclass(frozen=True)
class FirstTrial:
    """A trial that no strategy proposes.

    Attributes:
        point: its decisions.
        name: what `strategy.first` calls its cells; empty where a sieve chose them.
        changed: how they differ from the cells of that name; empty where they compute the same.
    """

    point: Point
    name: str = ""
    changed: str = ""


def known_cells(search: Search) -> list[FirstTrial]:
    """Brings the cells that `strategy.first` names into the space of a search.

    Args:
        search: the search.

    Raises:
        UserError: one does not exist, does not fit the space or the limits, or is there twice;
            says which, and why.
    """
    names = [str(name) for name in search.config.strategy.first]
    if not names:
        return []
    space = search.space
    if not isinstance(space, GenotypeSpace):
        raise UserError(
            f"{_FIELD}: the candidates of this space are no cells; leave it out, or use a space of "
            "cells"
        )
    if search.strategy.follows:
        raise UserError(
            f"{_FIELD}: {search.config.strategy.type} proposes what evaluations lead to, which has "
            "one beginning; leave it out, or use another strategy"
        )
    if len(names) > search.config.trials:
        raise UserError(
            f"{_FIELD}: {len(names)} cells are more than the {search.config.trials} trials of the "
            "search; name fewer, or use more trials"
        )
    settings = searched_settings.present(space.settings, search.evaluator)
    found: dict[Hashable, FirstTrial] = {}
    for name in names:
        brought = _brought(search, space, name, settings)
        before = found.setdefault(space.canonical_key(brought.point), brought)
        if before is not brought:
            raise UserError(f"{_FIELD}: {name} is the same candidate as {before.name}; name one")
    return list(found.values())


def _brought(search: Search, space: GenotypeSpace, name: str, settings: Point) -> FirstTrial:
    with about(_FIELD):
        original = space.find(name)
        point = space.encode(original, settings)
    if not search.feasible(point):
        raise UserError(
            f"{_FIELD}: {name} does not keep to {search.bounds}; leave it out, or loosen them"
        )
    return FirstTrial(point, name, _changed(original, space.decode(point, name=original.name)))


def _changed(original: AnyGenotype, brought: AnyGenotype) -> str:
    """What is not as it was; empty where both compute the same, as all but cells always do."""
    if not isinstance(original, Genotype) or not isinstance(brought, Genotype):
        return ""
    if original.stacking == brought.stacking and canonical_key(original) == canonical_key(brought):
        return ""
    found, where, before = [], "", ""
    for line in map(str.strip, differences(original, brought)):
        if line.endswith(" cell"):
            where = f"{line.removesuffix(' cell')} "
        # The order of blocks and sides is no difference, and so is not said.
        elif line.startswith(("- output", "- stacking")):
            before = line.removeprefix("- ")
        elif line.startswith(("+ output", "+ stacking")):
            found.append(f"{where}{before} became {re.split(' = |: ', line)[-1]}")
    return "; ".join(found)


def first_trials(search: Search, study: optuna.Study) -> list[FirstTrial]:
    """The trials of a search that has begun which no strategy proposed.

    Args:
        search: the search.
        study: that of the search; the sieve's lies in the same storage.

    Raises:
        UserError: see `known_cells` and `require_same`.
    """
    cells = known_cells(search)
    require_same(cells, search, study)
    return [*cells, *map(FirstTrial, sieve.first(search, study))]


def require_same(cells: list[FirstTrial], search: Search, study: optuna.Study) -> None:
    """Checks that a search goes on with the first cells that it began with.

    Raises:
        UserError: a file has other cells by now.
    """
    for known, trial in zip(cells, study.get_trials(deepcopy=False), strict=False):
        if search.space.point(trial) != known.point:
            raise UserError(
                f"{_FIELD}: {known.name} has other cells, or settings, than trial {trial.number} "
                "of this search, which began with it; bring back the file that it was"
            )
