"""The configuration of a search: Model Garden's kind, made from what is registered.

    space: {name: nasnet, blocks: 5}
    strategy: {type: regularized_evolution, regularized_evolution: {population: 20, sample: 5}}
    evaluator: {type: train, train: {normal_cells: 1, filters: 8, epochs: 2}}
    images: {name: cifar10, split: train, held_out: 1000}
    trials: 20
    seed: 0

What can be set of a strategy, evaluator, pruner or pool are the fields of its frozen dataclass, so
that a new one needs no line here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from official.modeling import hyperparams

from cell_search.config import early_stopping
from cell_search.config.from_dataclasses import (
    Changes,
    Choice,
    changes_of,
    one_of,
    section,
    settings_of,
)
from cell_search.evaluators import EVALUATORS
from cell_search.images import ImageSettings
from cell_search.pools import POOLS
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.space.limits import Limits
from cell_search.space.published import WHOLE
from cell_search.strategies import STRATEGIES
from cells.genotype.genotype import MAX_BLOCKS
from cells.support import overrides, registry
from cells.support.settings import setting

T = TypeVar("T")

#: Beyond what any search has had: 20,000 trials (Zoph et al. 2018), a month between reports. The
#: seeds of sieves and re-rankings lie above.
MAX_TRIALS, MAX_MINUTES, MAX_SEED = 10_000_000, 60 * 24 * 31, 2**32 - 1


def _anew(made: Callable[[], type[T]], registered: Mapping[str, Any]) -> Callable[[], T]:
    """What makes a section of a class that is made anew once more is registered."""
    known: dict[tuple[str, ...], type[T]] = {}

    def section_of() -> T:
        registry.import_installed()
        names = tuple(registered)
        if names not in known:
            known[names] = made()
        return known[names]()

    return section_of


def _strategy_choice() -> type[Choice]:
    return one_of(
        "StrategyChoice",
        {name: strategy.Settings for name, strategy in STRATEGIES.items()},
        "regularized_evolution",
        [("first", list, dataclasses.field(default_factory=list))],
    )


_PrunerChoice = one_of(
    "PrunerChoice",
    early_stopping.PRUNERS,
    "none",
    [("rungs", list, dataclasses.field(default_factory=list))],
)
_PoolChoice = one_of("PoolChoice", POOLS, "inline")
_Images = settings_of(ImageSettings)
_Limits = settings_of(Limits)


def _evaluator_changes() -> type[Changes]:
    fields: list[Any] = [("type", "str | None", dataclasses.field(default=None))]
    for name, thing in EVALUATORS.items():
        made = changes_of(thing)
        fields.append((section(name), made, dataclasses.field(default_factory=made)))
    return dataclasses.make_dataclass("EvaluatorChanges", fields, bases=(Changes,))


_ImageChanges = changes_of(ImageSettings)


def _searched_settings() -> type[hyperparams.Config]:
    """Lists of choices by the name of a setting, for every setting that an evaluator has."""
    names = dict.fromkeys(f.name for e in EVALUATORS.values() for f in dataclasses.fields(e))
    fields: list[Any] = [(n, list, dataclasses.field(default_factory=list)) for n in names]
    return dataclasses.make_dataclass("Settings", fields, bases=(hyperparams.Config,))


_new_strategy = _anew(_strategy_choice, STRATEGIES)
_new_evaluator = _anew(lambda: one_of("EvaluatorChoice", EVALUATORS, "train"), EVALUATORS)
_new_changes = _anew(_evaluator_changes, EVALUATORS)
_new_settings = _anew(_searched_settings, EVALUATORS)


@dataclasses.dataclass
class LayerwiseChoice(hyperparams.Config):
    """The space of layer-wise networks, see `cell_search.space.layerwise.LayerwiseSpace`."""

    layers: int = LayerwiseSpace.layers
    sizes: list[int] = dataclasses.field(default_factory=lambda: list(LayerwiseSpace.sizes))
    filters: list[int] = dataclasses.field(default_factory=lambda: list(LayerwiseSpace.filters))
    strides: list[int] = dataclasses.field(default_factory=list)
    first_layers: int = LayerwiseSpace.first_layers
    more_layers: int = LayerwiseSpace.more_layers
    every: int = LayerwiseSpace.every


@dataclasses.dataclass
class SpaceChoice(hyperparams.Config):
    """What is searched.

    Attributes:
        name: `nasnet`, `nasnet_joined`, `normal_joined`, `pnas`, `amoebanet`, `enas`, `darts` or
            `nas_bench_201`; of recurrent cells `recurrent` or `recurrent_darts`; of whole networks
            `layerwise` or `graph`.
        blocks: blocks of a cell, leaves of a tree (`recurrent`), nodes of a highway cell
            (`recurrent_darts`); 0 stands for as many as in the paper.
        file: a JSON file with a space of one's own (`cells docs tables`), instead of a name.
        operations: what a side of a block may do, in place of the named space's own; names of
            `cells operations`, and of one's own.
        growable: whether cells may have fewer blocks; always so where the strategy grows them.
        layerwise: of the space of that name.
    """

    name: str = "nasnet"
    blocks: int = setting(0, least=0, most=MAX_BLOCKS)
    file: str = ""
    operations: list[str] = dataclasses.field(default_factory=list)
    growable: bool = False
    layerwise: LayerwiseChoice = dataclasses.field(default_factory=LayerwiseChoice)


@dataclasses.dataclass
class CostsConfig(hyperparams.Config):
    """What candidates cost on a machine.

    Attributes:
        file: a cost table, made by `--mode=costs`; empty: nothing is predicted. The search keeps a
            copy of it.
        other_machine: whether it may be of another machine than this one.
    """

    file: str = ""
    other_machine: bool = False


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

    top_k: int = setting(10, least=1, most=MAX_TRIALS)
    seeds: int = setting(1, least=1, most=1000)
    evaluator: Changes = dataclasses.field(default_factory=_new_changes)
    images: Changes = dataclasses.field(default_factory=_ImageChanges)
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

    candidates: int = setting(0, least=0, most=MAX_TRIALS)
    keep: int = setting(20, least=1, most=MAX_TRIALS)
    vote: list[str] = dataclasses.field(default_factory=list)
    evaluator: Changes = dataclasses.field(default_factory=_new_changes)

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
        costs: the times by which is predicted what a candidate costs.
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

    Example:
        >>> config = cell_search.SearchConfig()
        >>> config.trials, config.strategy.type
        (100, 'regularized_evolution')
    """

    space: SpaceChoice = dataclasses.field(default_factory=SpaceChoice)
    strategy: Choice = dataclasses.field(default_factory=_new_strategy)
    evaluator: Choice = dataclasses.field(default_factory=_new_evaluator)
    sieve: SieveConfig = dataclasses.field(default_factory=SieveConfig)
    images: hyperparams.Config = dataclasses.field(default_factory=_Images)
    objectives: list[str] = dataclasses.field(default_factory=list)
    costs: CostsConfig = dataclasses.field(default_factory=CostsConfig)
    limits: hyperparams.Config = dataclasses.field(default_factory=_Limits)
    settings: hyperparams.Config = dataclasses.field(default_factory=_new_settings)
    pruner: Choice = dataclasses.field(default_factory=_PrunerChoice)
    trials: int = setting(100, least=1, most=MAX_TRIALS)
    seed: int = setting(0, least=0, most=MAX_SEED)
    deterministic: bool = False
    pool: Choice = dataclasses.field(default_factory=_PoolChoice)
    storage: str = ""
    study: str = ""
    top: int = setting(25, least=1, most=MAX_TRIALS)
    report_minutes: float = setting(2.0, least=0, most=MAX_MINUTES)
    weights_dir: str = ""
    rerank: RerankConfig = dataclasses.field(default_factory=RerankConfig)


