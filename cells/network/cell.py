"""One cell of a network, laid out in a graph (Zoph et al. 2018, appendix A.4; TF-slim)."""

from __future__ import annotations

from dataclasses import dataclass

from cells.genotype.genotype import Cell
from cells.operations.blocks import conv_bn, factorized_reduction, relu_conv_bn
from cells.operations.families import Family
from cells.operations.graph import Graph, Tensor
from cells.operations.operations import OPERATIONS, Rules
from cells.operations.primitives import Add, BorderRule, Concat, DropPath


@dataclass(frozen=True)
class LaidCell:
    """A cell of a network.

    Attributes:
        cell: what it is made of.
        output: its joined states.
    """

    cell: Cell
    output: Tensor


def build_cell(
    graph: Graph,
    name: str,
    cell: Cell,
    earlier: Tensor | None,
    previous: Tensor,
    filters: int,
    *,
    reduction: bool,
    family: Family,
    border: BorderRule = "tensorflow",
    drop_path_keep: float = 1.0,
) -> Tensor:
    """Adds one cell to `graph`.

    Args:
        graph: where its nodes go.
        name: what their names begin with.
        cell: the blocks and the joined states.
        earlier: h_{i-1}, the output of the cell before the previous one; None in the first cell
            of a network whose family has no other for it.
        previous: h_i, the output of the previous cell.
        filters: channels of every state of the cell.
        reduction: whether operations on the two inputs have stride 2.
        family: how the inputs are fitted, and what `identity` becomes at stride 2.
        border: see `cells.operations.primitives.BorderRule`.
        drop_path_keep: probability of keeping a path of this cell at the end of training.

    Returns:
        The joined states: `len(cell.concat) * filters` channels.
    """
    rules = Rules(border, family.strided_identity)
    states = list(family.inputs(graph, name, earlier, previous, filters))
    for b, block in enumerate(cell.blocks):
        results = []
        for side_name, side in block.sides:
            side_full = f"{name}_block_{b}_{side_name}"
            operation = OPERATIONS[side.operation]
            stride = 2 if reduction and side.input < 2 else 1
            x = operation.build(graph, side_full, states[side.input], filters, stride, rules)
            if drop_path_keep < 1.0 and operation.kind != "identity":
                x = graph.add(f"{side_full}_drop_path", DropPath(drop_path_keep), x)
            results.append(x)
        states.append(_combined(graph, f"{name}_block_{b}", block.combine, results, filters))
    joined = [_fitting(graph, name, i, states[i], states[-1]) for i in cell.concat]
    return graph.add(f"{name}_concat", Concat(), *joined) if len(joined) > 1 else joined[0]


def _combined(graph: Graph, name: str, combine: str, results: list[Tensor], filters: int) -> Tensor:
    if combine == "add":
        return graph.add(f"{name}_add", Add(), *results)
    # A joined pair is twice as deep. A 1x1 convolution brings it back, so that every state has
    # `filters` channels and "N @ P" means the same for every genotype.
    joined = graph.add(f"{name}_join", Concat(), *results)
    return relu_conv_bn(graph, f"{name}_project", joined, filters)


def _fitting(graph: Graph, name: str, index: int, state: Tensor, last: Tensor) -> Tensor:
    """A joined state of another size or depth than the last is fitted, without relu."""
    if state.stride != last.stride:
        return factorized_reduction(graph, f"{name}_join_{index}", state, last.channels)
    if state.channels != last.channels:
        return conv_bn(graph, f"{name}_join_{index}", state, last.channels)
    return state
