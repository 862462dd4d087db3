"""Where a training starts from: an earlier run, or a file of weights."""

from __future__ import annotations

import copy
import os
from typing import Any

from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.kinds import files as kinds
from cells.network import presets
from cells.network.stack_config import OF_CELLS, StackConfig
from cells.support.errors import UserError
from cells.weights import weights_file
from transfer.config import schema
from transfer.config.cells_backbone import CellStack
from transfer.model import network
from transfer.runs import model_dir

#: Fields of a stack that a weights file knows, and a configuration calls the same.
_SHARED = (
    "normal_cells",
    "empty_group",
    "filters",
    "stem_filters",
    "skip_reduction",
    "border_rule",
    "batch_norm_momentum",
    "batch_norm_epsilon",
)


def complete(task: schema.Task) -> None:
    """Takes genotype, stack and size of images from the source where they are left out.

    Raises:
        UserError: there is no source, or it cannot be read.
    """
    model = task.model
    if model.baseline:
        return
    wants_size = len(model.input_size) == 3 and not any(model.input_size)
    if model.cells.genotype and not wants_size:
        return
    if not task.init_checkpoint:
        raise UserError(
            "task.init_checkpoint: is needed, since the network is to be that of an earlier "
            "training; give its folder or a weights file, or name a genotype and "
            "task.model.input_size"
        )
    stack, size = _network(task.init_checkpoint)
    if wants_size:
        model.input_size = size
    if not model.cells.genotype:
        # Settings of training stay.
        for name in ("drop_path_keep", "drop_path_steps", "dropout"):
            setattr(stack, name, getattr(model.cells, name))
        model.cells = stack


def _network(source: str) -> tuple[CellStack, list[int]]:
    """The stack of a source, with its genotype, and the size of its images."""
    _require(source)
    if not source.endswith(weights_file.ENDING):
        model = model_dir.read_params(source).task.model
        return copy.deepcopy(model.cells), list(model.input_size)
    weights = weights_file.read(source)
    own = weights.config
    values = stack_values(own)
    if not isinstance(weights.genotype, Genotype):
        values = {name: values[name] for name in values if name not in OF_CELLS}
    stack = CellStack(**values)
    published = (n for n in catalogue.names() if kinds.same(catalogue.load(n), weights.genotype))
    stack.carry(weights.genotype, next(published, weights.genotype.name))
    size = own.image_size or ((224, 224) if own.stem == "imagenet" else (32, 32))
    return stack, [*size, own.image_channels]


def stack_values(config: StackConfig) -> dict[str, Any]:
    """The stack of a weights file as `task.model.cells` says it, but for the genotype.

    Args:
        config: the file's.
    """
    return {
        "network": presets.OF_STEM[config.stem],
        **{name: getattr(config, name) for name in _SHARED},
    }


def check(source: str, model: schema.Model) -> None:
    """Checks that the weights to start from are of these cells, and of this border rule.

    Raises:
        UserError: they are not, or there are none.
    """
    _require(source)
    if model.baseline:
        _check_baseline(source, model.baseline)
        return
    genotype, stack = network.layout(model)
    if source.endswith(weights_file.ENDING):
        weights = weights_file.read(source)
        given, rule = weights.genotype, weights.config.border_rule
    else:
        given, rule = model_dir.genotype(source), stack.border_rule
    if not kinds.same(given, genotype):
        raise UserError(
            f"task.init_checkpoint: {source} holds the cells of {given.name}, which are others "
            f"than those of {genotype.name}; train that genotype, or start from other weights"
        )
    if rule != stack.border_rule:
        raise UserError(
            f"task.init_checkpoint: {source} was trained with the border rule {rule!r}; set "
            f"task.model.cells.border_rule to it ({stack.border_rule!r} here)"
        )


def _check_baseline(source: str, baseline: str) -> None:
    weights = source.endswith(weights_file.ENDING)
    given = "" if weights else model_dir.read_params(source).task.model.baseline
    if given != baseline:
        raise UserError(
            f"task.init_checkpoint: {source} holds {given or 'a network of cells'}, not {baseline}"
        )


def _require(source: str) -> None:
    folder = os.path.exists(os.path.join(source, model_dir.PARAMS))
    if not folder and not source.endswith(weights_file.ENDING):
        raise UserError(
            f"task.init_checkpoint: {source} is not the folder of a run, since it has no "
            f"{model_dir.PARAMS}; give the folder of an earlier training, or a weights file "
            f"(*{weights_file.ENDING}) of cells import-weights"
        )
