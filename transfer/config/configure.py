"""Reads a configuration: an experiment or an earlier run, then files, then the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from official.core import config_definitions, exp_factory

from cells.checks import stages
from cells.genotype.genotype import Genotype
from cells.kinds.files import ImageGenotype
from cells.network.stack_config import OF_CELLS, is_off, not_of_cells
from cells.operations.architecture import Architecture
from cells.support import overrides
from cells.support.errors import UserError, require_known
from cells.support.files import path_text
from transfer.config import experiments
from transfer.config.cells_backbone import CellStack, cells_of
from transfer.config.ranges import RANGES

DEFAULT_EXPERIMENT = "cells_classification"

#: The key at the top of a file that names the experiment which the file is made for.
EXPERIMENT = "experiment"


_HEAD = "auxiliary_head"


def experiment(
    name: str = DEFAULT_EXPERIMENT, known: Sequence[str] = experiments.NAMES
) -> config_definitions.ExperimentConfig:
    """The configuration of a registered experiment.

    Args:
        name: one of `known`.
        known: the experiments of a stage, which has registered them.

    Raises:
        UserError: there is none of that name; lists those that exist.
    """
    return exp_factory.get_exp_config(require_known("--experiment", name, known))


def experiment_of(files: Iterable[str], given: str | None = None) -> str | None:
    """The experiment that the flag or the files name.

    Raises:
        UserError: they name several, so that one would be trained with the settings of another.
    """
    named = {"the argument": given} if given else {}
    for file in files:
        value = overrides.read_yaml(file).get(EXPERIMENT)
        if value is not None:
            named[os.fspath(file)] = str(value)
    if len(set(named.values())) > 1:
        told = ", ".join(f"{name} in {where}" for where, name in named.items())
        raise UserError(f"--experiment: several are named ({told}); name one")
    return next(iter(named.values()), None)


def configure(
    params: config_definitions.ExperimentConfig,
    *,
    files: Iterable[str] = (),
    override: str | Mapping[str, Any] | None = None,
    genotype: str | ImageGenotype | None = None,
    data_dir: str | None = None,
) -> config_definitions.ExperimentConfig:
    """Overrides a configuration in place.

    Args:
        params: the experiment.
        files: YAML files, applied in order. A relative genotype path in one is relative to it.
        override: `--params_override`, text or nested settings, applied after the files.
        genotype: the cells, a whole network, or a catalogue name or file; applied last.
        data_dir: folder of prepared TFDS sets, for those sides of the data that name none.

    Returns:
        `params`.

    Raises:
        UserError: a file cannot be read, or a key does not exist; says where.
    """
    before = _of_cells(params)
    given: set[str] = set()
    for file in files:
        values = overrides.read_yaml(file)
        values.pop(EXPERIMENT, None)
        overrides.apply(params, values, os.fspath(file), RANGES)
        _anchor_genotype(params, values, os.path.dirname(os.fspath(file)))
        given |= _model_keys(values)
    overrides.override(params, text=override, ranges=RANGES)
    given |= _model_keys(overrides.given(override))
    if isinstance(genotype, Genotype | Architecture):
        cells_of(params).carry(genotype, genotype.name)
    elif genotype:
        cells_of(params).genotype = genotype
    if (network := _whole(cells_of(params))) is not None:
        # What an experiment says of stacked cells is nobody's wish for a whole network.
        for name, value in _of_cells(params).items():
            if name in given and value is not None and not is_off(name, value):
                raise not_of_cells(name, network)
            if value == before[name]:
                place = params.task.model if name == _HEAD else cells_of(params)
                setattr(place, name, False if name == _HEAD else None)
    for side in (params.task.train_data, params.task.validation_data):
        if data_dir and not side.tfds_data_dir:
            side.tfds_data_dir = data_dir
    return params


def _of_cells(params: Any) -> dict[str, Any]:
    """The settings that say nothing of whole networks."""
    cells, model = cells_of(params), params.task.model
    head = {_HEAD: getattr(model, _HEAD)} if hasattr(model, _HEAD) else {}
    return {name: getattr(cells, name) for name in OF_CELLS if hasattr(cells, name)} | head


def _model_keys(values: Mapping[str, Any]) -> set[str]:
    """The keys of the model, and of its cells, that settings have."""
    model = stages.model_of(values)
    cells = model.get("cells")
    return {*model, *(cells if isinstance(cells, Mapping) else ())}


def _whole(cells: CellStack) -> Architecture | None:
    """The whole network that a configuration names, if any; what is wrong is told later."""
    try:
        found = cells.load_genotype() if cells.genotype else None
    except UserError:
        return None
    return found if isinstance(found, Architecture) else None


def _anchor_genotype(params: Any, values: dict[str, Any], folder: str) -> None:
    given: Any = values.get("task")
    for key in ("model", "backbone", "cells", "genotype"):
        # The cells of a classifier are in `model`, those of a detector in its `backbone`.
        if key != "backbone" or (isinstance(given, dict) and key in given):
            given = given.get(key) if isinstance(given, dict) else None
    if isinstance(given, str) and (given.endswith(".json") or os.sep in given):
        # An absolute path stays as it is.
        cells_of(params).genotype = os.path.join(folder, path_text(given))
