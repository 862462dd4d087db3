"""YAML: the part that is read, and one sentence for the rest."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.support import yaml_file
from cells.support.errors import UserError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefg", "bcdefgh")  # noqa: B905
)


@pytest.mark.parametrize(
    "text, value",
    [
        # YAML 1.2.2, section 10.3.2: the core schema; and what YAML 1.1 takes for something else.
        ("[null, ~, Null, ]", [None, None, None]),
        ("[true, True, FALSE]", [True, True, False]),
        ("[yes, no, on, Off, y]", ["yes", "no", "on", "Off", "y"]),
        ("[2026-11-28, 1:30, 1_000, =, <<]", ["2026-11-28", "1:30", "1_000", "=", "<<"]),
        ("[0, -3, +4, 010]", [0, -3, 4, 10]),
        ("[.5, 5., -1.5, 1e-3, 6E8]", [0.5, 5.0, -1.5, 1e-3, 6e8]),
        ("['1', \"true\", 'null']", ["1", "true", "null"]),
        ("[-.inf, .Inf]", [-math.inf, math.inf]),
        ("", None),
        ("# nothing\n", None),
        ("{0: a, b: {c: [d]}}", {0: "a", "b": {"c": ["d"]}}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    assert yaml_file.loads(text) == value


def test_names_can_be_read_as_they_are_written():
    text = "names: [yes, no, null, 007, 1.0, 2026-11-28]"
    names = ["yes", "no", "null", "007", "1.0", "2026-11-28"]
    assert yaml_file.loads(text, as_text=True) == {"names": names}


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "line 1: the key 'b' is given twice"),
        ("a: !!int x", "line 1: the tag 'tag:yaml.org,2002:int' is not read"),
        ("a: !!bool maybe", "is not read"),
        ("- !!python/object/apply:os.system [ls]", "is not read"),
        (BOMB, "line 1: anchors and aliases"),
        ("a: *b", "anchors and aliases"),
        ("[" * 100 + "]" * 100, "nested deeper than 32 levels"),
        ("[" * 100_000, "not YAML"),
        (f"a: {'9' * 5000}", "line 1: a number of 5,000 characters"),
        ("? [a]\n: b", "a list or mapping is not a key"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: [1", "not YAML"),
        ("a: \x00", "not YAML"),
        ("a: \udcff", "half of a character"),
    ],
)
def test_the_rest_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(UserError) as caught:
        yaml_file.loads(text)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_files_are_bounded_and_named(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("a: " + "x" * yaml_file.MAX_BYTES)
    with pytest.raises(UserError, match=r"large\.yaml: larger than 400,000 bytes"):
        yaml_file.read(path)
    path.write_bytes("a: grün".encode("latin-1"))
    with pytest.raises(UserError, match=r"large\.yaml: is not UTF-8 text"):
        yaml_file.read(path)
    path.write_text("a: grün", encoding="utf-8-sig")
    assert yaml_file.read(path) == {"a": "grün"}


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(
        ["1e5", "yes", "0x1F", "2026-11-28", "~", "1:30", ".5", "null", "a\x85b", "="]
    )
)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
        max_leaves=8,
    )
)
def test_what_is_written_comes_back_here_and_elsewhere(values):
    text = yaml_file.dumps({"values": values})
    assert yaml_file.loads(text) == {"values": values}
    assert yaml.safe_load(text) == {"values": values}
