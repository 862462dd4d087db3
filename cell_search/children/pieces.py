"""A network cut into pieces that other networks have, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cells.operations.graph import Graph, Node
from cells.operations.primitives import (
    Add,
    BatchNorm,
    Concat,
    Dropout,
    DropPath,
    Input,
    Primitive,
    Relu,
    Size,
    WeightedSum,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A chain of primitives; the first takes all inputs. What is compiled as one function.

    Attributes:
        primitives: in order of computation.
        channels: of each input.
        size: height and width of the inputs.
    """

    primitives: tuple[Primitive, ...]
    channels: tuple[int, ...]
    size: Size

    @cached_property
    def trained(self) -> tuple[tuple[Shape, ...], ...]:
        """Shapes of the trained weights of each primitive, in Keras's order."""
        return tuple(shapes[: len(shapes) - moved] for shapes, moved in self._shapes())

    @cached_property
    def moved(self) -> tuple[tuple[Shape, ...], ...]:
        """Shapes of the batch-norm statistics of each primitive, in Keras's order."""
        return tuple(shapes[len(shapes) - moved :] for shapes, moved in self._shapes())

    def _shapes(self) -> Iterable[tuple[tuple[Shape, ...], int]]:
        channels = self.channels
        for primitive in self.primitives:
            shapes = primitive.weight_shapes(channels[0])
            yield shapes, 2 if isinstance(primitive, BatchNorm) else 0
            channels = (primitive.out_channels(channels),)

    @property
    def random(self) -> bool:
        """Whether training it draws random numbers."""
        return any(isinstance(p, (DropPath, Dropout)) for p in self.primitives)


@dataclass(frozen=True)
class Place:
    """Where a network has a piece.

    Attributes:
        piece: what it computes.
        reads: the states that it reads, by name; the image is called as its node.
        gives: the state that it makes.
        layers: the name of each primitive's node, which is that of its Keras layer.
    """

    piece: Piece
    reads: tuple[str, ...]
    gives: str
    layers: tuple[str, ...]


def cut(graph: Graph, outputs: Iterable[str], image: Size) -> list[Place]:
    """Cuts what the outputs of a network depend on into pieces.

    A piece ends where a batch norm or a sum does, since there the next operation begins; another
    begins with the activation of the state that it reads. So a separable convolution is twice the
    same piece, and few pieces make many networks. An activation with several readers is
    computed in each: that costs less than one more call.

    Args:
        graph: the network.
        outputs: names of the graph's outputs.
        image: height and width.

    Returns:
        The places in order of computation.
    """
    nodes = graph.needed(outputs := list(outputs))
    sizes = graph.sizes(image)
    readers = Counter(t.name for node in nodes for t in node.inputs)
    # Outputs have a reader outside.
    readers.update(graph.outputs[name].name for name in outputs)
    # States that are read as they are, and not only each by a piece of its own.
    shared = {t.name for node in nodes if len(node.inputs) > 1 for t in node.inputs}
    shared.update(graph.outputs[name].name for name in outputs)
    chains: dict[str, list[Node]] = {}
    for node in nodes:
        if isinstance(node.primitive, Input) or _opens(node, shared):
            continue
        before = graph.nodes[node.inputs[0].name]
        if len(node.inputs) == 1 and readers[before.name] == 1 and _goes_on(before, node):
            chains[node.name] = [*chains.pop(before.name), node]
        else:
            chains[node.name] = [before, node] if _opens(before, shared) else [node]
    return [_place(name, chain, sizes) for name, chain in chains.items()]


def _opens(node: Node, shared: set[str]) -> bool:
    """Whether a node is no piece's own, but the beginning of each that reads it."""
    return isinstance(node.primitive, Relu) and node.name not in shared


def _goes_on(before: Node, node: Node) -> bool:
    """Whether the piece that ends in `before` takes in `node`."""
    if isinstance(before.primitive, Concat):
        return isinstance(node.primitive, BatchNorm)
    ends = (Input, BatchNorm, Add, WeightedSum, DropPath, Relu)
    return not isinstance(before.primitive, ends) and not isinstance(node.primitive, DropPath)


def _place(name: str, chain: list[Node], sizes: dict[str, Size]) -> Place:
    inputs = chain[0].inputs
    piece = Piece(
        tuple(node.primitive for node in chain),
        tuple(t.channels for t in inputs),
        sizes[inputs[0].name],
    )
    return Place(piece, tuple(t.name for t in inputs), name, tuple(n.name for n in chain))
