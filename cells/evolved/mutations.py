"""The eleven mutations of evolved graphs: Real et al. 2017, section 3.2.

Numbers are drawn uniformly between half and twice what they were. From 0 that leads nowhere, and
the paper does not say how filters of one pixel and strides of one grow: here what is below 1 is
drawn from up to 1 below to 1 above, 0 at least. A convolution that is removed takes with it what
follows it, where nothing else leads there; else it becomes an identity.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cells.evolved.graph import INPUT, OUTPUT, TYPES, Convolution, Edge, EvolvedGraph, Vertex
from cells.support.errors import UserError


class Impossible(Exception):
    """A mutation does not apply to a graph, so that another one is to be tried."""


def mutate(graph: EvolvedGraph, mutation: str, seed: int) -> EvolvedGraph:
    """A child of a graph: the same one for the same seed, wherever it is made.

    Args:
        graph: the parent.
        mutation: one of `MUTATIONS`.
        seed: of all that is drawn.

    Raises:
        Impossible: there is nothing to mutate, or the child would be beyond the bounds of graphs.

    Example:
        >>> from cells.evolved.graph import FIRST
        >>> mutate(FIRST, "insert_convolution", seed=1).title
        'evolved graph of 1 convolution'
    """
    rng = np.random.default_rng([seed, list(MUTATIONS).index(mutation)])
    try:
        return MUTATIONS[mutation](graph, rng)
    except UserError as error:
        raise Impossible(str(error)) from None


def draw(
    graph: EvolvedGraph, rng: np.random.Generator, names: Sequence[str] = ()
) -> tuple[str, int, EvolvedGraph]:
    """A random mutation of a graph; where one is impossible, another is drawn.

    Args:
        graph: the parent.
        rng: draws.
        names: of the mutations to draw from, all alike; all eleven by default.

    Returns:
        The mutation and its seed, and the child.
    """
    names = names or tuple(MUTATIONS)
    while True:
        name, seed = names[int(rng.integers(len(names)))], int(rng.integers(2**31))
        with contextlib.suppress(Impossible):
            return name, seed, mutate(graph, name, seed)


def _alter_learning_rate(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    factor = 2.0 ** rng.uniform(-1.0, 1.0)
    return dataclasses.replace(graph, learning_rate=graph.learning_rate * factor)


def _unchanged(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    return graph


def _insert(graph: EvolvedGraph, rng: np.random.Generator, conv: Convolution | None) -> Any:
    """A vertex on an edge of the backbone; a new edge leads there, the old one goes on."""
    old = _drawn(rng, graph.backbone)
    vertex, edge = _new_ids(graph, rng, 2)
    return dataclasses.replace(
        graph,
        vertices=(*graph.vertices, Vertex(vertex, TYPES[rng.integers(len(TYPES))])),
        edges=(
            *_replaced(graph, {old.id: dataclasses.replace(old, source=vertex)}),
            Edge(edge, old.source, vertex, rng.uniform(1.0, 2.0), conv),
        ),
    )


def _insert_convolution(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    return _insert(graph, rng, Convolution(log2_stride=float(rng.integers(2))))


def _insert_one_to_one(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    return _insert(graph, rng, None)


def _remove_convolution(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    edge = _drawn(rng, _convolutions(graph))
    if edge.target == OUTPUT or len(graph.incoming[edge.target]) > 1:
        (new,) = _new_ids(graph, rng, 1)
        identity = dataclasses.replace(edge, id=new, convolution=None)
        return dataclasses.replace(graph, edges=_replaced(graph, {edge.id: identity}))
    onward = {
        e.id: dataclasses.replace(e, source=edge.source)
        for e in graph.edges
        if e.source == edge.target
    }
    return dataclasses.replace(
        graph,
        vertices=tuple(v for v in graph.vertices if v.id != edge.target),
        edges=tuple(e for e in _replaced(graph, onward) if e.id != edge.id),
    )


def _altered(*names: str) -> Callable[[EvolvedGraph, np.random.Generator], EvolvedGraph]:
    """Draws one of some numbers of a random convolution anew."""

    def mutation(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
        edge = _drawn(rng, _convolutions(graph))
        name = names[rng.integers(len(names))]
        value = getattr(edge.convolution, name)
        low, high = value / 2.0, value * 2.0
        if name != "depth_factor" and value < 1.0:
            low, high = max(value - 1.0, 0.0), value + 1.0
        conv = dataclasses.replace(edge.convolution, **{name: rng.uniform(low, high)})  # type: ignore[type-var]
        new = dataclasses.replace(edge, convolution=conv)
        return dataclasses.replace(graph, edges=_replaced(graph, {edge.id: new}))

    return mutation


def _add_skip(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    backbone = [INPUT, *(edge.target for edge in graph.backbone)]
    joined = {(edge.source, edge.target) for edge in graph.edges}
    # A source behind its target would close a cycle.
    pairs = [(a, b) for i, a in enumerate(backbone) for b in backbone[i + 1 :]]
    source, target = _drawn(rng, [pair for pair in pairs if pair not in joined])
    (new,) = _new_ids(graph, rng, 1)
    skip = Edge(new, source, target, rng.uniform(0.0, 1.0))
    return dataclasses.replace(graph, edges=(*graph.edges, skip))


def _remove_skip(graph: EvolvedGraph, rng: np.random.Generator) -> EvolvedGraph:
    skip = _drawn(rng, [e for e in graph.edges if e is not graph.incoming[e.target][0]])
    return dataclasses.replace(graph, edges=tuple(e for e in graph.edges if e is not skip))


#: By name. `reset_weights` changes no graph: whoever trains the child does not let it inherit.
MUTATIONS: dict[str, Callable[[EvolvedGraph, np.random.Generator], EvolvedGraph]] = {
    "alter_learning_rate": _alter_learning_rate,
    "identity": _unchanged,
    "reset_weights": _unchanged,
    "insert_convolution": _insert_convolution,
    "remove_convolution": _remove_convolution,
    "alter_stride": _altered("log2_stride"),
    "alter_channels": _altered("depth_factor"),
    "filter_size": _altered("half_height", "half_width"),
    "insert_one_to_one": _insert_one_to_one,
    "add_skip": _add_skip,
    "remove_skip": _remove_skip,
}


def _convolutions(graph: EvolvedGraph) -> list[Edge]:
    return [edge for edge in graph.edges if edge.convolution is not None]


def _drawn(rng: np.random.Generator, parts: list[Any]) -> Any:
    if not parts:
        raise Impossible("there is nothing to mutate")
    return parts[rng.integers(len(parts))]


def _replaced(graph: EvolvedGraph, new: dict[str, Edge]) -> tuple[Edge, ...]:
    return tuple(new.get(edge.id, edge) for edge in graph.edges)


def _new_ids(graph: EvolvedGraph, rng: np.random.Generator, count: int) -> list[str]:
    """Ids that no part has; random ones, or parts of two children could be taken for one."""
    taken = {vertex.id for vertex in graph.vertices} | {edge.id for edge in graph.edges}
    ids: list[str] = []
    while len(ids) < count:
        new = f"{rng.integers(2**32):08x}"
        if new not in taken:
            ids.append(new)
            taken.add(new)
    return ids
