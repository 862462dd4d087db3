"""Parameters and multiply-adds of a network, counted from its layout without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from cells.operations.graph import Graph, Node
from cells.operations.primitives import Size


@dataclass(frozen=True)
class Summary:
    """Counts of one network.

    Attributes:
        trainable: kernels, batch-norm scales and shifts, biases of the heads.
        total: `trainable` and the batch-norm statistics.
        multiply_adds: products of one image in convolutions and fully connected layers; biases,
            batch norm, pools and sums are not counted. None without an image size.

    Example:
        >>> cells.summarize("nasnet_a", network="imagenet_large").multiply_adds
        23783414658
    """

    trainable: int
    total: int
    multiply_adds: int | None


def summarize(graph: Graph, outputs: tuple[str, ...], image: Size | None) -> Summary:
    """Counts what the named outputs of `graph` need, for an image of `image` pixels."""
    return count(graph.needed(outputs), graph.sizes(image) if image else None)


def auxiliary_summary(graph: Graph, image: Size) -> Summary:
    """Counts the auxiliary head by itself."""
    nodes = [n for n in graph.needed(["auxiliary_logits"]) if n.name.startswith("auxiliary_")]
    return count(nodes, graph.sizes(image))


def count(nodes: list[Node], sizes: dict[str, Size] | None) -> Summary:
    """Counts a list of nodes, with the sizes of all tensors where multiply-adds are wanted.

    Args:
        nodes: in the order of computation.
        sizes: height and width of each output by the name of its node; None counts no
            multiply-adds.
    """
    trainable = statistics = products = 0
    for node in nodes:
        if not node.inputs:
            continue
        x = node.inputs[0]
        trainable += node.primitive.trainable(x.channels)
        statistics += node.primitive.statistics(x.channels)
        if sizes is not None:
            products += node.primitive.multiply_adds(x.channels, sizes[x.name])
    return Summary(trainable, trainable + statistics, None if sizes is None else products)


@dataclass(frozen=True)
class Activations:
    """Numbers that the maps of one image hold; times 4 they are bytes in float32.

    Attributes:
        inference: most that are needed at one time, a map being dropped behind its last reader.
        training: all of them, which are kept for the gradients.
        layers: how many maps there are.
    """

    inference: int
    training: int
    layers: int


def activations(graph: Graph, outputs: tuple[str, ...], image: Size) -> Activations:
    """Counts the maps of one image of `image` pixels, in the order in which they are computed.

    An estimate: frameworks fuse layers, and need room to work in.
    """
    nodes, sizes = graph.needed(outputs), graph.sizes(image)
    last = {t.name: i for i, node in enumerate(nodes) for t in node.inputs}
    numbers = {n.name: n.output.channels * sizes[n.name][0] * sizes[n.name][1] for n in nodes}
    held = peak = 0
    for i, node in enumerate(nodes):
        held += numbers[node.name]
        peak = max(peak, held)
        held -= sum(numbers[name] for name in {t.name for t in node.inputs} if last[name] == i)
    return Activations(peak, sum(numbers.values()), len(nodes) - 1)
