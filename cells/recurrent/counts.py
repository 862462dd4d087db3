"""How many weights a recurrent cell has, counted without building it."""

from __future__ import annotations

from cells.recurrent.genotype import Highway, Tree


def shapes(
    cell: Tree | Highway,
    inputs: int,
    units: int,
    *,
    projection: int | None = None,
    use_bias: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The shapes of a cell's weights by name, in the order in which its layer holds them.

    The columns of a tree's kernels are those of its leaves, one block of `units` after the other.

    Args:
        cell: a cell.
        inputs: width of x_t.
        units: width of the cell.
        projection: width of h_t where a matrix makes it of the last node; of trees only.
        use_bias: whether leaves have a bias, beside h_{t-1}'s product; of trees only.
    """
    blocks = cell.base if isinstance(cell, Tree) else 2
    weights: dict[str, tuple[int, ...]] = {
        "recurrent_kernel": (projection or units, blocks * units),
        "kernel": (inputs, blocks * units),
    }
    if isinstance(cell, Highway):
        return weights | {f"node_{n}": (units, 2 * units) for n in range(1, len(cell.nodes) + 1)}
    if use_bias:
        weights["bias"] = (blocks * units,)
    if projection:
        weights["projection"] = (units, projection)
    return weights
