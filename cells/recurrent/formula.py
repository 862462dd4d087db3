"""One step of a recurrent cell, in the functions of any library of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cells.recurrent.genotype import Highway, Tree


@dataclass(frozen=True)
class Library:
    """The functions that a step needs beside `+`, `-`, `*` and slices.

    Attributes:
        matmul: product of matrices.
        tanh, sigmoid, relu: by element.
    """

    matmul: Callable[[Any, Any], Any]
    tanh: Callable[[Any], Any]
    sigmoid: Callable[[Any], Any]
    relu: Callable[[Any], Any]

    def activate(self, name: str, x: Any) -> Any:
        """Applies one of `cells.recurrent.genotype.ACTIVATIONS`."""
        return x if name == "identity" else getattr(self, name)(x)


def tree_step(
    tree: Tree, library: Library, weights: Mapping[str, Any], x: Any, h: Any, c: Any
) -> tuple[Any, Any]:
    """h_t and c_t of a tree.

    Args:
        tree: the cell.
        library: its functions.
        weights: by the names of `cells.recurrent.counts.shapes`.
        x: x_t, `(batch, inputs)`.
        h: h_{t-1}, `(batch, units)` or `(batch, projection)`.
        c: c_{t-1}, `(batch, units)`.
    """
    from_x = library.matmul(x, weights["kernel"])
    from_h = library.matmul(h, weights["recurrent_kernel"])
    if "bias" in weights:
        from_h = from_h + weights["bias"]
    units = weights["kernel"].shape[1] // tree.base
    values: list[Any] = []
    memory = None
    for i, node in enumerate(tree.nodes):
        if below := tree.children(i):
            left, right = values[below[0]], values[below[1]]
        else:
            left, right = (part[:, i * units : (i + 1) * units] for part in (from_x, from_h))
        value = _combined(node.combine, left, right)
        if i == tree.memory:
            memory = value
        value = library.activate(node.activation, value)
        if i == tree.inject.node:
            value = _combined(tree.inject.combine, value, c)
            value = library.activate(tree.inject.activation, value)
        values.append(value)
    output = values[-1]
    if "projection" in weights:
        output = library.matmul(output, weights["projection"])
    return output, memory


def highway_step(
    cell: Highway,
    library: Library,
    weights: Mapping[str, Any],
    x: Any,
    h: Any,
    dropped: Callable[[Any], Any] = lambda state: state,
) -> Any:
    """h_t of a highway cell.

    Args:
        cell: the cell.
        library: its functions.
        weights: by the names of `cells.recurrent.counts.shapes`.
        x: x_t, `(batch, inputs)`.
        h: h_{t-1}, `(batch, units)`.
        dropped: what becomes of a state before a product.
    """

    def moved(state: Any, product: Any, activation: str) -> Any:
        units = product.shape[1] // 2
        gate, candidate = product[:, :units], product[:, units:]
        if cell.first == "candidate":
            gate, candidate = candidate, gate
        towards = library.activate(activation, candidate)
        return state + library.sigmoid(gate) * (towards - state)

    product = library.matmul(x, weights["kernel"])
    product = product + library.matmul(dropped(h), weights["recurrent_kernel"])
    states = [moved(h, product, "tanh")]
    for n, node in enumerate(cell.nodes, 1):
        state = states[node.input]
        product = library.matmul(dropped(state), weights[f"node_{n}"])
        states.append(moved(state, product, node.activation))
    return _mean([states[state] for state in cell.output])


def _combined(name: str, left: Any, right: Any) -> Any:
    return left * right if name == "mult" else left + right


def _mean(values: Sequence[Any]) -> Any:
    return sum(values[1:], values[0]) / len(values)
