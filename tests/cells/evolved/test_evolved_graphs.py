"""Evolved graphs: their rules, their files, and what they are laid out to."""

from __future__ import annotations

import copy
import itertools
import json

import numpy as np
import pytest

from cells.__main__ import run as main
from cells.evolved.graph import (
    FIRST,
    MAX_BYTES,
    Convolution,
    Edge,
    EvolvedGraph,
    Vertex,
)
from cells.kinds import files
from cells.operations.counts import summarize
from cells.support.errors import UserError

SIZE = (13, 10)

#: Two paths that meet where the size and the channels differ: 3 channels at 13x10 against 6 at 4x3.
MEETING = EvolvedGraph(
    (Vertex("input"), Vertex("a", "bn_relu"), Vertex("output", "bn_relu")),
    (
        Edge("conv1", "input", "a", 1.5, Convolution(2.0, 1.0, 0.0, 2.0)),
        Edge("conv2", "a", "output", 1.25, Convolution(0.5, 0.0, 1.4, 0.4)),
        Edge("skip", "input", "output", 0.5),
        Edge("back", "a", "output", 0.25),
    ),
    learning_rate=0.05,
)


def test_the_first_individual_has_the_forty_parameters_of_a_mean_colours_classifier():
    counts = summarize(FIRST.layout((32, 32), 10), ("logits",), (32, 32))
    # 3 colours and a bias for each of 10 classes; the paper's begins without a convolution, too.
    assert counts.trainable == counts.total == 3 * 10 + 10 == 40
    assert FIRST.learning_rate == 0.1


def test_a_layout_rounds_and_fits_what_meets():
    graph = MEETING.layout(SIZE, 10)
    sizes, nodes = graph.sizes(SIZE), graph.nodes
    assert nodes["conv1_conv"].primitive.kernel == (3, 1)
    assert (nodes["conv1_conv"].output.channels, sizes["conv1_conv"]) == (6, (4, 3))
    # Half widths of 1.4 and log2 strides of 0.4 are rounded to 1 and 0.
    assert nodes["conv2_conv"].primitive.kernel == (1, 3)
    assert (nodes["conv2_conv"].output.channels, sizes["conv2_conv"]) == (3, (4, 3))
    assert sizes["skip_size"] == (4, 3) and nodes["back_channels"].output.channels == 3
    assert [t.name for t in nodes["output_sum"].inputs] == [
        "conv2_conv",
        "skip_size",
        "back_channels",
    ]
    counts = summarize(graph, ("logits",), SIZE)
    # Filters, two batch norms, the classifier.
    assert counts.trainable == 3 * 1 * 3 * 6 + 1 * 3 * 6 * 3 + 2 * 6 + 2 * 3 + 3 * 10 + 10
    assert counts.multiply_adds == 4 * 3 * (54 + 54) + 30


def test_the_primary_edge_alone_decides_size_and_channels():
    edges = {e.id: e for e in MEETING.edges}
    skip = Edge("skip", "input", "output", 9.0)
    turned = EvolvedGraph(
        MEETING.vertices, (edges["conv1"], edges["conv2"], skip, edges["back"]), 0.05
    )
    graph = turned.layout(SIZE, 10)
    assert graph.sizes(SIZE)["output_sum"] == SIZE
    # A map that was halved twice from 13x10 is enlarged to 16x12, and cut.
    assert graph.nodes["conv2_size"].primitive.crop == (3, 2)


def test_files_hold_all_of_a_graph():
    assert EvolvedGraph.from_dict(json.loads(json.dumps(MEETING.to_dict()))) == MEETING
    assert files.from_dict(json.loads(files.dumps(MEETING))) == MEETING


