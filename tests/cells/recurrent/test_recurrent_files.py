"""Recurrent cells as data: files, what is refused, the normal form, words, pictures."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ElementTree

import json_fields
import jsonschema
import numpy as np
import pytest
from recurrent_strategies import random_highway, random_tree

import cells
from cells.__main__ import run as main
from cells.genotype import catalogue as image_cells
from cells.genotype import genotype_file
from cells.recurrent import catalogue, recurrent_file
from cells.recurrent.canonical import canonical, canonical_key
from cells.recurrent.counts import shapes
from cells.recurrent.genotype import (
    ACTIVATIONS,
    COMBINATIONS,
    Highway,
    HighwayNode,
    Inject,
    Node,
    RecurrentGenotype,
    Tree,
)
from cells.support.errors import UserError


def random_cells(count: int):
    rng = np.random.default_rng(7)
    for i in range(count):
        yield random_tree(rng, (2, 4, 8, 16)[i % 4])
        yield random_highway(rng, 1 + i % 12)


def test_a_round_trip_is_exact():
    for cell in random_cells(40):
        genotype = RecurrentGenotype("mine", cell, {"score": 0.5, "of": [1, {"a": "b"}]})
        text = recurrent_file.dumps(genotype)
        data = json.loads(text)
        again = recurrent_file.from_dict(data)
        assert again == genotype
        assert again.provenance == genotype.provenance
        assert recurrent_file.dumps(again) == text
        jsonschema.validate(data, genotype_file.schema(recurrent_file.SCHEMA))


@pytest.mark.parametrize("name", catalogue.names())
def test_the_catalogue_is_written_in_the_projects_own_hand(name):
    genotype = catalogue.load(name)
    text = (catalogue._FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert recurrent_file.dumps(genotype) == text
    assert genotype.provenance["paper"] and genotype.provenance["year"]


def changed(name: str, path: str, value) -> bytes:
    """A published cell's file with the field at `path` set, or deleted for None."""
    return json.dumps(
        json_fields.changed(recurrent_file.to_dict(catalogue.load(name)), path, value)
    ).encode()


