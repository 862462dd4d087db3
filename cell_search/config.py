"""The configuration of a search: Model Garden's kind, made from what is registered.

    space: {name: nasnet, blocks: 5}
    strategy: {type: regularized_evolution, regularized_evolution: {population: 20, sample: 5}}
    evaluator: {type: train, train: {normal_cells: 1, filters: 8, epochs: 2}}
    images: {name: cifar10, split: train, held_out: 1000}
    trials: 20
    seed: 0

The settings of a strategy or evaluator are the keyword arguments of its class, with their
defaults, so that a new one needs no line here.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from official.modeling import hyperparams

import cells.config
from cell_search import objectives, rungs, settings, space_file, spaces, storage
from cell_search.cell_space import CellSpace, genotype_of
from cell_search.evaluators import EVALUATORS, Evaluator
from cell_search.images import ImageSettings
from cell_search.limits import Limits
from cell_search.objectives import Objective
from cell_search.pools import POOLS, PoolSettings
from cell_search.rungs import Rungs
from cell_search.space import Point, Space
from cell_search.strategies import STRATEGIES, Strategy
from cells.cli import choose
from cells.errors import UserError


def _settings(thing: Any, skip: Iterable[str] = ()) -> type[hyperparams.Config]:
    """A configuration whose fields are the keyword arguments of a class or function."""
    fields = [
        (p.name, p.annotation, dataclasses.field(default=p.default))
        for p in inspect.signature(thing).parameters.values()
        if p.name not in skip
    ]
    return dataclasses.make_dataclass(thing.__name__, fields, bases=(hyperparams.Config,))


class Choice(hyperparams.Config):
    """A choice by `type`, with a section of settings for each type.

    Unlike Model Garden's one-of, it shows all sections: one can be set before it is chosen.
    """

    type: str

    def chosen(self) -> dict[str, Any]:
        """The settings of the chosen type."""
        return getattr(self, section(self.type)).as_dict()


def section(name: str) -> str:
    """Where the settings of a type are: `optuna_TPESampler` holds those of `optuna:TPESampler`."""
    return name.replace(":", "_")


def _one_of(
    name: str,
    registry: Mapping[str, Any],
    default: str,
    skip: Iterable[str] = (),
    more: Iterable[Any] = (),
) -> Any:
    """A `Choice` between what is registered, with more fields beside it."""
    fields: list[Any] = [("type", str, dataclasses.field(default=default)), *more]
    for key, thing in registry.items():
        made = _settings(thing, skip)
        fields.append((section(key), made, dataclasses.field(default_factory=made)))
    return dataclasses.make_dataclass(name, fields, bases=(Choice,))


_StrategyChoice = _one_of("StrategyChoice", STRATEGIES, "regularized_evolution", ("space", "seed"))
_EvaluatorChoice = _one_of("EvaluatorChoice", EVALUATORS, "train")
_PrunerChoice = _one_of(
    "PrunerChoice",
    rungs.PRUNERS,
    "none",
    ("first", "last"),
    [("rungs", list, dataclasses.field(default_factory=list))],
)
_PoolChoice = _one_of("PoolChoice", POOLS, "inline")
_Images = _settings(ImageSettings)
_Limits = _settings(Limits)


def _changes(thing: type) -> Any:
    """A configuration of the same fields that sets none of them: they are None."""
    names = list(inspect.signature(thing).parameters)
    fields: list[Any] = [(name, Any, dataclasses.field(default=None)) for name in names]
    return dataclasses.make_dataclass(f"{thing.__name__}Changes", fields, bases=(_Changes,))


class _Changes(hyperparams.Config):
    """Changes to another section; what is None stays."""

    def set_values(self) -> dict[str, Any]:
        """What is set, nested."""
        found: dict[str, Any] = {}
        for key in self.as_dict():
            value = getattr(self, key)
            if isinstance(value, _Changes):
                value = value.set_values() or None
            if value is not None:
                found[key] = value
        return found


def _evaluator_changes() -> Any:
    fields: list[Any] = [("type", Any, dataclasses.field(default=None))]
    for name, thing in EVALUATORS.items():
        made = _changes(thing)
        fields.append((section(name), made, dataclasses.field(default_factory=made)))
    return dataclasses.make_dataclass("EvaluatorChanges", fields, bases=(_Changes,))


_EvaluatorChanges, _ImageChanges = _evaluator_changes(), _changes(ImageSettings)


def _searched_settings() -> Any:
    """Lists of choices by the name of a setting, for every setting that an evaluator has."""
    names = dict.fromkeys(f.name for e in EVALUATORS.values() for f in dataclasses.fields(e))  # type: ignore[arg-type]
    fields: list[Any] = [(n, list, dataclasses.field(default_factory=list)) for n in names]
    return dataclasses.make_dataclass("Settings", fields, bases=(hyperparams.Config,))


_SearchedSettings = _searched_settings()


@dataclasses.dataclass
class SpaceChoice(hyperparams.Config):
    """What is searched.

    Attributes:
        name: `nasnet`, `pnas`, `amoebanet`, `enas`, `darts` or `nas_bench_201`.
        blocks: blocks of a cell; 0 stands for as many as in the paper.
        file: a JSON file with a space of one's own (docs/tables.md), instead of a name.
        growable: whether cells may have fewer blocks; always so where the strategy grows them.
    """

    name: str = "nasnet"
    blocks: int = 0
    file: str = ""
    growable: bool = False


@dataclasses.dataclass
class RerankConfig(hyperparams.Config):
    """How the best are trained again (`--mode=rerank`).

    Attributes:
        top_k: how many of them.
        seeds: how often each.
        evaluator: what differs from the search's evaluator, such as
            `{train: {normal_cells: 6, epochs: 600}}`; nothing stands for twice N, twice F and four
            times the epochs.
        images: what differs from the search's images, such as `{training: 0}`.
        name: of the study that holds the results; another one for other settings.
    """

    top_k: int = 10
    seeds: int = 1
    evaluator: Any = dataclasses.field(default_factory=_EvaluatorChanges)
    images: Any = dataclasses.field(default_factory=_ImageChanges)
    name: str = "rerank"

    def used_values(self) -> dict[str, Any]:
        """The settings that matter, nested as in a configuration file."""
        changes = {"evaluator": self.evaluator.set_values(), "images": self.images.set_values()}
        scalars = {"top_k": self.top_k, "seeds": self.seeds, "name": self.name}
        return scalars | {part: values for part, values in changes.items() if values}


@dataclasses.dataclass
class SieveConfig(hyperparams.Config):
    """Cheap scores that choose the first trials.

    Attributes:
        candidates: different random ones that are scored; 0: no sieve.
        keep: the best of them are the first trials of the search.
        vote: metrics of the sieve's evaluator, after a minus where smaller is better; the mean of
            the ranks among all candidates decides. Empty: its reward alone.
        evaluator: the cheap score, such as `{type: zero_cost}`; its other settings are its
            defaults.
    """

    candidates: int = 0
    keep: int = 20
    vote: list[str] = dataclasses.field(default_factory=list)
    evaluator: Any = dataclasses.field(default_factory=_EvaluatorChanges)

    def used_values(self) -> dict[str, Any]:
        """The settings that matter, nested as in a configuration file."""
        if not self.candidates:
            return {}
        values = {"candidates": self.candidates, "keep": self.keep, "vote": list(self.vote)}
        return values | {"evaluator": self.evaluator.set_values()}


@dataclasses.dataclass
class SearchConfig(hyperparams.Config):
    """A search.

    Attributes:
        space: what is searched.
        strategy: how.
        evaluator: how a candidate is scored.
        sieve: a cheaper score that chooses the first candidates.
        images: with which images.
        objectives: metrics of the evaluator, after a minus where smaller is better; empty: its
            reward.
        limits: what a candidate may cost; one beyond is no trial, and another is drawn.
        settings: settings of the evaluator that are searched along, with their choices.
        pruner: whether trainings are stopped early, and at which `rungs` it is decided.
        trials: candidates in all, failed ones included.
        seed: of everything random.
        deterministic: TensorFlow's deterministic operations.
        pool: where candidates are evaluated.
        storage: where the study lies: the URL of a database; empty: in the search directory.
        study: its name in the database.
        top: how many of the best are written as genotypes and shown in the report.
        report_minutes: time between two reports during the search; 0 writes one at the end only.
        weights_dir: where evaluators keep weights between requests, a folder of this search alone
            or a URL that fsspec knows; empty: `weights` in the search directory.
        rerank: how the best are trained again afterwards.
    """

    space: SpaceChoice = dataclasses.field(default_factory=SpaceChoice)
    strategy: Any = dataclasses.field(default_factory=_StrategyChoice)
    evaluator: Any = dataclasses.field(default_factory=_EvaluatorChoice)
    sieve: SieveConfig = dataclasses.field(default_factory=SieveConfig)
    images: Any = dataclasses.field(default_factory=_Images)
    objectives: list[str] = dataclasses.field(default_factory=list)
    limits: Any = dataclasses.field(default_factory=_Limits)
    settings: Any = dataclasses.field(default_factory=_SearchedSettings)
    pruner: Any = dataclasses.field(default_factory=_PrunerChoice)
    trials: int = 100
    seed: int = 0
    deterministic: bool = False
    pool: Any = dataclasses.field(default_factory=_PoolChoice)
    storage: str = ""
    study: str = ""
    top: int = 25
    report_minutes: float = 2.0
    weights_dir: str = ""
    rerank: RerankConfig = dataclasses.field(default_factory=RerankConfig)


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

    @functools.cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the values of a trial are.

        Raises:
            UserError: the evaluator does not return it, or the strategy takes one only.
        """
        config, evaluator = self.config, self.evaluator
        wanted = objectives.parse(config.objectives, evaluator.reward, evaluator.metrics())
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
        rungs.PRUNERS.find(chosen.type)  # Whether there is one.
        last = min(self.config.settings.epochs or [getattr(evaluator, "epochs", 0)])
        return rungs.resolve(
            chosen.type, chosen.rungs, chosen.chosen(), evaluator, last, self.objectives
        )

    def feasible(self, point: Point) -> bool:
        """Whether a proposal may be evaluated; another is drawn where it may not."""
        genotype = genotype_of(self.space, point) if self.limits.any else None
        if genotype is not None and not self.limits.allow(genotype):
            return False
        return self.evaluator.knows(point, self.space, self.images)

    @property
    def bounds(self) -> str:
        """What feasible points keep to, for people."""
        table = [] if self.evaluator.uses_images else ["the table"]
        return " and ".join([*table, str(self.limits)] if self.limits.any else table)

    def evaluator_of(self, point: Mapping[str, Any]) -> Evaluator:
        """The evaluator with the settings that a point decides."""
        known = {f.name for f in dataclasses.fields(self.evaluator)}  # type: ignore[arg-type]
        # A sieve's evaluator, or a re-ranking's, need not have what the search's decides upon.
        chosen = {n: v for n, v in settings.chosen(point).items() if n in known}
        return dataclasses.replace(self.evaluator, **chosen) if chosen else self.evaluator  # type: ignore[type-var]

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
                f"sieve.keep: {wanted.keep} of {wanted.candidates} candidates is no choice; use "
                f"at least 1 and at most {wanted.candidates - 1}"
            )
        if wanted.keep > self.config.trials:
            raise UserError(
                f"sieve.keep: {wanted.keep} is more than the {self.config.trials} trials of the "
                "search; use fewer, or more trials"
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

    def check(self) -> None:
        """Raises a UserError where no candidate could be scored; called before the first."""
        self.pool.check()
        if self.sieve is not None:
            self.sieve.check()
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
            storage.open_url(self.config.storage)
        if self.evaluator.one_at_a_time and getattr(self.pool, "workers", 1) != 1:
            kind = self.config.pool.type
            raise UserError(
                f"pool.{section(kind)}.workers: {self.pool.workers} cannot be had with "  # type: ignore[attr-defined]
                f"{self.config.evaluator.type}, whose candidates are scored one after the other; "
                "use 1, or pool.type=inline"
            )
        self.evaluator.check(self.images, self.space)
        for decision in self.space.decisions:
            if decision.kind == settings.KIND:
                for choice in decision.choices:
                    self.evaluator_of({decision.name: choice}).check(self.images, self.space)

    @property
    def gives_genotypes(self) -> bool:
        """Whether the points of the space are genotypes."""
        return isinstance(self.space, CellSpace)

    @property
    def trains_winner(self) -> bool:
        """Whether the winner can be trained on the images of this search."""
        return self.gives_genotypes and self.evaluator.uses_images

    @property
    def space_name(self) -> str:
        """What the space is called."""
        return self.config.space.file or self.config.space.name


def _space(choice: SpaceChoice, growing: bool) -> Space:
    if choice.file:
        space = space_file.read(choice.file)
    else:
        space = spaces.named(choice.name, choice.blocks)
    if isinstance(space, CellSpace):
        return dataclasses.replace(space, growable=choice.growable or growing)
    if choice.growable:
        raise UserError("space.growable: only cells of blocks can grow; leave it at false")
    return space


def resolve(config: SearchConfig) -> Search:
    """Makes the objects that a configuration names.

    Raises:
        UserError: a name is unknown or a value impossible; says where.
    """
    for name, least in (("trials", 1), ("seed", 0), ("top", 1), ("report_minutes", 0)):
        if getattr(config, name) < least:
            raise UserError(f"{name}: {getattr(config, name)} is too small; use at least {least}")
    if config.storage and not config.study:
        raise UserError("study: give the study a name, which no other has in this storage")
    strategy = STRATEGIES.find(config.strategy.type)
    space = _space(config.space, strategy.growing)
    evaluator = EVALUATORS.find(config.evaluator.type)(**config.evaluator.chosen())
    choices = {name: list(values) for name, values in config.settings.as_dict().items() if values}
    limits = Limits(**config.limits.as_dict())
    if isinstance(space, CellSpace):
        space = dataclasses.replace(
            space,
            settings=settings.decisions(choices, evaluator),
            as_written=evaluator.as_written,
        )
        limits.check(space.decode(space.random(np.random.default_rng(0))))
    elif choices or limits.any:
        raise UserError(
            f"{'settings' if choices else 'limits'}: are there for cells that are networks, and "
            "the candidates of this space are none; leave them out or use a space of cells"
        )
    if getattr(evaluator, "inherit", False) and strategy.parent is Strategy.parent:
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
    )
    _ = search.objectives, search.rungs, search.sieve
    return search


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
    cells.config.apply(config.evaluator, changes, where)
    kind = choose(f"{where}.type", config.evaluator.type, EVALUATORS)
    return kind(**config.evaluator.chosen())