#: Choices by `type`: the sections of other types do not matter.
CHOICES = ("strategy", "evaluator", "pruner", "pool")

#: Settings of evaluators that say nothing of whole networks, whatever they are.
OF_CELLS = ("normal_cells", "empty_group", "filters", "stem")


def used_values(config: SearchConfig) -> dict[str, Any]:
    """The settings that matter, nested as in a configuration file.

    Args:
        config: the settings of the stack.
    """
    values = config.as_dict()
    for part in CHOICES:
        chosen = values[part]["type"]
        used = {"type": chosen, section(chosen): values[part][section(chosen)]}
        if part == "pruner" and chosen != "none":
            used["rungs"] = list(values[part]["rungs"])
        if part == "strategy" and values[part]["first"]:
            used["first"] = list(values[part]["first"])
        values[part] = used
    if config.space.name in WHOLE:
        kind = section(config.evaluator.type)
        own = values["evaluator"][kind]
        values["evaluator"][kind] = {n: v for n, v in own.items() if n not in OF_CELLS}
    values["space"]["operations"] = list(values["space"]["operations"])
    if not values["space"]["operations"]:
        del values["space"]["operations"]
    if config.space.name != "layerwise":
        del values["space"]["layerwise"]
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
    overrides.apply(config, values, where)
    return config
