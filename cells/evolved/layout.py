"""An evolved graph as a graph of primitives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cells.operations.blocks import classify
from cells.operations.counts import summarize
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import (
    Add,
    BatchNorm,
    Conv,
    FitChannels,
    Input,
    Resize,
    Size,
    halved,
)
from cells.support.errors import UserError

if TYPE_CHECKING:
    from cells.evolved.graph import Edge, EvolvedGraph

#: Twice those of the largest networks for ImageNet's 331 pixels; channels of a map, and parameters
#: of small maps, beyond all.
MAX_MULTIPLY_ADDS, MAX_CHANNELS, MAX_PARAMETERS = 5 * 10**10, 16_384, 10**9


def layout(
    graph: EvolvedGraph, size: Size | None, classes: int | None, *, channels: int, dropout: float
) -> Graph:
    """Lays out the network. Layers are named by the ids of vertices and edges, so that a child
    finds the weights of its parent.

    Args:
        graph: the network.
        size, classes, channels, dropout: see `cells.operations.architecture.Architecture.layout`.

    Raises:
        UserError: a convolution halves the image until nothing is left, or the network is too
            large.
    """
    laid = _laid_out(graph, size, classes, channels, dropout)
    _check_cost(laid, size)
    return laid


def require_possible(graph: EvolvedGraph) -> None:
    """Raises a UserError where the network is too large for images of every size."""
    # So large that no stride is beyond them.
    side = math.prod(e.convolution.stride for e in graph.edges if e.convolution)
    _check_cost(_laid_out(graph, (side, side), None, 3, 0.0), None)


def _laid_out(
    graph: EvolvedGraph, size: Size | None, classes: int | None, channels: int, dropout: float
) -> Graph:
    laid = Graph()
    tensors: dict[str, Tensor] = {}
    for vertex in graph.order:
        edges = graph.incoming.get(vertex)
        if edges is None:
            x = laid.add("image", Input(channels))
        else:
            brought = [_edge(laid, edge, tensors[edge.source], size) for edge in edges]
            x = brought[0]
            if len(edges) > 1:
                fitted = [
                    _fitted(laid, edge.id, other, x, size)
                    for edge, other in zip(edges[1:], brought[1:], strict=True)
                ]
                x = laid.add(f"{vertex}_sum", Add(), x, *fitted)
        if graph.types[vertex] == "bn_relu":
            x = laid.relu(laid.add(f"{vertex}_bn", BatchNorm(), x))
        tensors[vertex] = x
    classify(laid, x, classes, dropout)
    return laid


def _edge(laid: Graph, edge: Edge, x: Tensor, size: Size | None) -> Tensor:
    conv = edge.convolution
    if conv is None:
        return x
    filters, stride = conv.channels(x.channels), x.stride[0] * conv.stride
    if filters > MAX_CHANNELS:
        raise UserError(
            f"edge {edge.id}: makes {filters:,} channels of {x.channels:,}; the most is "
            f"{MAX_CHANNELS:,}, so use a smaller depth_factor"
        )
    if size is not None and conv.stride > 1 and stride >= 2 * max(size):
        raise UserError(
            f"edge {edge.id}: its stride, {stride} pixels of the image in all, is beyond images of "
            f"{size[0]}x{size[1]}; use a smaller log2_stride"
        )
    strides = (conv.stride, conv.stride)
    return laid.add(f"{edge.id}_conv", Conv(conv.kernel, strides, filters=filters), x)


def _fitted(laid: Graph, name: str, x: Tensor, primary: Tensor, size: Size | None) -> Tensor:
    """What an edge brings, with the size and the channels of the primary one."""
    (have, _), (wanted, _) = x.stride, primary.stride
    if have < wanted:
        x = laid.add(f"{name}_size", Resize(down=wanted // have), x)
    elif have > wanted:
        up = have // wanted
        if size is None:
            raise UserError(
                "image_size: this graph enlarges maps to others' sizes, so it needs the size of "
                "its images; give one"
            )
        crop = tuple(up * halved(n, have) - halved(n, wanted) for n in size)
        x = laid.add(f"{name}_size", Resize(up=up, crop=(crop[0], crop[1])), x)
    if x.channels != primary.channels:
        x = laid.add(f"{name}_channels", FitChannels(primary.channels), x)
    return x


def _check_cost(laid: Graph, size: Size | None) -> None:
    cost = summarize(laid, tuple(laid.outputs), size)
    if cost.trainable > MAX_PARAMETERS:
        raise UserError(
            f"graph: {cost.trainable:,} parameters are beyond {MAX_PARAMETERS:,}; use fewer "
            "channels"
        )
    if size is not None and cost.multiply_adds > MAX_MULTIPLY_ADDS:  # type: ignore[operator]
        raise UserError(
            f"graph: {cost.multiply_adds:,} multiply-adds for an image of {size[0]}x{size[1]} are "
            f"beyond {MAX_MULTIPLY_ADDS:,}; use fewer channels or smaller images"
        )
