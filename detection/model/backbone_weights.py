"""Where the weights of a backbone come from, and which of them stay as they are."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from cells.checks import stages
from cells.kinds import files as kinds
from cells.support.errors import UserError
from cells.support.overrides import read_yaml
from cells.weights import weights_file
from cells.weights.by_layer import weighted_layers
from transfer.config.cells_backbone import CellBackbone, stack_of
from transfer.runs import model_dir

#: Of the stack's settings, those that follow from the images or belong to the head.
_NOT_OF_THE_CELLS = frozenset(
    {
        "auxiliary_head",
        "auxiliary_scale",
        "batch_norm_momentum",
        "drop_path_keep",
        "dropout",
        "image_channels",
        "image_size",
        "num_classes",
    }
)


def is_classifier(path: str) -> bool:
    """Whether a path is the folder of a `cell-transfer` training.

    Args:
        path: of the file.
    """
    params = os.path.join(path, model_dir.PARAMS)
    return os.path.exists(params) and "cells" in stages.model_of(read_yaml(params))


def is_weights_file(path: str) -> bool:
    """Whether a path is that of a file that `cells import-weights` wrote, by its ending.

    Args:
        path: of the file.
    """
    return path.endswith(weights_file.ENDING)


def follow_weights_file(cells: CellBackbone, path: str) -> None:
    """Sets what weights of other libraries need and the configuration leaves open.

    The features of a published network hang on how its library treats borders and on the epsilon
    of its batch norms, so both come with the weights.

    Args:
        cells: the backbone, changed in place.
        path: a weights file.

    Raises:
        UserError: the file is damaged, or of other cells or another stack.
    """
    weights = weights_file.read(path)
    given = weights.config
    genotype = cells.load_genotype()
    if not kinds.same(weights.genotype, genotype):
        raise UserError(
            f"task.init_checkpoint: {path} has the weights of {weights.genotype.name!r}, another "
            f"genotype than {cells.genotype!r}; give that one"
        )
    if cells.border_rule is None:
        cells.border_rule = given.border_rule
    if cells.batch_norm_epsilon is None:
        cells.batch_norm_epsilon = given.batch_norm_epsilon
    _, ours = stack_of(cells)
    for field in dataclasses.fields(given):
        theirs, own = getattr(given, field.name), getattr(ours, field.name)
        if field.name not in _NOT_OF_THE_CELLS and theirs != own:
            raise UserError(
                f"task.init_checkpoint: {path} was trained with {field.name} {theirs}, and "
                f"task.model.backbone.cells has {own}; set it to the same"
            )


def freeze(backbone: Any, *, everything: bool, stem: bool, batch_norm: bool) -> None:
    """Keeps weights of a backbone as they are, in training, too.

    Args:
        backbone: a `tf_keras` model.
        everything: all weights.
        stem: those in front of the first cell.
        batch_norm: scales and offsets of all batch norms; they normalise by their moving
            statistics, which stay.
    """
    if everything:
        backbone.trainable = False
    for layer in weighted_layers(backbone):
        is_norm = "BatchNorm" in type(layer).__name__
        if (stem and layer.name.startswith("stem_")) or (batch_norm and is_norm):
            layer.trainable = False