NODE = {"combine": "add", "activation": "tanh"}
BAD = {
    "later version": (changed("nas", "format_version", 2), "format_version: 2 is later than 1"),
    "unknown kind": (
        changed("nas", "kind", "recurent"),
        "kind: unknown 'recurent'; did you mean 'recurrent'?",
    ),
    "unknown form": (changed("enas", "form", "forest"), 'form: "forest" is unknown; known are'),
    "no form": (changed("nas", "form", None), "the field 'form' is missing"),
    "no nodes": (changed("enas", "nodes", None), "the field 'nodes' is missing"),
    "misspelt": (changed("nas", "memori", 3), "unknown field 'memori'; did you mean 'memory'"),
    "of the other form": (changed("nas", "output", [1]), "unknown field 'output'"),
    "wrong number": (changed("nas", "nodes", [NODE] * 14), "nodes: 14 nodes are no tree; use one"),
    "one node": (changed("nas", "nodes", [NODE]), "nodes: has 1 of at least 3 entries"),
    "too many": (changed("nas", "nodes", [NODE] * 9999), "nodes: has 9,999 entries; it may have"),
    "activation": (
        changed("nas", "nodes.3.activation", "tanhh"),
        "nodes[3].activation: unknown activation 'tanhh'; did you mean 'tanh'",
    ),
    "combination": (
        changed("nas", "inject.combine", "max"),
        "inject.combine: unknown combination 'max'",
    ),
    "inject": (changed("nas", "inject.node", 15), "inject.node: node 15 does not exist; this tree"),
    "memory": (changed("nas", "memory", 15), "memory: node 15 does not exist; this tree has 0 to"),
    "negative": (changed("nas", "memory", -1), "memory: -1 is negative"),
    "fraction": (changed("nas", "memory", 0.5), "memory: must be a JSON integer, not 0.5"),
    "later state": (
        changed("enas", "nodes.2.input", 3),
        "nodes[2].input: state 3 does not exist before it",
    ),
    "no output": (changed("enas", "output", []), "output: is empty"),
    "output twice": (changed("enas", "output", [1, 1]), "output: name at least one state, and"),
    "output beyond": (changed("enas", "output", [9]), "output: state 9 does not exist"),
    "lost": (changed("enas", "output", [8]), "output: state 7 is neither read by a node nor part"),
    "half": (changed("enas", "first", "door"), "first: unknown half 'door'"),
    "name": (changed("enas", "name", "<b>"), "name: '<b>' is not a name"),
    "provenance": (changed("enas", "provenance", []), "provenance: must be a JSON object"),
    "no object": (b"[]", "the file holds no JSON object"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_in_one_sentence(case, tmp_path, monkeypatch, capsys):
    text, sentence = BAD[case]
    path = tmp_path / "mine.json"
    path.write_bytes(text)
    monkeypatch.setattr("sys.argv", ["cells", "validate", str(path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cells: {path}: ") and sentence in told and told.count("\n") == 1


def test_recurrent_cells_are_no_image_cells():
    text = recurrent_file.dumps(catalogue.load("nas"))
    for read in (lambda: genotype_file.parse(text), lambda: cells.load_genotype("recurrent:nas")):
        with pytest.raises(UserError, match="this is a recurrent cell, of which no image network"):
            read()
    with pytest.raises(UserError, match="kind: must be 'recurrent', since a recurrent cell"):
        catalogue.load(image_cells._FOLDER / "nasnet_a.json")
    with pytest.raises(UserError, match="unknown 'nass'; did you mean 'nas'"):
        catalogue.load("nass")


def swapped(tree: Tree, at: int) -> Tree:
    """The tree with the two nodes that a node reads, and all below them, exchanged."""
    new_of = list(range(len(tree.nodes)))

    def move(old: int, new: int) -> None:
        new_of[old] = new
        for below in zip(tree.children(old), tree.children(new), strict=True):
            move(*below)

    left, right = tree.children(at)
    move(left, right)
    move(right, left)
    nodes = [tree.nodes[new_of.index(i)] for i in range(len(new_of))]
    inject = tree.inject
    return Tree(
        tuple(nodes),
        Inject(new_of[inject.node], inject.combine, inject.activation),
        new_of[tree.memory],
    )


def test_commuted_trees_have_one_key():
    rng = np.random.default_rng(3)
    for _ in range(40):
        tree = random_tree(rng)
        other = tree
        for _ in range(5):
            other = swapped(other, int(rng.integers(8, 15)))
        assert canonical_key(other) == canonical_key(tree)
        assert canonical(canonical(tree)) == canonical(tree)


def test_the_trees_of_two_leaves_are_counted_as_burnside_counts_them():
    """The exchange of the leaves keeps 8 * 8 * 8 of them: equal leaves, neither index on one."""
    pairs = list(itertools.product(COMBINATIONS, ACTIVATIONS))
    nodes = itertools.product(itertools.starmap(Node, pairs), repeat=3)
    indices = itertools.product(range(3), range(3))
    trees = [
        Tree(three, Inject(at, *inject), memory)
        for three, inject, (at, memory) in itertools.product(nodes, pairs, indices)
    ]
    assert len(trees) == 8**3 * 8 * 3**2 == 36_864
    assert len(set(map(canonical, trees))) == (36_864 + 8**3) // 2


def test_the_order_of_highway_nodes_and_the_half_make_no_difference():
    a = Highway((HighwayNode(0, "tanh"), HighwayNode(0, "relu"), HighwayNode(1, "sigmoid")), (2, 3))
    b = Highway(
        (HighwayNode(0, "relu"), HighwayNode(0, "tanh"), HighwayNode(2, "sigmoid")),
        (1, 3),
        "candidate",
    )
    c = Highway(a.nodes, (1, 2, 3))
    assert canonical_key(a) == canonical_key(b) != canonical_key(c)


@pytest.mark.parametrize(
    "name, units, words, parameters",
    [
        # 10,000 words, embeddings tied; DARTS has a bias for each word, ENAS none.
        ("darts_v1", 850, 10_000 * (850 + 1), 22_960_000),
        ("darts_v2", 850, 10_000 * (850 + 1), 22_960_000),
        ("enas", 800, 10_000 * 800, 20_800_000),
    ],
)
def test_language_models_have_the_published_sizes(name, units, words, parameters):
    cell = catalogue.load(name).cell
    counted = sum(int(np.prod(shape)) for shape in shapes(cell, units, units).values())
    assert counted + words == parameters


def commanded(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["cells", *arguments])
    main()
    return capsys.readouterr().out


def test_the_commands_know_recurrent_cells(monkeypatch, capsys, tmp_path):
    shown = commanded(monkeypatch, capsys, "show", "recurrent:nas")
    assert "node 8 = tanh(tanh(node 0 * node 1) + c(t-1))" in shown
    assert "c(t) = node 8 * node 9\n  h(t) = node 14" in shown
    path = tmp_path / "nas.json"
    path.write_text(commanded(monkeypatch, capsys, "show", "recurrent:nas", "--json"))
    assert commanded(monkeypatch, capsys, "diff", "recurrent:nas", str(path)) == ""
    said = commanded(monkeypatch, capsys, "diff", "recurrent:nas", "recurrent:lstm")
    assert {"- node 3 = relu(Wx * Uh)", "+ node 3 = tanh(Wx + Uh)"} < set(said.splitlines())
    # 8 U (I + P), the fact sheet's formula.
    counted = commanded(
        monkeypatch, capsys, "summary", "recurrent:nas", "--units=6", "--inputs=7", "--json"
    )
    assert json.loads(counted)["trainable"] == 8 * 6 * (7 + 6)
    listed = commanded(monkeypatch, capsys, "list", "--recurrent", "--json")
    assert [row["name"] for row in json.loads(listed)] == [
        f"recurrent:{name}" for name in catalogue.names()
    ]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["summary", "recurrent:nas", "-F=32"], "--filters: is for networks of image cells"),
        (["diff", "nasnet_a", "recurrent:nas"], "compare two of one kind"),
        (["convert", "recurrent.json"], "recurrent.json: kind: this is a recurrent cell"),
        (["show", "recurrent:nsa"], "did you mean 'nas'"),
    ],
)
def test_what_does_not_fit_is_told(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    cells.recurrent.save(catalogue.load("nas"), "recurrent.json")
    monkeypatch.setattr("sys.argv", ["cells", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nas", "enas_paper"])
def test_a_drawing_has_each_node_once(name):
    text = cells.draw(f"recurrent:{name}").svg
    assert text == cells.draw(f"recurrent:{name}").svg
    root = ElementTree.fromstring(text)
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    cell = catalogue.load(name).cell
    for number in range(len(cell.nodes) + isinstance(cell, Highway)):
        begins = f"node {number} = " if isinstance(cell, Tree) else f"state {number} = "
        assert sum(title.startswith(begins) for title in titles) == 1


def test_random_cells_are_drawn():
    for cell in random_cells(4):
        assert cells.draw(RecurrentGenotype("mine", cell), dark=True).svg.startswith("<svg")
