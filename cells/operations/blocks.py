"""Small groups of primitives that operations and cells share."""

from __future__ import annotations

from typing import Literal

from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import (
    BatchNorm,
    BorderRule,
    Concat,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Pad,
    Shift,
    Size,
)


def padded(
    graph: Graph, name: str, x: Tensor, kernel: Size, stride: Size, border: BorderRule
) -> tuple[Tensor, Literal["same", "valid"]]:
    """What a convolution is to read, and how it is to pad that.

    Args:
        graph, name, x, kernel, stride, border: see `conv_bn`.
    """
    if border != "pytorch" or max(stride) == 1 or max(kernel) == 1:
        return x, "same"
    zeros = Pad((kernel[0] // 2, kernel[1] // 2))
    return graph.add(f"{name}_pad", zeros, x), "valid"


def conv_bn(
    graph: Graph,
    name: str,
    x: Tensor,
    filters: int,
    kernel: Size = (1, 1),
    stride: Size = (1, 1),
    border: BorderRule = "tensorflow",
) -> Tensor:
    """Convolution, batch norm.

    Args:
        graph: where the nodes go.
        name: what the names of the nodes begin with.
        x: what is read.
        filters: channels of the output.
        kernel: height and width, in pixels.
        stride: by rows and columns, in pixels.
        border: see `cells.operations.primitives.BorderRule`.
    """
    x, padding = padded(graph, name, x, kernel, stride, border)
    x = graph.add(f"{name}_conv", Conv(kernel, stride, padding, filters), x)
    return graph.add(f"{name}_bn", BatchNorm(), x)


def relu_conv_bn(
    graph: Graph,
    name: str,
    x: Tensor,
    filters: int,
    kernel: Size = (1, 1),
    stride: Size = (1, 1),
    border: BorderRule = "tensorflow",
) -> Tensor:
    """relu, convolution, batch norm: the order of Zoph et al. 2018, appendix A.4.

    Args:
        graph, name, x, filters, kernel, stride, border: see `conv_bn`.
    """
    return conv_bn(graph, name, graph.relu(x), filters, kernel, stride, border)


def factorized_reduction(graph: Graph, name: str, x: Tensor, filters: int) -> Tensor:
    """Halves a map without losing every other pixel: two 1x1 convolutions of stride 2.

    The second looks at the map shifted by one pixel, so that the two together see the pixels of
    both diagonals. An odd number of filters is split into floor and remainder (TF-slim).
    The stride-2 pick of pixels and the 1x1 convolution behind it are one strided convolution.

    Args:
        graph: where the nodes go.
        name: what the names of the nodes begin with.
        x: what is read.
        filters: channels of the output.
    """
    halves = filters // 2, filters - filters // 2
    shifted = graph.add(f"{name}_shift", Shift(), x)
    paths = [
        graph.add(f"{name}_conv_{i}", Conv((1, 1), (2, 2), "valid", half), source)
        for i, half, source in ((1, halves[0], x), (2, halves[1], shifted))
    ]
    joined = graph.add(f"{name}_concat", Concat(), *paths)
    return graph.add(f"{name}_bn", BatchNorm(), joined)


def classify(
    graph: Graph, x: Tensor, classes: int | None, dropout: float, *, bias: bool = True
) -> None:
    """Ends a network: the output `logits`, of the mean of a map over all its places.

    Args:
        graph: receives the layers.
        x: the map.
        classes: None leaves the classifier out, so that the map is the output `features`.
        dropout: rate before the classifier.
        bias: whether the classifier has biases.
    """
    if classes is None:
        graph.outputs["features"] = x
        return
    x = graph.add("pool", GlobalPool(), x)
    if dropout:
        x = graph.add("dropout", Dropout(dropout), x)
    graph.outputs["logits"] = graph.add("logits", Dense(classes, bias), x)
