"""A small residual network that people designed: the dense yardstick of what a search finds.

Eight 3x3 convolutions and a fully connected layer, the network of quick CIFAR trainings (Page
2018, "How to train your ResNet") at a quarter of its width: a convolution; three stages, each a
convolution and a maximum pool that halves the map; and behind the pools of the first and the last
stage two convolutions with an identity around them (He et al. 2015, arXiv:1512.03385). At F = 16
the widths are 16, 32, 64 and 128, and with 10 classes it has 412,954 trained weights and 1,120
batch-norm statistics, 414,074 numbers in all, and 24.0 million multiply-adds for an image of 32x32.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from cells.operations.blocks import classify, conv_bn
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import Add, Input, Pool, Size
from cells.support.errors import UserError

STAGES = 3

#: The smallest height and width with which every pool finds 2 pixels to halve.
LEAST_SIZE = 2 ** (STAGES - 1) + 1


@dataclass(frozen=True)
class ResidualConfig:
    """The network.

    Attributes:
        filters: F, channels of the first convolution; they double with every stage.
        image_size: (height, width), or None for images of any size.
        image_channels: 3 for RGB.
        num_classes: classes of the head.
        dropout: rate before the head.
        batch_norm_momentum, batch_norm_epsilon: of every batch norm.
    """

    filters: int = 16
    image_size: Size | None = (32, 32)
    image_channels: int = 3
    num_classes: int = 10
    dropout: float = 0.0
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5

    def replace(self, **changes: object) -> ResidualConfig:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def residual(config: ResidualConfig) -> Graph:
    """Lays out the residual network.

    Args:
        config: the network.

    Returns:
        A graph with the output `logits`.

    Raises:
        UserError: the configuration is impossible; names field and remedy.

    Example:
        >>> residual(ResidualConfig()).outputs["logits"].channels
        10
    """
    _check(config)
    graph = Graph()
    image = graph.add("image", Input(config.image_channels))
    x = _activated(graph, "stem", image, config.filters)
    for stage in range(1, STAGES + 1):
        name = f"stage_{stage}"
        x = _activated(graph, name, x, config.filters * 2**stage)
        x = graph.add(f"{name}_pool", Pool((2, 2), (2, 2)), x)
        if stage in (1, STAGES):
            y = _activated(graph, f"{name}_residual_1", x, x.channels)
            y = _activated(graph, f"{name}_residual_2", y, x.channels)
            x = graph.add(f"{name}_add", Add(), x, y)
    classify(graph, x, config.num_classes, config.dropout)
    return graph


def _activated(graph: Graph, name: str, x: Tensor, filters: int) -> Tensor:
    """3x3 convolution, batch norm, relu."""
    return graph.relu(conv_bn(graph, name, x, filters, (3, 3)))


def _check(config: ResidualConfig) -> None:
    for field, value in (("filters", config.filters), ("num_classes", config.num_classes)):
        if value < 1:
            raise UserError(f"{field}: {value} is too small; use at least 1")
    if not 0.0 <= config.dropout < 1.0:
        raise UserError(f"dropout: {config.dropout} is not in [0, 1); 0 is off")
    if config.image_size is not None and min(config.image_size) < LEAST_SIZE:
        height, width = config.image_size
        raise UserError(
            f"image_size: {height}x{width} is too small for the residual network, which halves it "
            f"{STAGES} times; use at least {LEAST_SIZE}x{LEAST_SIZE}"
        )
