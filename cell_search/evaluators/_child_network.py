"""The child network of a candidate, and its size, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cell_search.evaluators._base import Evaluator
from cell_search.images import ImageSettings, size_and_classes
from cell_search.space.network_space import WholeNetworkSpace
from cell_search.space.space import Space
from cells.kinds.files import ImageGenotype
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.operations.counts import Summary, summarize
from cells.operations.primitives import Size
from cells.support.errors import UserError

if TYPE_CHECKING:
    from cell_search.costs.table import CostTable


@dataclass(frozen=True)
class ChildEvaluator(Evaluator):
    """An evaluator that makes a network for small images of a candidate's cells.

    Attributes:
        normal_cells: N.
        filters: F.
    """

    normal_cells: int = 2
    filters: int = 32

    def child(self, genotype: ImageGenotype, size: Size, num_classes: int) -> StackConfig:
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

    def trained_child(self, genotype: ImageGenotype, size: Size, num_classes: int) -> StackConfig:
        """The same as it is trained, where that differs; see `child`."""
        return self.child(genotype, size, num_classes)

    def knows(self, point: Mapping[str, Any], space: Space, images: ImageSettings) -> bool:
        # Strides may go beyond what images of a size allow; cells were checked for all.
        if not isinstance(space, WholeNetworkSpace):
            return True
        try:
            size, classes = self._size_and_classes(images)
            space.decode(point, name="any").layout(size, classes)
        except UserError:
            return False
        return True

    def costs(
        self, genotype: ImageGenotype | None, images: ImageSettings, table: CostTable
    ) -> dict[str, float]:
        from cell_search.costs import predict

        assert genotype is not None
        config = self.trained_child(genotype, *self._size_and_classes(images))
        return predict.costs(table, genotype, config, self.batch)

    def _size_and_classes(self, images: ImageSettings) -> tuple[Size, int]:
        return size_and_classes(images)

    def network(self) -> dict[str, int]:
        return {"normal_cells": self.normal_cells, "filters": self.filters}


def child_config(
    genotype: ImageGenotype, *, normal_cells: int, filters: int, size: Size, num_classes: int
) -> StackConfig:
    """The network for small images.

    Args:
        genotype: the cells, or a whole network, of which the next two say nothing.
        normal_cells: N, Normal cells in each of three groups.
        filters: F, channels of the first group.
        size: height and width of the images.
        num_classes: classes.

    Raises:
        UserError: it is impossible.
    """
    stacked = {"normal_cells": normal_cells, "filters": filters}
    return presets.configure(
        genotype,
        "cifar",
        **({} if isinstance(genotype, Architecture) else stacked),
        image_size=size,
        num_classes=num_classes,
    )


def child_summary(genotype: ImageGenotype, config: StackConfig) -> Summary:
    """Counts parameters and multiply-adds.

    Args:
        genotype: the cells.
        config: the network.
    """
    return summarize(stack(genotype, config), ("logits",), config.image_size)


def child_sizes(genotype: ImageGenotype, config: StackConfig) -> dict[str, float]:
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
