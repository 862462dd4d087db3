"""Fills in what follows from other settings, and checks what must hold between them.

All of it happens before any tensor exists.
"""

from __future__ import annotations

import os
from typing import Any

from cells import data as datasets
from cells.support import files
from cells.support.errors import UserError, listed
from cells.support.overrides import require_type
from detection.config.schema import MaskRCNN, MaskRCNNTask, RetinaNet, RetinaNetTask
from detection.data import categories, records
from detection.data.categories import Categories
from detection.model import backbone_weights
from transfer.config.cells_backbone import levels_of, stack_of
from transfer.training import complete as common

Model = RetinaNet | MaskRCNN
Task = RetinaNetTask | MaskRCNNTask


def resolve(params: Any, *, train: bool = True, evaluate: bool = True) -> Categories:
    """Completes a configuration in place and checks it.

    Args:
        params: an experiment of this package.
        train: whether the training data will be read, and so has to exist.
        evaluate: whether the validation data will be read.

    Returns:
        The classes of the data.

    Raises:
        UserError: names the key, what is wrong, and the remedy.
    """
    check_model(params.task.model)
    common.check_restrictions(params)
    _check_task(params.task, train=train)
    sides = {"train_data": train, "validation_data": evaluate}
    cells = params.task.model.backbone.cells if _has_cells(params.task.model) else None
    common.resolve_steps(params, cells)
    common.resolve_runtime(params.runtime)
    # From here on data are looked at, and made where they are not there.
    return _resolve_classes(params.task, [side for side, wanted in sides.items() if wanted])


def resolve_model(params: Any) -> None:
    """Completes what the layout of the detector alone needs.

    Raises:
        UserError: the detector is impossible, or its number of classes unknown.
    """
    check_model(params.task.model)
    if not params.task.model.num_classes:
        _resolve_classes(params.task, ["train_data"])


def check_model(model: Model) -> None:
    """Checks what the layout of the detector needs; the data are not asked.

    Raises:
        UserError: sizes, levels or anchors are impossible.
    """
    at = "task.model"
    if not 1 <= model.min_level <= model.max_level:
        raise UserError(
            f"{at}: min_level {model.min_level} to max_level {model.max_level} is not a range of "
            "levels; level i has stride 2^i, and 3 to 7 is usual"
        )
    _check_input_size(model)
    if not model.anchor.aspect_ratios:
        raise UserError(f"{at}.anchor.aspect_ratios: there are none; give at least one")
    require_type(model.backbone, model.backbone.type, f"{at}.backbone.type")
    if _has_cells(model):
        _check_levels(model)


