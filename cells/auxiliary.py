"""The auxiliary head: a second classifier for training, 2/3 of the way up (TF-slim)."""

from __future__ import annotations

from cells.errors import UserError
from cells.graph import Graph, Tensor
from cells.parts import conv_bn
from cells.primitives import BatchNorm, Conv, Dense, Flatten, Pool, Size

#: Smallest map that its 5x5 pool can read.
POOL = 5


def auxiliary_head(graph: Graph, x: Tensor, size: Size, num_classes: int) -> Tensor:
    """Adds the head to `graph`.

    Args:
        graph: where its nodes go; their names begin with `auxiliary`.
        x: the last state of the second group.
        size: height and width of `x`, since its last kernel is as large as the map.
        num_classes: classes.

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
    pool = Pool((POOL, POOL), (3, 3), "valid", mean=True)
    x = graph.add("auxiliary_pool", pool, graph.relu(x))
    x = graph.relu(conv_bn(graph, "auxiliary_project", x, 128))
    kernel = pool.out_size(size)
    x = graph.add("auxiliary_whole_conv", Conv(kernel, padding="valid", filters=768), x)
    x = graph.relu(graph.add("auxiliary_whole_bn", BatchNorm(), x))
    x = graph.add("auxiliary_flatten", Flatten(), x)
    return graph.add("auxiliary_logits", Dense(num_classes), x)
