"""Evolved graphs for tests: what random mutations lead to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from cells.evolved.graph import FIRST, EvolvedGraph
from cells.evolved.mutations import MUTATIONS, draw
from cells.support.errors import UserError

#: Removals undo most of what is inserted where nothing is selected.
GROWING = tuple(name for name in MUTATIONS if not name.startswith("remove"))


def chain(
    count: int,
    seed: int,
    size: tuple[int, int] = (32, 32),
    names: Sequence[str] = tuple(MUTATIONS),
) -> Iterator[tuple[str, EvolvedGraph, EvolvedGraph]]:
    """One mutation after another from the first individual; where one is impossible, another.

    Yields:
        The mutation, the parent, the child.
    """
    rng = np.random.default_rng(seed)
    graph = FIRST
    while count:
        name, _, child = draw(graph, rng, names)
        with contextlib.suppress(UserError):
            child.layout(size, 10)
            yield name, graph, child
            graph, count = child, count - 1


def grown(count: int, seed: int, size: tuple[int, int] = (32, 32)) -> EvolvedGraph:
    """The graph at the end of a chain of mutations that remove nothing."""
    return list(chain(count, seed, size, GROWING))[-1][2]
