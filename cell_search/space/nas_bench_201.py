"""The space of NAS-Bench-201 (Dong & Yang 2020), whose cells are no genotypes.

A cell has four nodes; each of its six edges is an operation, and a node sums one to three of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cell_search.space.space import Decision, Space

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

#: An edge i -> j of the cell is one operation; the order is that of the architecture string.
EDGES = ("op01", "op02", "op12", "op03", "op13", "op23")


@dataclass(frozen=True)
class NasBench201Space(Space):
    """All 15,625 cells."""

    decisions: tuple[Decision, ...] = tuple(Decision(e, OPERATIONS, "operation") for e in EDGES)

    def describe(self, point: Mapping[str, Any]) -> str:
        return architecture(point)


SPACE = NasBench201Space()


def architecture(point: Mapping[str, Any]) -> str:
    """The benchmark's own name of a cell, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.

    Args:
        point: a choice for each decision, by name.
    """
    return "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*(point[edge] for edge in EDGES))


def network_size(point: Mapping[str, Any], classes: int = 10) -> tuple[int, int]:
    """Trainable parameters and multiply-adds (32x32 images) of the network of a cell.

    The network of Dong & Yang 2020, section 2.1: a 3x3 convolution to 16 channels, three stages
    of five cells with 16, 32 and 64, a residual block with stride 2 between them, global pooling
    and a linear layer. Biases are there only in the last, scales and shifts after every
    convolution but the shortcuts'; scales and shifts cost no multiply-adds, the last biases do.

    Args:
        point: a choice for each decision, by name.
        classes: of the data set.
    """
    channels, cells, image = (16, 32, 64), 5, 32 * 32
    kernels = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}
    weights = [kernels[point[edge]] for edge in EDGES if point[edge] in kernels]
    parameters, multiply_adds = 3 * 9 * channels[0] + 2 * channels[0], 3 * 9 * channels[0] * image
    for stage, width in enumerate(channels):
        pixels = image // 4**stage
        if stage:
            before = width // 2
            block = 9 * before * width + 9 * width * width + before * width
            parameters += block + 2 * width * 2
            multiply_adds += block * pixels
        parameters += cells * sum(k * width * width + 2 * width for k in weights)
        multiply_adds += cells * pixels * sum(k * width * width for k in weights)
    last = channels[-1]
    linear = last * classes + classes
    return parameters + 2 * last + linear, multiply_adds + linear
