"""Parameters and multiply-adds of the detector that a configuration describes."""

from __future__ import annotations

from typing import Any

import numpy as np

import cells.summary
from cells.stack import penultimate_filters, stack
from detection import resolve, task
from transfer.backbone import levels_of, stack_of


def summary(params: Any) -> dict[str, Any]:
    """Counts.

    Args:
        params: a configuration; its number of classes is resolved here.

    Returns:
        Genotype, network, levels and image size in words; `backbone_trainable`,
        `backbone_multiply_adds` (from the layout, up to the highest level) and, of the whole
        detector, `trainable` and `total` weights.

    Raises:
        UserError: the detector is impossible, or its number of classes unknown.
    """
    config = params.task.model
    resolve.resolve_model(params)
    result: dict[str, Any] = {
        "image_size": "x".join(str(n) for n in config.input_size),
        "classes": config.num_classes - 1,
        "levels": f"{config.min_level} to {config.max_level}",
    }
    if config.backbone.type == "cells":
        settings = config.backbone.cells
        size = (config.input_size[0], config.input_size[1])
        genotype, stacked = stack_of(settings, image_size=size)
        stacked = stacked.replace(num_classes=None, auxiliary_head=False)
        levels = tuple(levels_of(settings, stacked).values())
        counts = cells.summary.summarize(stack(genotype, stacked), levels, size)
        result |= {
            "genotype": genotype.name,
            "network": f"{stacked.normal_cells} @ {penultimate_filters(genotype, stacked)}",
            "backbone_trainable": counts.trainable,
            "backbone_multiply_adds": counts.multiply_adds,
        }
    built = task.create(params.task).build_model()
    result["trainable"] = _size(built.trainable_weights)
    result["total"] = _size(built.weights)
    return result


def _size(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)