#: Settings that say where and how to look at a search, and not what is searched.
_FREE = ("images.data_dir", "trials", "pool", "top", "report_minutes", "weights_dir", "rerank")

#: Choices by `type`: the sections of other types do not matter.
_CHOICES = ("strategy", "evaluator", "pruner", "pool")


def require_same(config: SearchConfig, stored: Mapping[str, Any], where: str) -> None:
    """Checks that a search directory may be continued with a configuration.

    More trials than before are allowed, and so is whatever does not touch the results.

    Args:
        config: what is asked for.
        stored: what the directory was made with.
        where: the directory's configuration file.

    Raises:
        UserError: something else differs; names the keys, with both values.
    """
    now = _flat(config.as_dict())
    # What the directory's version did not know yet was as it is by default.
    before = _flat(SearchConfig().as_dict()) | _flat(stored)
    different = [
        f"{key} is {_shown(now, key)}, was {_shown(before, key)}"
        for key in dict.fromkeys([*now, *before])
        if now.get(key) != before.get(key) and not _free(key) and _used(key, now)
    ]
    if now["trials"] < before.get("trials", 0):
        different.append(f"trials is {now['trials']}, was {before['trials']} (it may grow only)")
    if different:
        raise UserError(
            f"{where}: this directory was made by another configuration ({'; '.join(different)}); "
            "use another --search_dir, or the old settings"
        )


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in _FREE)


