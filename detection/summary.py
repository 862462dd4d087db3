"""Parameters and multiply-adds of the detector that a configuration describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cells.genotype.genotype import Genotype
from cells.network.stack import stack
from cells.network.stack_config import penultimate_filters
from cells.operations import counts as cells_summary
from detection.training import complete, task
from transfer.config.cells_backbone import levels_of, stack_of


def summary(params: Any) -> dict[str, Any]:
    """Counts.

    Args:
        params: a configuration; is changed, its number of classes is resolved here.

    Returns:
        Genotype, network, levels and image size in words; `backbone_trainable`,
        `backbone_multiply_adds` (from the layout, up to the highest level) and, of the whole
        detector, what `counts` gives.

    Raises:
        UserError: the detector is impossible, or its number of classes unknown.
    """
    config = params.task.model
    complete.resolve_model(params)
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
        told = cells_summary.summarize(stack(genotype, stacked), levels, size)
        assert isinstance(genotype, Genotype)  # Of others there are no levels.
        result |= {
            "genotype": genotype.name,
            "network": f"{stacked.normal_cells} @ {penultimate_filters(genotype, stacked)}",
            "backbone_trainable": told.trainable,
            "backbone_multiply_adds": told.multiply_adds,
        }
    # The other kinds are unrolled class by class, and none has a multiply-add.
    config.detection_generator.nms_version = "batched"
    return result | counts(task.create(params.task).build_model(), config.input_size)


def counts(model: Any, input_size: Sequence[int]) -> dict[str, int]:
    """Counts of a whole detector, of whatever backbone.

    Args:
        model: Model Garden's.
        input_size: height, width, channels.

    Returns:
        `trainable` and `total` weights, and `multiply_adds` of its convolutions and matrices for
        one image, by TensorFlow's profiler.
    """
    multiply_adds = _multiply_adds(model, input_size)
    return {
        "trainable": _size(model.trainable_weights),
        "total": _size(model.weights),
        "multiply_adds": multiply_adds,
    }


def _multiply_adds(model: Any, input_size: Sequence[int]) -> int:
    import tensorflow as tf

    profiler = tf.compat.v1.profiler

    @tf.function(autograph=False)
    def look(image: Any) -> Any:
        return model(image, image_shape=tf.constant([input_size[:2]], tf.float32), training=False)

    graph = look.get_concrete_function(tf.TensorSpec([1, *input_size])).graph
    option = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    kinds = ["Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2"]
    option = option.with_accounted_types(kinds).with_empty_output()
    return profiler.profile(graph, options=option.build()).total_float_ops // 2


def _size(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)
