"""Layer-wise networks as data: counts, files, what is refused, the normal form, words, pictures."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree

import inception_v4
import json_fields
import jsonschema
import numpy as np
import pytest
from layerwise_networks import random_network
from safetensors.numpy import save_file

import cells
from benchmarks.timm_oracle import difference_to_timm
from cells.__main__ import run as main
from cells.genotype import genotype_file
from cells.kinds import files
from cells.layerwise.network import SCHEMA, Layer, LayerwiseNetwork
from cells.operations.counts import count, summarize
from cells.operations.primitives import Conv
from cells.support.errors import UserError
from cells.weights import import_weights

NAS = files.find("nas_v1")
SIZE = (32, 32)


def with_inputs(inputs) -> LayerwiseNetwork:
    """The published network with other inputs of layer n."""
    layers = (dataclasses.replace(x, inputs=inputs(n)) for n, x in enumerate(NAS.layers, 1))
    return dataclasses.replace(NAS, layers=tuple(layers))


@pytest.mark.parametrize(
    "network, kernels",
    [
        (NAS, 4_199_868),
        (with_inputs(lambda n: tuple(range(1, n))), 6_629_148),
        (with_inputs(lambda n: (n - 1,)), 807_372),
    ],
    ids=["published", "all skips", "no skips"],
)
def test_kernels_are_those_of_figure_7(network, kernels):
    graph = network.layout(SIZE, 10)
    convolutions = [n for n in graph.nodes.values() if isinstance(n.primitive, Conv)]
    assert count(convolutions, None).trainable == kernels


def test_the_published_network_has_its_published_count(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["cells", "summary", "nas_v1", "--json"])
    main()
    told = json.loads(capsys.readouterr().out)
    # Kernels; scale and shift of 636 channels; 48 weights and a bias for each of 10 classes.
    assert told["trainable"] == 4_199_868 + 2 * 636 + 490 == 4_201_630
    assert told["total"] == 4_201_630 + 2 * 636
    assert told["multiply_adds"] == 4_300_664_832 + 480


def test_inputs_are_joined_padded_and_led_out():
    # Strides of 1, 2 and 3 by rows; what the first two make is read by nobody.
    layers = (
        Layer(3, 3, 5, (), stride_height=2),
        Layer(3, 3, 6, (0,), stride_height=3),
        Layer(1, 1, 7, (0,)),
        Layer(3, 1, 8, (3, 0)),
    )
    graph = LayerwiseNetwork("mine", layers).layout((7, 8), 2)
    sizes = graph.sizes((7, 8))
    assert [sizes[f"layer_{n}_bn_relu"] for n in (1, 2, 3, 4)] == [(4, 8), (3, 8), (7, 8), (7, 8)]
    assert graph.nodes["layer_4_concat"].output.channels == 7 + 3
    output = graph.nodes["output_concat"]
    assert output.output.channels == 5 + 6 + 8
    assert {sizes[t.name] for t in output.inputs} == {(7, 8)}
    assert graph.nodes["output_pad_layer_1_bn_relu"].primitive.zeros((4, 8)) == ((1, 2), (0, 0))
    total = summarize(graph, ("logits",), None).trainable
    kernels = 9 * 3 * 5 + 9 * 3 * 6 + 3 * 7 + 3 * 10 * 8
    assert total == kernels + 2 * (5 + 6 + 7 + 8) + 19 * 2 + 2


def test_a_round_trip_is_exact():
    rng = np.random.default_rng(3)
    for number in range(40):
        made = random_network(rng, 1 + number % 12, strides=(1, 2, 3))
        made = dataclasses.replace(made, provenance={"of": [1, {"a": "b"}]})
        text = files.dumps(made)
        again = files.from_dict(json.loads(text))
        assert again == made and again.provenance == made.provenance
        assert files.dumps(again) == text
        jsonschema.validate(json.loads(text), genotype_file.schema(SCHEMA))


@pytest.mark.parametrize("name", files.networks())
def test_the_published_are_written_in_the_projects_own_hand(name):
    assert files.dumps(files.find(name)) == (files._FOLDER / f"{name}.json").read_text("utf-8")
    assert files.find(name).provenance["paper"]


def moved(network: LayerwiseNetwork, rng: np.random.Generator) -> LayerwiseNetwork:
    """The same network with its layers in another order of computation, and inputs shuffled."""
    waiting, order = set(range(1, len(network.layers) + 1)), [0]
    while waiting:
        ready = [n for n in waiting if waiting.isdisjoint(network.layers[n - 1].inputs)]
        order.append(int(rng.choice(ready)))
        waiting.remove(order[-1])
    new = {old: number for number, old in enumerate(order)}
    layers = (
        dataclasses.replace(x, inputs=tuple(new[i] for i in rng.permutation(x.inputs)))
        for x in (network.layers[n - 1] for n in order[1:])
    )
    return dataclasses.replace(network, layers=tuple(layers))


def test_the_normal_form_knows_no_order():
    rng = np.random.default_rng(5)
    keys = set()
    for number in range(60):
        # Few kinds of layers, so that many are alike.
        network = random_network(rng, 2 + number % 9, most=1)
        assert moved(network, rng).canonical_key() == network.canonical_key()
        keys.add(network.canonical_key())
        first = dataclasses.replace(network.layers[0], filters=9)
        other = dataclasses.replace(network, layers=(first, *network.layers[1:]))
        assert other.canonical_key() != network.canonical_key()
    assert len(keys) == 60
    # No input is the image; one layer read twice is not two that are alike.
    assert (
        LayerwiseNetwork("a", (Layer(3, 3, 8, ()),)).canonical_key()
        == LayerwiseNetwork("b", (Layer(3, 3, 8, (0,)),)).canonical_key()
    )


NETWORK = json.loads(files.dumps(NAS))
LAYER = {"height": 3, "width": 3, "filters": 4096, "inputs": [0]}
POOL = {"height": 3, "width": 3, "operation": "mean"}
BAD = {
    "kind": ("kind", "layerwize", "kind: unknown 'layerwize'; did you mean 'layerwise'?"),
    "later version": ("format_version", 2, "format_version: 2 is later than 1"),
    "name": ("name", "<b>", "name: '<b>' is not a name"),
    "empty": ("layers", [], "layers: is empty"),
    "too many": ("layers", [LAYER] * 201, "layers: has 201 entries; it may have 200"),
    "filters": ("layers.2.filters", 10**9, "layers[2].filters: 1000000000 is too large; the"),
    "no filter": ("layers.2.filters", 0, "layers[2].filters: 0 is too small; the smallest is 1"),
    "fraction": ("layers.2.height", 1.5, "layers[2].height: must be a JSON integer, not 1.5"),
    "stride": ("layers.2.stride_height", 99, "layers[2].stride_height: 99 is too large"),
    "later": ("layers.2.inputs", [7], "layers[2].inputs: layer 7 does not come before this one"),
    "itself": ("layers.2.inputs", [3], "layers[2].inputs: layer 3 does not come before this one"),
    "negative": ("layers.2.inputs", [-1], "layers[2].inputs[0]: -1 is negative"),
    "twice": ("layers.2.inputs", [1, 1], "layers[2].inputs: a layer is named twice"),
    "misspelt": ("layers.2.hight", 3, "layers[2]: unknown field 'hight'; did you mean 'height'"),
    "missing": ("layers.2.inputs", None, "layers[2]: the field 'inputs' is missing"),
    "no object": ("layers.2", 3, "layers[2]: must be a JSON object"),
    "too large": (
        "layers",
        [LAYER | {"height": 31, "width": 31, "inputs": list(range(n))} for n in range(1, 20)],
        "parameters are more than 1e+09; use fewer layers",
    ),
    "too slow": (
        "layers",
        [LAYER | {"filters": 512, "height": 5, "width": 5, "inputs": [n]} for n in range(152)],
        "layers: 1.01e+12 multiply-adds for an image of 32x32 pixels are more than 1e+12; use",
    ),
    # They double from pool to pool.
    "pools of pools": (
        "layers",
        [POOL | {"inputs": list(range(n))} for n in range(1, 100)],
        "layers[19].inputs: 1.57e+06 channels are joined, and the most is 1,000,000; use fewer",
    ),
    "many ends": (
        "layers",
        [LAYER | {"height": 1, "width": 1}] * 100 + [POOL | {"inputs": list(range(101))}] * 3,
        "layers: 1.23e+06 channels are joined, and the most is 1,000,000; use fewer",
    ),
    "a pool's filters": (
        "layers.2.operation",
        "mean",
        "layers[2].filters: a convolution has at least 1, and a pool makes as many channels as it "
        "reads and has none; this is 'mean'",
    ),
    "a convolution's": ("layers.2.filters", None, "layers[2].filters: a convolution has at least"),
    "operation": ("layers.2.operation", "median", '"median" is unknown; known are convolution'),
    "of cells": ("normal", {}, "unknown field 'normal'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_in_one_sentence(case, tmp_path, monkeypatch, capsys):
    path, value, sentence = BAD[case]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(json_fields.changed(json.loads(files.dumps(NAS)), path, value)))
    monkeypatch.setattr("sys.argv", ["cells", "validate", str(file)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cells: {file}: ") and sentence in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["summary", "nas_v1", "-N", "2"], "normal_cells: is for networks stacked of cells, and"),
        (["summary", "nas_v1", "-N", "1"], "normal_cells: is for networks stacked of cells, and"),
        (
            ["summary", "nas_v1", "--no-skip_reduction"],
            "skip_reduction: is for networks stacked",
        ),
        (["summary", "nas_v1", "--auxiliary_head"], "auxiliary_head: is for networks stacked of"),
        (["summary", "nas_v1", "--auxiliary_scale=1"], "auxiliary_scale: is for networks stacked"),
        (["summary", "nas_v1", "-F", "32"], "filters: is for networks stacked of cells, and NAS"),
        (["summary", "nas_v1", "-P", "96"], "penultimate_filters: is for networks stacked of"),
        (["diff", "nas_v1", "nasnet_a"], "are of different kinds"),
    ],
)
def test_what_is_of_cells_is_refused(arguments, sentence, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["cells", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2 and sentence in told and told.count("\n") == 1


def test_images_must_suit():
    strided = LayerwiseNetwork("mine", (Layer(3, 3, 4, (), 2, 2), Layer(3, 3, 4, (1,), 4, 4)))
    assert strided.layout((7, 7), 2).sizes((7, 7))["layer_2_bn_relu"] == (1, 1)
    with pytest.raises(UserError, match=r"layers\[1\].stride_height, .* beyond its map of 3x4 pix"):
        strided.layout((5, 7), 2)
    with pytest.raises(
        UserError, match="image_size: the strides or windows of mine make maps of several"
    ):
        strided.layout(None, 2)
    assert NAS.layout(None, 2).outputs["logits"].channels == 2


def test_windows_without_padding_must_fit():
    valid = LayerwiseNetwork("mine", (Layer(5, 3, 4, (), padding="valid"),))
    assert valid.layout((5, 9), 2).sizes((5, 9))["layer_1_bn_relu"] == (1, 7)
    with pytest.raises(UserError, match=r"layers\[0\].height, width: \(5, 3\) goes beyond its map"):
        valid.layout((4, 9), 2)
    with pytest.raises(UserError, match="image_size: the strides or windows of mine make maps of"):
        valid.layout(None, 2)


def test_inception_v4_is_that_of_its_paper():
    found = files.find("inception_v4")
    assert found == inception_v4.network()
    # The parameters of timm's network of that name.
    assert summarize(found.layout((299, 299), 1000), ("logits",), None).trainable == 42_679_816


def test_inception_v4_is_counted_at_its_own_size_where_none_is_given():
    # As docs say; 990 classes less are 990 x 1536 products less.
    assert cells.summarize("inception_v4", "imagenet_large").multiply_adds == 12_253_974_624
    assert cells.summarize("inception_v4").multiply_adds == 12_253_974_624 - 990 * 1536
    with pytest.raises(UserError, match=r"beyond its map of 1x1 .*\(image_size; input_"):
        cells.summarize("inception_v4", input_shape=(32, 32, 3))
    assert files.find("nas_v1").published_size is None


def test_inception_v4_has_the_logits_of_timm(tmp_path):
    assert difference_to_timm("inception_v4", "inception_v4", 75, tmp_path) < 2e-4
    # Of another network of timm, whose names it has not.
    other = tmp_path / "other.safetensors"
    save_file({"conv0.conv.weight": np.ones((2, 3, 3, 3), np.float32)}, other)
    with pytest.raises(UserError, match=r"of Inception-v4: 745 missing \(features.0.conv"):
        import_weights("timm", str(other), "inception_v4")


def test_pools_and_paddings_make_other_networks():
    keys = {
        LayerwiseNetwork(
            "a", (Layer(3, 3, 8, ()), Layer(3, 3, n, (1,), 2, 2, what, padding))
        ).canonical_key()
        for what, n in (("convolution", 8), ("mean", 0), ("maximum", 0))
        for padding in ("same", "valid")
    }
    assert len(keys) == 6


def test_what_many_layers_read_is_drawn_once():
    sketch = files.find("inception_v4").sketch()
    boxes = [text for text, _ in sketch.rows]
    # 149 convolutions and 18 pools; what 3 parts of the stem, the 4 modules A, the 7 B, the first 2
    # of the 3 C and the 2 reductions between them make is read by several.
    assert len(boxes) == 2 + 149 + 18 + boxes.count("joined")
    assert boxes.count("joined") == 3 + 4 + 1 + 7 + 1 + 2


def test_image_cells_are_asked_for_as_such():
    with pytest.raises(UserError, match="kind: 'layerwise' is none of image cells, which have no"):
        genotype_file.parse(files.dumps(NAS))


def test_words_and_differences(monkeypatch, capsys):
    other = with_inputs(lambda n: (2, 7, 11, 12, 13, 14) if n == 15 else NAS.layers[n - 1].inputs)
    lines = list(NAS.differences(other))
    assert [line[:12] for line in lines] == ["- layer 15 =", "+ layer 15 ="]
    assert "concat(layer 2, layer 7, layer 11" in lines[1]
    assert list(NAS.differences(NAS)) == []
    # Nothing in common, and many lines: each is there once, of both in turn.
    one, two = (
        LayerwiseNetwork("same", tuple(Layer(n, 3, 8, (i,)) for i in range(200))) for n in (3, 5)
    )
    told = list(one.differences(two))
    assert [line[:2] for line in told] == ["- ", "+ "] * 200
    assert told[5] == "+ layer 3 = conv 5×3 with 8 filters of layer 2"
    assert "the same function" in next(NAS.differences(dataclasses.replace(NAS, name="other")))
    monkeypatch.setattr("sys.argv", ["cells", "show", "nas_v1"])
    main()
    told = capsys.readouterr().out
    assert "layer 5 = conv 3×7 with 48 filters of concat(layer 3, layer 4)" in told
    assert "output = mean over all pixels of layer 15" in told


def lines(root: ElementTree.Element) -> dict[str, list[str]]:
    """The lines of each shape between boxes, by its id without what tells drawings apart."""
    ids = ((e, re.search(r"(?:edge|arcs)-.*", e.get("id", ""))) for e in root.iter())
    return {
        found[0]: re.findall("M[^M]*", next(p.get("d", "") for p in e if p.tag.endswith("path")))
        for e, found in ids
        if found
    }


def read_by(network: LayerwiseNetwork, row: int) -> set[int]:
    """The rows that a row of the drawing reads; the last one is the classifier."""
    if row == len(network.layers) + 1:
        return set(network.unread)
    return set(network.layers[row - 1].inputs or (0,)) if row else set()


def test_a_drawing_of_layers_that_all_read_all_earlier_ones_has_few_shapes():
    """821 lines, none of which is left out, in shapes that grow with the layers alone."""
    dense = LayerwiseNetwork("dense", tuple(Layer(1, 1, 1, tuple(range(n))) for n in range(1, 41)))
    shapes = lines(ElementTree.fromstring(cells.draw(dense).svg))
    drawn = [line for name, ends in shapes.items() if not name.endswith("head") for line in ends]
    assert len(drawn) == len(set(drawn)) == 40 * 41 / 2 + 1
    assert len(shapes) <= 4 * 41


def test_a_drawing_has_a_box_for_each_layer_and_a_line_for_each_input():
    svg = cells.draw("nas_v1").svg
    root = ElementTree.fromstring(svg)
    ids = [e.get("id", "") for e in root.iter() if "row-" in e.get("id", "")]
    assert len(ids) == 15 + 2
    inputs = sum(len(layer.inputs) for layer in NAS.layers)
    shapes = lines(root)
    drawn = [len(ends) for name, ends in shapes.items() if not name.endswith("head")]
    assert sum(drawn) == inputs + 1
    # Each arrow comes in, and what a layer reads from further away comes in at one point.
    heads = {name.removesuffix("-head") for name in shapes if name.endswith("head")}
    assert heads == {name for name in shapes if not name.endswith("head")}
    assert heads == {
        *(f"edge-{n}-{n + 1}" for n in range(16) if n in read_by(NAS, n + 1)),
        *(f"arcs-{n}" for n in range(17) if read_by(NAS, n) - {n - 1}),
    }
    assert svg == cells.draw("nas_v1").svg
