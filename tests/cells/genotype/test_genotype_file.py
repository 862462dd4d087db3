"""Genotype files: exact round trips, and one clear sentence for everything else."""

from __future__ import annotations

import copy
import dataclasses
import json
import os

import json_fields
import jsonschema
import pytest
from genotype_strategies import random_genotypes
from hypothesis import given, settings

from cells.genotype import catalogue, genotype_file
from cells.kinds import files as kinds
from cells.operations.operations import OPERATIONS
from cells.support.errors import UserError


@settings(max_examples=100, deadline=None)
@given(random_genotypes())
def test_a_round_trip_is_exact(genotype):
    text = genotype_file.dumps(genotype)
    again = genotype_file.parse(text)
    assert again == genotype
    assert again.provenance == genotype.provenance
    assert genotype_file.dumps(again) == text
    jsonschema.validate(json.loads(text), genotype_file.schema())


@pytest.mark.parametrize("name", catalogue.names())
def test_the_catalogue_is_written_in_the_projects_own_hand(name):
    genotype = catalogue.load(name)
    text = (catalogue._FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert genotype_file.dumps(genotype) == text
    assert genotype.provenance["paper"] and genotype.provenance["year"]


def nasnet() -> dict:
    return copy.deepcopy(genotype_file.to_dict(catalogue.load("nasnet_a")))


def changed(path: str, value) -> bytes:
    """NASNet-A's file with the field at `path` (dots and indices) set, or deleted for None."""
    return json.dumps(json_fields.changed(nasnet(), path, value)).encode()


BAD = {
    "not JSON": (b"{genotype", "not JSON"),
    "not an object": (b"[1, 2]", "no JSON object"),
    "not text": (b"\xff\xfe\x00", "not JSON"),
    "later version": (changed("format_version", 99), "format_version: 99 is later than 1"),
    "no version": (changed("format_version", None), "format_version: is missing"),
    "missing field": (changed("reduction", None), "'reduction' is missing"),
    "missing side": (changed("normal.blocks.1.left", None), "'left' is missing"),
    "unknown field": (changed("colour", "red"), "unknown field 'colour'"),
    "misspelt field": (changed("normal.blocks.0.combin", "add"), "did you mean 'combine'"),
    "unknown operation": (
        changed("normal.blocks.2.left.operation", "sep_conv_3x5"),
        "normal.blocks[2].left.operation: unknown operation 'sep_conv_3x5'; did you mean 'sep_conv",
    ),
    "future input": (
        changed("reduction.blocks.1.right.input", 4),
        "reduction.blocks[1].right.input: state 4 does not exist before block 1",
    ),
    "cycle": (changed("normal.blocks.0.left.input", 2), "state 2 does not exist before block 0"),
    "negative input": (changed("normal.blocks.0.left.input", -1), "-1 is negative"),
    "fraction": (changed("normal.blocks.0.left.input", 0.5), "must be a JSON integer, not 0.5"),
    "text for a number": (changed("normal.blocks.0.left.input", "1"), "must be a JSON integer"),
    "huge number": (
        json.dumps(nasnet()).replace('"input": 1', '"input": ' + "9" * 5000, 1).encode(),
        "a number of 5,000 digits",
    ),
    "empty cell": (changed("normal.blocks", []), "normal.blocks: is empty"),
    "many blocks": (
        changed("normal.blocks", nasnet()["normal"]["blocks"] * 2000),
        "normal.blocks: 10,000 blocks; a cell has at most 64",
    ),
    "large state": (changed("normal.blocks.0.left.input", 1e300), "1e+300 is too large; the larg"),
    "no name": (changed("name", ""), "name: is empty"),
    "infinite number": (
        json.dumps({**nasnet(), "provenance": {"score": 0.5}}).replace("0.5", "1e999").encode(),
        "1e999 is not a JSON number",
    ),
    "half a character": (changed("provenance", {"note": "\ud800"}), "a lone surrogate"),
    "NaN": (json.dumps({**nasnet(), "provenance": {"score": float("nan")}}).encode(), "NaN"),
    "deep nesting": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "field given twice": (b'{"name": "a", "name": "b"}', "'name' is given twice"),
    "path in the name": (changed("name", "../../etc/passwd"), "is not a name"),
    "markup in the name": (changed("name", "<script>alert(1)</script>"), "is not a name"),
    "line in the name": (changed("name", "a\nb"), "is not a name"),
    "long name": (changed("name", "a" * 5000), "name: has 5,000 characters; it may have 100"),
    "unknown stacking": (changed("stacking", "nasnett"), "stacking: "),
    "unknown combination": (changed("normal.blocks.0.combine", "mul"), "known are add, concat"),
    "state joined twice": (changed("normal.concat", [0, 2, 2, 3, 4, 5, 6]), "joined twice"),
    "joined state missing": (changed("normal.concat", [7]), "state 7 does not exist"),
    "nothing joined": (changed("normal.concat", []), "normal.concat: is empty"),
    "lost block": (changed("normal.concat", [0, 2, 3, 4, 5]), "state 6 is neither read"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_one_sentence_that_names_file_and_field(case, tmp_path):
    content, expected = BAD[case]
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        genotype_file.read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert expected in sentence
    assert "\n" not in sentence and len(sentence) < 600


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "😀", '"\\\n'])
def test_any_text_of_a_provenance_comes_back(character, tmp_path):
    """JSON strings may hold line separators as they are (RFC 8259, section 7)."""
    genotype = catalogue.load("nasnet_a")
    noted = dataclasses.replace(genotype, provenance={"note": f"a{character}b", "concat": ["{"]})
    kinds.write(noted, tmp_path / "noted.json")
    assert dict(genotype_file.read(tmp_path / "noted.json").provenance) == dict(noted.provenance)
    assert (tmp_path / "noted.json").read_bytes().startswith(b'{\n  "format_version": 1,\n')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\udcff"])
def test_what_could_not_be_read_is_not_written(value, tmp_path):
    noted = dataclasses.replace(catalogue.load("nasnet_a"), provenance={"note": value})
    with pytest.raises(UserError, match=r"cannot be written as JSON|is not UTF-8 text"):
        kinds.write(noted, tmp_path / "noted.json")
    assert list(tmp_path.iterdir()) == []


def test_a_byte_order_mark_is_no_fault(tmp_path):
    genotype = catalogue.load("darts_v1")
    path = tmp_path / "marked.json"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(genotype_file.dumps(genotype), encoding=encoding)
        assert genotype_file.read(path) == genotype


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UserError, match=r"pipe\.json: is not an ordinary file"):
        genotype_file.read(tmp_path / "pipe.json")
    with pytest.raises(UserError, match="is a folder"):
        genotype_file.read(tmp_path)
    with pytest.raises(
        UserError, match=r"~nosuchuser/x\.json: there is no home folder of ~nosuchu"
    ):
        genotype_file.read("~nosuchuser/x.json")


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path):
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.truncate(200_000_000)  # sparse: takes no space
    with pytest.raises(UserError, match="larger than 4,000,000 bytes"):
        genotype_file.read(path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.json"
    genotype = catalogue.load("nasnet_a")
    kinds.write(genotype, path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(UserError, match=r"mine\.json: cannot be written \(No space left"):
        kinds.write(catalogue.load("pnasnet_5"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_schema_holds_the_bounds_of_the_code():
    from cells.genotype.genotype import MAX_BLOCKS, MAX_NAME_LENGTH
    from cells.operations.families import FAMILIES

    schema = genotype_file.schema()
    assert schema["properties"]["stacking"]["enum"] == list(FAMILIES)
    assert schema["properties"]["name"]["maxLength"] == MAX_NAME_LENGTH
    assert schema["$defs"]["cell"]["properties"]["blocks"]["maxItems"] == MAX_BLOCKS
    assert schema["properties"]["format_version"]["const"] == genotype_file.FORMAT_VERSION
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_operations_of_the_papers_can_be_written():
    # Zoph et al. 2018 list 13 operations; the 8 of Liu et al. 2018 are among them.
    nasnet = set(list(OPERATIONS)[:13])
    pnas = {"sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_1x7_7x1", "identity"}
    assert pnas | {"avg_pool_3x3", "max_pool_3x3", "dil_conv_3x3"} <= nasnet
    # DARTS has eight operations, `none` included, which no discrete cell keeps.
    darts = {"max_pool_3x3", "avg_pool_3x3", "identity", "sep_conv_3x3", "sep_conv_5x5"}
    assert darts | {"dil_conv_3x3", "dil_conv_5x5"} <= set(OPERATIONS)