def test_the_key_is_that_of_the_function_and_not_of_ids_and_order():
    ids = {"input": "input", "output": "output"}

    def renamed(name: str) -> str:
        return ids.setdefault(name, f"other{len(ids)}")

    edges = [
        Edge(renamed(e.id), renamed(e.source), renamed(e.target), e.precedence + 1, e.convolution)
        for e in MEETING.edges
    ]
    other = EvolvedGraph(
        tuple(Vertex(renamed(v.id), v.type) for v in reversed(MEETING.vertices)),
        tuple(edges[i] for i in np.random.default_rng(0).permutation(len(edges))),
        0.05,
        "another name",
    )
    assert other != MEETING and other.canonical_key() == MEETING.canonical_key()
    keys = {MEETING.canonical_key(), FIRST.canonical_key()}
    data = MEETING.to_dict()
    for change in (
        lambda d: d.update(learning_rate=0.06),
        lambda d: d["vertices"][2].update(type="linear"),
        lambda d: d["edges"][0]["convolution"].update(half_width=1.0),
        lambda d: d["edges"][2].update(precedence=7.0),
        lambda d: d["edges"][2].update({"from": "a"}),
        lambda d: d["edges"].pop(3),
    ):
        changed = copy.deepcopy(data)
        change(changed)
        keys.add(EvolvedGraph.from_dict(changed).canonical_key())
    assert len(keys) == 8


