"""A network as a graph of primitives, before any framework is asked to build it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cells.operations.primitives import Primitive, Relu, Size


@dataclass(frozen=True)
class Tensor:
    """A hidden state of the network.

    Attributes:
        name: the node that makes it.
        channels: number of channels.
        stride: pixels of the image between two of the map, by rows and by columns. Maps of one
            stride have one size, whatever the size of the image: that is why networks can be
            laid out, and give the same list of weights, without knowing it.
    """

    name: str
    channels: int
    stride: Size


@dataclass(frozen=True)
class Node:
    """A primitive applied to the outputs of earlier nodes."""

    name: str
    primitive: Primitive
    inputs: tuple[Tensor, ...]
    output: Tensor


@dataclass
class Graph:
    """A network.

    Attributes:
        nodes: by name, in the order of computation.
        outputs: by name.
        cells: what the stack laid out (`cells.network.cell.LaidCell`), by what the names of its
            nodes begin with; empty where a graph is made of no cells.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    cells: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, primitive: Primitive, *inputs: Tensor) -> Tensor:
        """Appends a node; `name` becomes the name of its layer.

        Args:
            name: of the node, which becomes the name of its layer.
            primitive: what the node computes.
            *inputs: the tensors that it reads.
        """
        if name in self.nodes:
            raise ValueError(f"a layer is named {name!r} already")
        channels = primitive.out_channels(tuple(i.channels for i in inputs))
        stride = primitive.out_stride(inputs[0].stride if inputs else (1, 1))
        output = Tensor(name, channels, stride)
        self.nodes[name] = Node(name, primitive, inputs, output)
        return output

    def relu(self, x: Tensor) -> Tensor:
        """The activation of `x`: one for all operations that read the same state.

        Args:
            x: the state that is activated.
        """
        name = f"{x.name}_relu"
        return self.nodes[name].output if name in self.nodes else self.add(name, Relu(), x)

    def needed(self, outputs: Iterable[str]) -> list[Node]:
        """The nodes that the named outputs depend on, in order of computation."""
        wanted = {self.outputs[name].name for name in outputs}
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted.update(t.name for t in node.inputs)
        return [node for node in self.nodes.values() if node.name in wanted]

    def sizes(self, image: Size) -> dict[str, Size]:
        """Height and width of every node's output for an image of `image` pixels."""
        sizes: dict[str, Size] = {}
        for node in self.nodes.values():
            size = sizes[node.inputs[0].name] if node.inputs else image
            sizes[node.name] = node.primitive.out_size(size)
        return sizes