def _check_samples(model: MaskRCNN, most_objects: int) -> None:
    """Checks that as many boxes as the second stage learns from are proposed.

    Model Garden picks them by `top_k`, which fails while the network is traced.
    """
    at, sampler = "task.model.roi_sampler.num_sampled_rois", model.roi_sampler
    proposals = model.roi_generator.num_proposals
    anchors = model.anchor.num_scales * len(model.anchor.aspect_ratios)
    height, width = model.input_size[:2]
    levels = range(model.min_level, model.max_level + 1)
    places = [anchors * (height // 2**level) * (width // 2**level) for level in levels]
    found = min(proposals, sum(min(n, proposals) for n in places))
    found += most_objects if sampler.mix_gt_boxes else 0
    if sampler.num_sampled_rois > found:
        raise UserError(
            f"{at}: {sampler.num_sampled_rois} is more than the {found} boxes of an image that "
            "there are to sample from (roi_generator.num_proposals and "
            "train_data.parser.max_num_instances); set it to at most that"
        )
    if model.include_mask and model.mask_sampler.num_sampled_masks > sampler.num_sampled_rois:
        raise UserError(
            f"task.model.mask_sampler.num_sampled_masks: {model.mask_sampler.num_sampled_masks} is "
            f"more than {at}, {sampler.num_sampled_rois}, of which they are; set it to at most that"
        )


def _has_cells(model: Model) -> bool:
    return model.backbone.type == "cells"


def _check_input_size(model: Model) -> None:
    size, at = list(model.input_size), "task.model.input_size"
    if len(size) != 3 or size[2] != 3 or not all(isinstance(n, int) and n > 0 for n in size):
        raise UserError(f"{at}: {size} is not [height, width, 3]; use for example [640, 640, 3]")
    stride = 2**model.max_level
    if any(n % stride for n in size[:2]):
        near = [max(round(n / stride), 1) * stride for n in size[:2]]
        raise UserError(
            f"{at}: {size[0]}x{size[1]} is not a multiple of {stride}, the stride of max_level "
            f"{model.max_level}; the nearest is [{near[0]}, {near[1]}, 3] (images of any size are "
            "scaled and padded to it)"
        )


def _check_levels(model: Model) -> None:
    cells = model.backbone.cells
    _, config = stack_of(cells, image_size=(model.input_size[0], model.input_size[1]))
    levels_of(cells, config)
    if not cells.min_level <= model.min_level <= cells.max_level:
        raise UserError(
            f"task.model.min_level: {model.min_level} is not among the levels {cells.min_level} to "
            f"{cells.max_level} of the backbone; the decoder adds levels above these, never below, "
            "so set min_level and max_level of task.model.backbone.cells accordingly"
        )


def _check_task(task: Task, *, train: bool) -> None:
    if task.annotation_file:
        raise UserError(
            "task.annotation_file: evaluation takes the boxes from task.validation_data; leave it "
            "out"
        )
    source = task.init_checkpoint or ""
    other = source and not backbone_weights.is_weights_file(source)
    # A folder with checkpoints, or one of them.
    places = (os.path.join(source, "checkpoint"), f"{source}.index")
    if train and other and not any(map(files.exists, places)):
        raise UserError(
            f"task.init_checkpoint: there is no checkpoint in {source}; give the folder of a "
            "training, or a weights file of cells import-weights"
        )
    if train and task.freeze_batch_norm and not task.init_checkpoint:
        raise UserError(
            "task.freeze_batch_norm: keeps statistics of a trained backbone, and none is named: "
            "give task.init_checkpoint, or set it to false"
        )
    if _has_cells(task.model):
        if train and backbone_weights.is_weights_file(source):
            backbone_weights.follow_weights_file(task.model.backbone.cells, source)
    elif task.freeze_stem:
        raise UserError(
            f"task.freeze_stem: is for backbones of cells, not {task.model.backbone.type!r}; leave "
            "it out"
        )
    if train and isinstance(task.model, MaskRCNN):
        _check_samples(task.model, task.train_data.parser.max_num_instances)
    if isinstance(task.model, RetinaNet) and task.model.head.attribute_heads:
        raise UserError("task.model.head.attribute_heads: are not supported; leave them out")


def _resolve_classes(task: Task, sides: list[str]) -> Categories:
    """Sets the number of classes where it is 0; gives the classes of the first side."""
    masks = isinstance(task.model, MaskRCNN) and task.model.include_mask
    found = {side: _categories(side, getattr(task, side), masks=masks) for side in sides}
    first, *others = found.values()
    if any(other != first for other in others):
        raise UserError(
            "task: train_data and validation_data have different classes "
            f"({listed(first.names)}; and {listed(others[0].names)}); use splits of one data set"
        )
    needed = len(first) + 1
    if not task.model.num_classes:
        task.model.num_classes = needed
    if task.model.num_classes < needed:
        raise UserError(
            f"task.model.num_classes: {task.model.num_classes} is less than {needed}, the classes "
            "of the data and one for the background; use 0 for as many as the data set has"
        )
    task.category_ids = list(task.category_ids or first.ids)
    if len(set(task.category_ids)) != len(first):
        raise UserError(
            f"task.category_ids: has {len(set(task.category_ids))} different numbers for the "
            f"{len(first)} classes of the data; leave it out for the data set's own"
        )
    return Categories(tuple(task.category_ids), first.names)


def _categories(side: str, data: Any, *, masks: bool) -> Categories:
    if data.input_path:
        return _resolve_records(side, data, masks=masks)
    if masks:
        raise UserError(
            f"task.{side}: TFDS sets have no outlines, which Mask R-CNN learns; give input_path, a "
            "folder that cell-detect --mode=convert --masks wrote, or task.model.include_mask=false"
        )
    if not data.tfds_name:
        raise UserError(
            f"task.{side}: needs tfds_name, a TFDS set with the features of coco/2017 or the "
            "folder of a prepared one, or input_path, a folder that cell-detect --mode=convert "
            "wrote"
        )
    builder = datasets.builder(data.tfds_name, data.tfds_data_dir)
    found = categories.of_builder(builder)
    datasets.split_size(builder, data.tfds_split)
    return found


def _resolve_records(side: str, data: Any, *, masks: bool) -> Categories:
    """Names the record files to Model Garden; `input_path` goes before the experiment's own set."""
    try:
        found = records.find(data.input_path)
    except UserError as error:
        raise UserError(f"task.{side}.{error}") from None
    if masks and not found.info["masks"]:
        raise UserError(
            f"task.{side}.input_path: {found.folder} was converted without outlines, which Mask "
            "R-CNN learns; convert it with masks, or set task.model.include_mask to false"
        )
    data.input_path, data.tfds_name = found.pattern, ""
    if side == "validation_data":
        # Model Garden evaluates against no more objects than its parser keeps.
        most = int(found.info["contents"]["most_objects"])
        data.parser.max_num_instances = max(data.parser.max_num_instances, most)
    return found.categories
