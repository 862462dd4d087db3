"""The child network of a candidate, and its size, without TensorFlow."""

from __future__ import annotations

from cells import networks
from cells.genotype import Genotype
from cells.primitives import Size
from cells.stack import StackConfig, stack
from cells.summary import Summary, summarize


def child_config(
    genotype: Genotype, *, normal_cells: int, filters: int, size: Size, num_classes: int
) -> StackConfig:
    """The network for small images, N and F as given.

    Raises:
        UserError: it is impossible.
    """
    return networks.configure(
        genotype,
        "cifar",
        normal_cells=normal_cells,
        filters=filters,
        image_size=size,
        num_classes=num_classes,
    )


def child_summary(genotype: Genotype, config: StackConfig) -> Summary:
    """Parameters and multiply-adds."""
    return summarize(stack(genotype, config), ("logits",), config.image_size)


def child_sizes(genotype: Genotype, config: StackConfig) -> dict[str, float]:
    """The same as metrics of a candidate."""
    counts = child_summary(genotype, config)
    assert counts.multiply_adds is not None
    return {"parameters": counts.trainable, "multiply_adds": counts.multiply_adds}
