"""The child network of a candidate, and its size, without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from cell_search.evaluators._base import Evaluator
from cells.genotype.genotype import Genotype
from cells.network import presets
from cells.network.stack import StackConfig, stack
from cells.operations.counts import Summary, summarize
from cells.operations.primitives import Size


@dataclass(frozen=True)
class ChildEvaluator(Evaluator):
    """An evaluator that makes a network for small images of a candidate's cells.

    Attributes:
        normal_cells: N.
        filters: F.
    """

    normal_cells: int = 2
    filters: int = 32

    def child(self, genotype: Genotype, size: Size, num_classes: int) -> StackConfig:
        """The child network of a candidate.

        Args:
            genotype: the candidate.
            size: height and width of the images.
            num_classes: classes.

        Raises:
            UserError: it is impossible.
        """
        return child_config(
            genotype,
            normal_cells=self.normal_cells,
            filters=self.filters,
            size=size,
            num_classes=num_classes,
        )

    def network(self) -> dict[str, int]:
        return {"normal_cells": self.normal_cells, "filters": self.filters}


def child_config(
    genotype: Genotype, *, normal_cells: int, filters: int, size: Size, num_classes: int
) -> StackConfig:
    """The network for small images.

    Args:
        genotype: the cells.
        normal_cells: N, Normal cells in each of three groups.
        filters: F, channels of the first group.
        size: height and width of the images.
        num_classes: classes.

    Raises:
        UserError: it is impossible.
    """
    return presets.configure(
        genotype,
        "cifar",
        normal_cells=normal_cells,
        filters=filters,
        image_size=size,
        num_classes=num_classes,
    )


def child_summary(genotype: Genotype, config: StackConfig) -> Summary:
    """Counts parameters and multiply-adds.

    Args:
        genotype: the cells.
        config: the network.
    """
    return summarize(stack(genotype, config), ("logits",), config.image_size)


def child_sizes(genotype: Genotype, config: StackConfig) -> dict[str, float]:
    """The same as metrics of a candidate.

    Args:
        genotype: the cells.
        config: the network.

    Returns:
        `parameters` and `multiply_adds`.
    """
    counts = child_summary(genotype, config)
    assert counts.multiply_adds is not None
    return {"parameters": counts.trainable, "multiply_adds": counts.multiply_adds}