def _used(key: str, flat: Mapping[str, Any]) -> bool:
    """Whether a key matters: the sections of types that are not chosen do not."""
    part, _, rest = key.partition(".")
    found, dot, _ = rest.partition(".")
    if key == "pruner.rungs":
        return flat["pruner.type"] != "none"
    return part not in _CHOICES or not dot or found == section(flat[f"{part}.type"])


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, list | tuple) or value:
            # An empty list says as much as none.
            flat[f"{prefix}{key}"] = value
    return flat


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "not set"


def used_settings(config: SearchConfig) -> dict[str, Any]:
    """The settings that matter, as `a.b.c: value`."""
    flat = _flat(config.as_dict())
    other = ("rerank.", "sieve.")
    used = {k: v for k, v in flat.items() if _used(k, flat) and not k.startswith(other)}
    return used | _flat({"sieve": config.sieve.used_values()})


def used_values(config: SearchConfig) -> dict[str, Any]:
    """The settings that matter, nested as in a configuration file."""
    values = config.as_dict()
    for part in _CHOICES:
        chosen = values[part]["type"]
        used = {"type": chosen, section(chosen): values[part][section(chosen)]}
        if part == "pruner" and chosen != "none":
            used["rungs"] = list(values[part]["rungs"])
        values[part] = used
    values["settings"] = {n: list(choices) for n, choices in values["settings"].items() if choices}
    values["objectives"] = list(values["objectives"])
    values["sieve"] = config.sieve.used_values()
    values["rerank"] = config.rerank.used_values()
    return values


def from_values(values: Mapping[str, Any], where: str) -> SearchConfig:
    """A configuration from the values of a file.

    Raises:
        UserError: a key does not exist or has another type.
    """
    config = SearchConfig()
    cells.config.apply(config, values, where)
    return config
