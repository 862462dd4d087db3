"""Parameters and multiply-adds of the network that a configuration describes."""

from __future__ import annotations

from typing import Any

import cells.summary
from cells.stack import penultimate_filters, stack
from transfer import network, resolve


def summary(params: Any) -> dict[str, Any]:
    """Counts from the layout; no tensor is made.

    Args:
        params: a configuration; its number of classes is resolved here.

    Returns:
        Genotype, network and image size in words, then `trainable`, `total` and
        `multiply_adds` of the network without its auxiliary head, and `auxiliary_trainable` and
        `auxiliary_total` where it has one.

    Raises:
        UserError: the network is impossible.
    """
    resolve.resolve_model(params)
    genotype, config = network.layout(params.task.model)
    graph = stack(genotype, config)
    counts = cells.summary.summarize(graph, ("logits",), config.image_size)
    result: dict[str, Any] = {
        "genotype": genotype.name,
        "network": f"{config.normal_cells} @ {penultimate_filters(genotype, config)}",
        "image_size": "x".join(str(n) for n in params.task.model.input_size),
        "classes": config.num_classes,
        "trainable": counts.trainable,
        "total": counts.total,
        "multiply_adds": counts.multiply_adds,
    }
    if config.auxiliary_head:
        assert config.image_size is not None
        head = cells.summary.auxiliary_summary(graph, config.image_size)
        result["auxiliary_trainable"] = head.trainable
        result["auxiliary_total"] = head.total
    return result
