"""Random recurrent cells, drawn by a seed."""

from __future__ import annotations

import numpy as np

from cells.recurrent.genotype import (
    ACTIVATIONS,
    COMBINATIONS,
    FIRST,
    Highway,
    HighwayNode,
    Inject,
    Node,
    Tree,
)


def random_tree(rng: np.random.Generator, base: int = 8) -> Tree:
    nodes = 2 * base - 1

    def pair() -> tuple[str, str]:
        return str(rng.choice(COMBINATIONS)), str(rng.choice(ACTIVATIONS))

    return Tree(
        tuple(Node(*pair()) for _ in range(nodes)),
        Inject(int(rng.integers(nodes)), *pair()),
        int(rng.integers(nodes)),
    )


def random_highway(rng: np.random.Generator, nodes: int = 8) -> Highway:
    made = tuple(
        HighwayNode(int(rng.integers(i + 1)), str(rng.choice(ACTIVATIONS))) for i in range(nodes)
    )
    ends = set(range(1, nodes + 1)) - {node.input for node in made}
    output = ends | set(rng.choice(nodes + 1, 3).tolist())
    return Highway(made, tuple(sorted(output)), str(rng.choice(FIRST)))