def _with(change) -> dict:
    data = MEETING.to_dict()
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["edges"][2].update({"from": "a", "to": "a"}),
            "edges: there is a cycle, a -> a; remove one of its edges",
        ),
        (
            lambda d: d["vertices"].append({"id": "a", "type": "linear"}),
            "vertices[3].id: 'a' is there already; every vertex and every edge needs an id of its "
            "own",
        ),
        (
            lambda d: d["edges"][2].update({"from": "nowhere"}),
            "edges[2].from: there is no vertex 'nowhere'; name one of them",
        ),
        (
            lambda d: d["edges"][0]["convolution"].update(depth_factor=1e9),
            "edges[0].convolution.depth_factor: 1,000,000,000.0 is too large; use at most 10,000",
        ),
        (
            lambda d: d["edges"][0]["convolution"].update(log2_stride=64),
            "edges[0].convolution.log2_stride: 64.0 is too large; use at most 10",
        ),
        (
            lambda d: d["edges"][0]["convolution"].update(half_width=-1),
            "edges[0].convolution.half_width: -1.0 is too small; use at least 0",
        ),
        (
            lambda d: d["edges"][2].update(precedence=1.25),
            "vertex output: two of its edges have one precedence, so none of them is primary; "
            "give each another",
        ),
        (
            lambda d: d["vertices"].append({"id": "b", "type": "linear"}),
            "vertex b: no edge leads there; add one, or remove it",
        ),
        (
            lambda d: d["edges"][2].update({"to": "input"}),
            "edges[2]: leads to input; nothing is before the input or behind the output",
        ),
        (
            lambda d: d["vertices"][1].update(type="relu"),
            'vertices[1].type: "relu" is unknown; known are linear, bn_relu',
        ),
        (
            lambda d: d["edges"][0].update(colour=1),
            "edges[0]: unknown field 'colour'; known are id, from, to, precedence, convolution",
        ),
        (lambda d: d.pop("edges"), "the field 'edges' is missing"),
        (
            lambda d: d.update(learning_rate=0),
            "learning_rate: 0.0 is too small; use more than 0",
        ),
        (
            lambda d: d.update(learning_rate=10**90),
            "learning_rate: 1e+300 is too large; use at most 1,000,000.0",
        ),
        (
            lambda d: d["vertices"].extend([{"id": "x", "type": "linear"}] * 300),
            "vertices: has 303 entries; it may have 256",
        ),
    ],
)
def test_bad_graphs_are_refused_in_a_sentence(change, message):
    with pytest.raises(UserError) as error:
        EvolvedGraph.from_dict(_with(change))
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_cycle_of_several_vertices_is_named():
    vertices = tuple(Vertex(v) for v in ("input", "a", "b", "output"))
    ends = [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")]
    with pytest.raises(UserError, match=r"cycle, (a -> b -> a|b -> a -> b); remove one"):
        EvolvedGraph(vertices, tuple(Edge(f"e{i}", a, b, i + 1.0) for i, (a, b) in enumerate(ends)))


def test_what_is_too_large_for_the_images_is_refused_when_it_is_laid_out():
    conv = Convolution(1.0, 1.0, 1.0, 5.0)
    vertices = (Vertex("input"), Vertex("a"), Vertex("output"))
    halving = EvolvedGraph(
        vertices, (Edge("x", "input", "a", 1.0, conv), Edge("y", "a", "output", 1.0, conv))
    )
    assert halving.layout((1024, 1024), 10).sizes((1024, 1024))["y_conv"] == (1, 1)
    with pytest.raises(
        UserError, match=r"edge y: its stride, 1024 pixels .* beyond images of 32x32"
    ):
        halving.layout((32, 32), 10)
    wide = Convolution(10_000.0)
    edges = (Edge("x", "input", "a", 1.0, wide), Edge("y", "a", "output", 1.0, wide))
    with pytest.raises(UserError, match=r"edge x: makes 30,000 channels of 3; the most is 16,384"):
        EvolvedGraph(vertices, edges).layout((32, 32), 10)
    slim = Convolution(1.0)
    for factor, size, sentence in (
        # 9 x 15,000^2 weights; 9 x 3,000^2 of 32^2 pixels.
        (5_000.0, None, r"graph: 2,025,\d+,\d+ parameters are beyond 1,000,000,000; use fewer"),
        (1_000.0, (32, 32), r"graph: 83,.* multiply-adds for an image of 32x32 are beyond 50,000"),
    ):
        wide = Convolution(factor)
        edges = (Edge("x", "input", "a", 1.0, wide), Edge("y", "a", "output", 1.0, slim))
        with pytest.raises(UserError, match=sentence):
            EvolvedGraph(vertices, edges).layout(size, 10)


@pytest.mark.parametrize("factors", [(100.0, 100.0), (5_000.0, 1.0)])
def test_validate_refuses_what_no_image_suits(factors, tmp_path, monkeypatch, capsys):
    """30,000 channels by two factors, and 9 x 15,000^2 weights: as the network is refused."""
    vertices = (Vertex("input"), Vertex("a"), Vertex("output"))
    one, other = (Convolution(factor) for factor in factors)
    edges = (Edge("x", "input", "a", 1.0, one), Edge("y", "a", "output", 1.0, other))
    graph = EvolvedGraph(vertices, edges)
    with pytest.raises(UserError) as refused:
        graph.layout((32, 32), None)
    files.write(graph, tmp_path / "wide.json")
    monkeypatch.setattr("sys.argv", ["cells", "validate", str(tmp_path / "wide.json")])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr()
    assert told.err == f"cells: {tmp_path}/wide.json: {refused.value}\n" and not told.out


def test_what_suits_large_images_is_possible():
    """Strides of 2^10 in each of a chain of many edges, and maps that are enlarged again."""
    vertices = [Vertex("input"), *(Vertex(f"v{i}") for i in range(100)), Vertex("output")]
    conv = Convolution(1.0, 0.0, 0.0, 10.0)
    chain = [
        Edge(f"e{i}", a.id, b.id, 2.0, conv)
        for i, (a, b) in enumerate(itertools.pairwise(vertices))
    ]
    down = Edge("down", "input", "v99", 1.0)
    up = Edge("up", "v99", "output", 3.0, Convolution(2.0))
    for graph in (FIRST, MEETING, EvolvedGraph(tuple(vertices), (*chain, down, up))):
        graph.require_possible()


def test_a_graph_has_64_kilobytes_at_most():
    vertices = [Vertex("input"), *(Vertex(f"v{i:015}") for i in range(254)), Vertex("output")]
    chain = [
        Edge(f"e{i:015}", a.id, b.id, 1.0, Convolution(1 / 3, 1 / 3, 1 / 3, 1 / 3))
        for i, (a, b) in enumerate(itertools.pairwise(vertices))
    ]
    with pytest.raises(UserError, match=r"graph: .* bytes of JSON are too many; use 65,536"):
        EvolvedGraph(tuple(vertices), tuple(chain))
    assert MAX_BYTES == 65_536
