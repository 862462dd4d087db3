"""A key that is equal for evolved graphs of the same function, whatever their ids."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cells.evolved.graph import Edge, EvolvedGraph


def canonical_key(graph: EvolvedGraph) -> str:
    """64 hexadecimal digits.

    Each vertex is described by all that leads to it and by all that it leads to; the sorted
    descriptions are the graph's. Precedence counts as far as it says which edge is primary.

    Args:
        graph: the network.
    """
    primary = {edges[0].id for edges in graph.incoming.values()}
    outgoing: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        outgoing.setdefault(edge.source, []).append(edge)
    before: dict[str, str] = {}
    for vertex in graph.order:
        edges = graph.incoming.get(vertex, [])
        told = sorted([_edge(e, primary), before[e.source]] for e in edges)
        before[vertex] = _digest([vertex == "input", graph.types[vertex], told])
    after: dict[str, str] = {}
    for vertex in reversed(graph.order):
        told = sorted(
            [_edge(e, primary), before[e.target], after[e.target]] for e in outgoing.get(vertex, [])
        )
        after[vertex] = _digest(told)
    described = sorted([before[vertex], after[vertex]] for vertex in graph.order)
    return _digest([graph.learning_rate, described])


def _edge(edge: Edge, primary: set[str]) -> str:
    conv = edge.convolution
    numbers = [] if conv is None else [*conv.kernel, conv.stride, conv.depth_factor]
    return json.dumps([edge.id in primary, numbers])


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
