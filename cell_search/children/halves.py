"""A function and its gradient as two compiled functions, cut from one graph.

TensorFlow's own tape can do the same, but costs more than the smaller pieces compute. Here a
call is a call, and what the gradient needs of the first half is an output of it like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

#: What the second half computes again from its inputs, instead of being handed it: cheap, and
#: (pools) quick only where their gradient stands in the same graph.
_AGAIN = {"Relu", "MaxPool", "Pad", "PadV2", "Const", "Shape", "ShapeN", "Cast", "Reshape"}


@dataclass(frozen=True)
class Halves:
    """The two halves.

    Attributes:
        forward: arguments in; the results, then what is kept for the second half, out.
        backward: gradient of the first result and what was kept in; gradients out.
        kept: where each further argument of `backward` comes from: the number of an argument
            of `forward`, or, behind those, of its outputs.
    """

    forward: Callable[..., list[Any]]
    backward: Callable[..., list[Any]]
    kept: tuple[int, ...]


def halves(
    function: Callable[..., list[Any]],
    arguments: Sequence[tf.TensorSpec],
    wanted: int,
    *,
    xla: bool = False,
) -> Halves:
    """Compiles a function and its gradient.

    Args:
        function: tensors in; a list of tensors out, of which the first is differentiated.
        arguments: shapes and types of its arguments.
        wanted: of how many arguments, from the first on, gradients are wanted.
        xla: whether XLA compiles the halves.
    """

    def whole(*values: Any) -> tuple[list[Any], list[Any]]:
        results = function(*values)
        dy = tf.compat.v1.placeholder(results[0].dtype, results[0].shape, "dy")
        return results, tf.gradients(results[0], list(values[:wanted]), dy)

    graph = tf.function(whole, autograph=False).get_concrete_function(*arguments).graph
    given = list(graph.inputs[: len(arguments)])
    dy = graph.get_tensor_by_name("dy:0")
    results, gradients = graph.structured_outputs
    kept = _frontier(graph, dy, gradients)
    own = [t for t in kept if not any(t is g for g in given)]
    position = {t.name: i for i, t in enumerate([*given, *results, *own])}
    return Halves(
        _part(graph, given, [*results, *own], xla),
        _part(graph, [dy, *kept], gradients, xla),
        tuple(position[t.name] for t in kept),
    )


def _frontier(graph: Any, dy: Any, gradients: list[Any]) -> list[Any]:
    """The tensors that gradients are computed from, beside `dy`."""
    later = {dy.op.name}
    for operation in graph.get_operations():
        before = [*(t.op for t in operation.inputs), *operation.control_inputs]
        if any(o.name in later for o in before):
            later.add(operation.name)
    found: dict[str, Any] = {}
    waiting = [t.op for t in gradients]
    seen = {dy.op.name}
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        for t in operation.inputs:
            if t.op.name in later or t.op.type in _AGAIN:
                waiting.append(t.op)
            else:
                found[t.name] = t
    return list(found.values())


def _part(graph: Any, given: list[Any], wanted: list[Any], xla: bool) -> Callable[..., Any]:
    """The part of a graph between some of its tensors as a function of its own."""
    nodes, used = _between(graph, given, wanted)

    def run(*values: Any) -> list[Any]:
        places = {t.name: v for t, v in zip(given, values, strict=True) if t.name in used}
        names = [t.name for t in wanted]
        return tf.graph_util.import_graph_def(nodes, places, names, name="")

    arguments = [tf.TensorSpec(t.shape, t.dtype) for t in given]
    compiled = tf.function(run, autograph=False, jit_compile=xla or None)
    return compiled.get_concrete_function(*arguments)


def _between(graph: Any, given: list[Any], wanted: list[Any]) -> tuple[Any, set[str]]:
    """The nodes that make tensors from given ones, and the names of those that they use."""
    names, used, found = {t.name for t in given}, set(), set()
    waiting = [t.op for t in wanted]
    while waiting:
        operation = waiting.pop()
        if operation.name in found:
            continue
        found.add(operation.name)
        waiting += operation.control_inputs
        for t in operation.inputs:
            if t.name in names:
                used.add(t.name)
            else:
                waiting.append(t.op)
    definition = graph.as_graph_def()
    nodes = [node for node in definition.node if node.name in found]
    for node in nodes:
        node.attr.pop("_class", None)  # Says which nodes shall run on one device.
    del definition.node[:]
    definition.node.extend(nodes)
    return definition, used
