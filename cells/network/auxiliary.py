"""The auxiliary head: a second classifier for training, about 2/3 of the way up."""

from __future__ import annotations

from cells.operations.blocks import conv_bn
from cells.operations.families import Auxiliary
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import BatchNorm, Conv, Dense, Flatten, GlobalPool, Pool, Size
from cells.support.errors import UserError

#: Smallest map that its 5x5 pool can read.
POOL = 5


def auxiliary_head(
    graph: Graph,
    x: Tensor,
    size: Size,
    num_classes: int,
    rules: Auxiliary,
    *,
    large: bool,
    scale: float = 1.0,
) -> Tensor:
    """Adds the head to `graph`.

    Args:
        graph: where its nodes go; their names begin with `auxiliary`.
        x: the output of the cell that `rules` name.
        size: height and width of `x`, since its last kernel is as large as the map.
        num_classes: classes.
        rules: of the genotype's family.
        large: whether the network is one for large images.
        scale: factor of its 128 and 768 filters, rounded down (0.4 in AmoebaNet's code).

    Returns:
        The auxiliary logits.

    Raises:
        UserError: the map is smaller than the 5x5 pool.
    """
    if min(size) < POOL:
        raise UserError(
            f"auxiliary_head: its map of {size[0]}x{size[1]} is smaller than its 5x5 pool; use "
            "larger images, or leave the auxiliary head out"
        )
    stride = rules.large_stride if large else 3
    pool = Pool((POOL, POOL), (stride, stride), "valid", mean=True)
    x = graph.add("auxiliary_pool", pool, graph.relu(x))
    x = graph.relu(conv_bn(graph, "auxiliary_project", x, int(128 * scale)))
    whole = Conv(
        pool.out_size(size),
        padding="valid" if rules.whole_map else "same",
        filters=int(768 * scale),
    )
    x = graph.add("auxiliary_whole_conv", whole, x)
    if rules.large_norm or not large:
        x = graph.add("auxiliary_whole_bn", BatchNorm(), x)
    x = graph.relu(x)
    flat = Flatten() if rules.whole_map else GlobalPool()
    x = graph.add("auxiliary_flatten", flat, x)
    return graph.add("auxiliary_logits", Dense(num_classes, rules.bias), x)
