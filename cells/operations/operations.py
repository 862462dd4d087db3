"""The named operations of a cell.

Each is one object: it lays itself out in a `Graph` of primitives, so that its layers, its
parameters and its multiply-adds have one definition, whoever builds it. The stride rule is the
same for all (Zoph et al. 2018, section 3): in a Reduction cell, an operation that reads one of
the cell's two inputs has stride 2, every other has stride 1. Every operation gives `filters`
channels. All convolutions are ordered relu, convolution, batch norm (appendix A.4).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cells.checks.arguments import checked
from cells.operations.blocks import conv_bn, factorized_reduction, padded, relu_conv_bn
from cells.operations.counts import count
from cells.operations.families import StridedIdentity
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import BatchNorm, BorderRule, Input, Pool, SeparableConv, Size
from cells.support.errors import UserError, require_known
from cells.support.registry import Registry

#: Adds the nodes of an operation; the arguments of `Operation.build`.
Layout = Callable[[Graph, str, Tensor, int, int, "Rules"], Tensor]


@dataclass(frozen=True)
class Rules:
    """What code bases do differently at stride 2.

    Attributes:
        border: what windows see beyond the border of the map, and where they lie.
        identity: what `identity` becomes.
    """

    border: BorderRule = "tensorflow"
    identity: StridedIdentity = "convolution"


@dataclass(frozen=True)
class Operation:
    """A named operation.

    Attributes:
        name: as in genotype files.
        title: as in drawings.
        kind: `identity`, `pool`, `separable` or `convolution`; the colour in drawings.
        layout: adds its nodes to a graph; see `build`.
    """

    name: str
    title: str
    kind: str
    layout: Layout

    def build(
        self,
        graph: Graph,
        name: str,
        x: Tensor,
        filters: int,
        stride: int,
        rules: Rules = Rules(),
    ) -> Tensor:
        """Adds the operation to `graph`.

        Args:
            graph: where its nodes go.
            name: what their names begin with.
            x: the state that it reads.
            filters: channels of its output.
            stride: 1, or 2 to halve height and width.
            rules: what libraries do differently at stride 2.

        Returns:
            The output, `filters` deep.
        """
        return self.layout(graph, name, x, filters, stride, rules)

    def parameters(self, channels: int, filters: int, stride: int = 1) -> int:
        """Trainable scalars when it reads `channels` and gives `filters` channels.

        Args:
            channels: channels of the input.
            filters: channels of the output.
            stride: 1, or 2 to halve the map.
        """
        graph = self._alone(channels, filters, stride)
        return count(list(graph.nodes.values()), None).trainable

    def multiply_adds(self, channels: int, filters: int, size: Size, stride: int = 1) -> int:
        """Multiply-adds for a map of `size` (height, width) and `channels`.

        Args:
            channels: channels of the input.
            filters: channels of the output.
            size: height and width of the map, in pixels.
            stride: 1, or 2 to halve the map.
        """
        graph = self._alone(channels, filters, stride)
        products = count(list(graph.nodes.values()), graph.sizes(size)).multiply_adds
        assert products is not None, "sizes are given"
        return products

    def _alone(self, channels: int, filters: int, stride: int) -> Graph:
        graph = Graph()
        self.build(graph, self.name, graph.add("x", Input(channels)), filters, stride)
        return graph


def _identity(
    graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    """Nothing, but where stride or channels must change: relu, strided 1x1, batch norm."""
    if stride == 1 and x.channels == filters:
        return x
    if stride == 2 and rules.identity != "convolution":
        activated = graph.relu(x) if rules.identity == "factorized" else x
        return factorized_reduction(graph, name, activated, filters)
    return relu_conv_bn(graph, name, x, filters, stride=(stride, stride))


def _separable(
    kernel: int, graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    """(relu, depthwise, pointwise, batch norm) twice; the first has the stride."""
    for i, s in ((1, stride), (2, 1)):
        size, strides, part = (kernel, kernel), (s, s), f"{name}_separable_{i}"
        x, padding = padded(graph, part, graph.relu(x), size, strides, rules.border)
        x = graph.add(part, SeparableConv(size, strides, padding, filters), x)
        x = graph.add(f"{name}_bn_{i}", BatchNorm(), x)
    return x


def _dilated(
    kernel: int, graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    """relu, depthwise at dilation 2, pointwise, batch norm, once (as in DARTS and NNI)."""
    x = graph.relu(x)
    dilation = 2
    if stride == dilation:
        # TensorFlow has no strided dilated convolution. At stride 2, dilation 2 reads every
        # other pixel only: the same as a plain convolution of those pixels.
        x = graph.add(f"{name}_pick", Pool((1, 1), (stride, stride), "valid", mean=True), x)
        dilation = 1
    conv = SeparableConv((kernel, kernel), filters=filters, dilation=dilation)
    x = graph.add(f"{name}_separable", conv, x)
    return graph.add(f"{name}_bn", BatchNorm(), x)


def _pool(
    kernel: int,
    mean: bool,
    graph: Graph,
    name: str,
    x: Tensor,
    filters: int,
    stride: int,
    rules: Rules,
) -> Tensor:
    """A pool without relu and batch norm; 1x1 convolution, batch norm where channels change."""
    if rules.border == "pytorch" and stride > 1:
        # Of the windows around all pixels, every other one.
        pool = Pool((kernel, kernel), mean=mean, border=rules.border)
        x = graph.add(f"{name}_around", pool, x)
        pool = Pool((1, 1), (stride, stride), "valid", mean=True)
    else:
        pool = Pool((kernel, kernel), (stride, stride), mean=mean, border=rules.border)
    x = graph.add(f"{name}_pool", pool, x)
    return x if x.channels == filters else conv_bn(graph, name, x, filters)


def _conv(
    kernel: int, graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    size, strides = (kernel, kernel), (stride, stride)
    return relu_conv_bn(graph, name, x, filters, size, strides, rules.border)


def _factorized_conv(
    kernel: int, graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    """1xk then kx1; each halves the direction along which it looks."""
    border = rules.border
    x = relu_conv_bn(graph, f"{name}_row", x, filters, (1, kernel), (1, stride), border)
    return relu_conv_bn(graph, f"{name}_column", x, filters, (kernel, 1), (stride, 1), border)


def _bottleneck(
    layout: Layout, graph: Graph, name: str, x: Tensor, filters: int, stride: int, rules: Rules
) -> Tensor:
    """1x1 to a quarter of the filters, the convolution, 1x1 back (AmoebaNet's code)."""
    narrow = max(filters // 4, 1)
    x = relu_conv_bn(graph, f"{name}_narrow", x, narrow)
    x = layout(graph, f"{name}_middle", x, narrow, stride, rules)
    return relu_conv_bn(graph, f"{name}_widen", x, filters)


def _rows() -> list[Operation]:
    return [
        Operation("identity", "identity", "identity", _identity),
        Operation("conv_1x3_3x1", "1×3 then 3×1", "convolution", partial(_factorized_conv, 3)),
        Operation("conv_1x7_7x1", "1×7 then 7×1", "convolution", partial(_factorized_conv, 7)),
        Operation("dil_conv_3x3", "dil 3×3", "separable", partial(_dilated, 3)),
        Operation("avg_pool_3x3", "avg 3×3", "pool", partial(_pool, 3, True)),
        Operation("max_pool_3x3", "max 3×3", "pool", partial(_pool, 3, False)),
        Operation("max_pool_5x5", "max 5×5", "pool", partial(_pool, 5, False)),
        Operation("max_pool_7x7", "max 7×7", "pool", partial(_pool, 7, False)),
        Operation("conv_1x1", "conv 1×1", "convolution", partial(_conv, 1)),
        Operation("conv_3x3", "conv 3×3", "convolution", partial(_conv, 3)),
        Operation("sep_conv_3x3", "sep 3×3", "separable", partial(_separable, 3)),
        Operation("sep_conv_5x5", "sep 5×5", "separable", partial(_separable, 5)),
        Operation("sep_conv_7x7", "sep 7×7", "separable", partial(_separable, 7)),
        # Of other spaces than NASNet's: DARTS, and AmoebaNet's code.
        Operation("dil_conv_5x5", "dil 5×5", "separable", partial(_dilated, 5)),
        Operation("max_pool_2x2", "max 2×2", "pool", partial(_pool, 2, False)),
        Operation(
            "bottleneck_conv_3x3",
            "narrow 3×3",
            "convolution",
            partial(_bottleneck, partial(_conv, 3)),
        ),
        Operation(
            "bottleneck_conv_1x7_7x1",
            "narrow 1×7",
            "convolution",
            partial(_bottleneck, partial(_factorized_conv, 7)),
        ),
        # Named dilated in AmoebaNet-B's list; the authors' code runs it without dilation.
        Operation("dil_sep_conv_5x5", "dil-sep 5×5", "separable", partial(_separable, 5)),
    ]


#: All operations by name; the first 13 in the order of Zoph et al. 2018, section 3.1.
OPERATIONS: Registry[Operation] = Registry("operation")

#: What an operation is drawn as, and what its layers are.
KINDS = ("identity", "pool", "separable", "convolution")


def add(operation: Operation) -> None:
    """Puts an operation into the table.

    Args:
        operation: the operation.

    Raises:
        UserError: it is no operation, or has a name that is taken or impossible.
    """
    if not isinstance(operation, Operation):
        raise UserError(
            f"operation: {operation!r:.80} is no Operation; write Operation(name, title, kind, "
            "layout), without a comma behind it or parentheses around it"
        )
    try:
        inspect.signature(operation.layout).bind(*"123456")
    except TypeError:
        raise UserError(
            f"layout: {operation.layout!r:.80} is not a function of (graph, name, x, filters, "
            "stride, rules)"
        ) from None
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", operation.name):
        raise UserError(
            f"name: {operation.name!r:.80} is not a name of an operation; use lower-case letters, "
            "digits and _"
        )
    require_known("kind", operation.kind, KINDS)
    if operation.name in OPERATIONS:
        raise UserError(f"name: there is an operation {operation.name!r} already; use another name")
    OPERATIONS[operation.name] = operation


@checked
def register_operation(
    name: str, *, title: str | None = None, kind: str = "convolution"
) -> Callable[[Layout], Layout]:
    """A decorator that makes an operation of a function, for genotypes, spaces and networks.

    Import the module that does so before a genotype is read, or name it with `--import`.

    Args:
        name: as in genotype files: lower-case letters, digits and `_`.
        title: as in drawings; by default the name.
        kind: `identity`, `pool`, `separable` or `convolution`, the colour in drawings.

    Returns:
        The decorator. What it decorates is called as `layout(graph, name, x, filters, stride,
        rules)`, adds primitives to the graph, and returns the output: `filters` channels, half of
        the height and width at stride 2.

    Raises:
        UserError: the name is taken or impossible, or there is no such kind.

    Example:
        >>> from cells.operations.blocks import relu_conv_bn
        >>> @cells.register_operation("conv_5x5", title="conv 5×5")
        ... def conv_5x5(graph, name, x, filters, stride, rules):
        ...     return relu_conv_bn(graph, name, x, filters, (5, 5), (stride, stride))
        >>> block = cells.Block(cells.Side(0, "conv_5x5"), cells.Side(1, "identity"))
    """

    def decorate(layout: Layout) -> Layout:
        add(Operation(name, title or name, kind, layout))
        return layout

    return decorate


for _row in _rows():
    add(_row)
