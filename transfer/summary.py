"""What a configuration would train: its size by counting."""

from __future__ import annotations

import math
from typing import Any

from cells.network.stack import stack
from cells.network.stack_config import penultimate_filters
from cells.operations import counts as cells_summary
from cells.operations.architecture import Architecture
from transfer.model import baselines, network
from transfer.training import complete

_FLOAT = 4  # Bytes.


def summary(params: Any) -> dict[str, Any]:
    """Counts from the layout; no tensor is made.

    Args:
        params: a configuration; its number of classes is resolved here.

    Returns:
        Genotype, network and image size in words, then `trainable`, `total`, `multiply_adds` and
        `layers` of the network without its auxiliary head; `auxiliary_trainable` and
        `auxiliary_total` where it has one; `inference_bytes`, the most that the maps of one image
        take at one time, and `training_bytes`, those of a whole training batch with all heads,
        both estimates for float32.

    Raises:
        UserError: the network is impossible.
    """
    complete.resolve_model(params)
    if params.task.model.baseline:
        return _of_baseline(params)
    genotype, config = network.layout(params.task.model)
    graph = stack(genotype, config)
    counts = cells_summary.summarize(graph, ("logits",), config.image_size)
    assert config.image_size is not None
    maps = cells_summary.activations(graph, ("logits",), config.image_size)
    result: dict[str, Any] = {
        "genotype": genotype.name,
        "network": (
            genotype.title
            if isinstance(genotype, Architecture)
            else f"{config.normal_cells} @ {penultimate_filters(genotype, config)}"
        ),
        "image_size": "x".join(str(n) for n in params.task.model.input_size),
        "classes": config.num_classes,
        "layers": maps.layers,
        "trainable": counts.trainable,
        "total": counts.total,
        "multiply_adds": counts.multiply_adds,
    }
    if config.auxiliary_head:
        head = cells_summary.auxiliary_summary(graph, config.image_size)
        result["auxiliary_trainable"] = head.trainable
        result["auxiliary_total"] = head.total
        maps = cells_summary.activations(graph, ("logits", "auxiliary_logits"), config.image_size)
    batch = params.task.train_data.global_batch_size
    result["batch"] = batch
    result["inference_bytes"] = maps.inference * _FLOAT
    result["training_bytes"] = maps.training * _FLOAT * batch
    return result


def _of_baseline(params: Any) -> dict[str, Any]:
    """The same of a network of `transfer.model.baselines`, counted on the built one."""
    import tf_keras

    model = baselines.build(params.task.model, tf_keras)
    maps = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    batch = params.task.train_data.global_batch_size
    return {
        "network": params.task.model.baseline,
        "image_size": "x".join(str(n) for n in params.task.model.input_size),
        "classes": params.task.model.num_classes,
        "layers": len(model.layers) - 1,
        "trainable": sum(math.prod(w.shape) for w in model.trainable_weights),
        "total": sum(math.prod(w.shape) for w in model.weights),
        "multiply_adds": baselines.multiply_adds(model),
        "batch": batch,
        "training_bytes": maps * _FLOAT * batch,
    }
