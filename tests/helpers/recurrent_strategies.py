"""Random recurrent cells, drawn by a seed, and what they compute, on numpy."""

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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
}
JOINS = {"add": np.add, "mult": np.multiply}


def tree_in_numpy(tree: Tree, kernel, recurrent_kernel, x, h, c):
    """The definition read from the top down: a node asks for what it reads."""
    leaves = (len(tree.nodes) + 1) // 2
    from_x = np.split(x @ kernel, leaves, axis=1)
    from_h = np.split(h @ recurrent_kernel, leaves, axis=1)
    memory = {}

    def value(level: int, place: int):
        number = sum(leaves >> below for below in range(level)) + place
        if level == 0:
            pair = from_x[place], from_h[place]
        else:
            pair = value(level - 1, 2 * place), value(level - 1, 2 * place + 1)
        node = tree.nodes[number]
        memory[number] = JOINS[node.combine](*pair)
        result = FUNCTIONS[node.activation](memory[number])
        if number == tree.inject.node:
            joined = JOINS[tree.inject.combine](result, c)
            result = FUNCTIONS[tree.inject.activation](joined)
        return result

    top = value(leaves.bit_length() - 1, 0)
    return top, memory[tree.memory]
