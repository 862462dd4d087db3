"""Counts and memory, compared with the built network and with counting by hand."""

from __future__ import annotations

import math

import pytest
import tf_keras
from transfer_runs import TINY

from cells.operations.counts import activations
from cells.operations.graph import Graph
from cells.operations.primitives import Add, Conv, Input, Relu
from transfer.config import configure
from transfer.model import network
from transfer.step_time import measure
from transfer.summary import summary


def tiny():
    params = configure.experiment()
    return configure.configure(
        params,
        override="task: {model: {num_classes: 4, input_size: [8, 8, 3], cells: {normal_cells: 1, "
        "filters: 4}}, train_data: {global_batch_size: 16}}",
        genotype=TINY,
    )


def test_maps_are_held_until_their_last_reader_by_hand():
    """A residual block on 10x10: 3 channels in, 8 behind the first convolution."""
    graph = Graph()
    image = graph.add("image", Input(3))
    first = graph.add("first", Conv((3, 3), (1, 1), "same", 8), image)
    relu = graph.add("relu", Relu(), first)
    second = graph.add("second", Conv((3, 3), (1, 1), "same", 8), relu)
    graph.outputs["sum"] = graph.add("sum", Add(), first, second)
    counted = activations(graph, ("sum",), (10, 10))
    assert counted.training == 100 * (3 + 4 * 8)
    # Behind the relu, first, relu and second are held; so are first, second and the sum.
    assert counted.inference == 100 * 3 * 8
    assert counted.layers == 4


def test_the_maps_are_those_of_the_built_network():
    params = tiny()
    counts = summary(params)
    model = network.build(params.task.model)
    assert isinstance(model, tf_keras.Model)
    names = {layer.name for layer in model.layers}
    # A shifted map is made by padding, in a layer of its own that the layout does not have.
    shapes = [
        layer.output.shape[1:]
        for layer in model.layers
        if not (layer.name.endswith("_pad") and layer.name.removesuffix("_pad") in names)
    ]
    assert counts["training_bytes"] == 16 * 4 * sum(math.prod(shape) for shape in shapes)
    assert counts["layers"] == len(shapes) - 1
    assert 0 < counts["inference_bytes"] < counts["training_bytes"] / 16
    assert counts["trainable"] == sum(math.prod(w.shape) for w in model.trainable_weights)


def test_a_measured_step_is_scaled_to_the_batch():
    params = tiny()
    summary(params)
    told = measure(params, most=4, steps=1)
    assert told["measured_batch"] == 4
    assert told["step_seconds"] == pytest.approx(4 * told["measured_seconds"])
    assert told["measured_seconds"] > 0 and told["device"].split(":")[0] in ("CPU", "GPU")
