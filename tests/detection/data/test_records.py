"""Folders of converted boxes that were changed since: told in one sentence, with the field."""

from __future__ import annotations

import json

import pytest
from annotated import coco, converted

from cells.support.errors import UserError
from detection import conversion
from detection.data import records


@pytest.fixture
def folder(tmp_path, photos):
    return converted(tmp_path, photos, coco([[1, 2, 3, 4]]), shards=2).folder


def change(folder, **values):
    path = folder / "boxes.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"shards": -18}, r"boxes\.json: shards: -18 is less than the minimum of 1"),
        ({"shards": 1.5}, r"boxes\.json: shards: 1\.5 is not of type 'integer'"),
        ({"shards": "2"}, r"boxes\.json: shards: '2' is not of type"),
        ({"shards": True}, r"boxes\.json: shards: True is not of type"),
        ({"shards": 20}, "18 of the 20 record files are missing"),
        ({"shards": 1}, r"holds 2 record files, and boxes\.json says 1"),
        ({"records": "../*"}, r"boxes\.json: records: "),
        ({"records": 7}, r"boxes\.json: records: 7 is not of type 'string'"),
        ({"masks": 1}, r"boxes\.json: masks: 1 is not of type 'boolean'"),
        ({"categories": []}, r"boxes\.json: categories: \[\] should be non-empty"),
        ({"categories": [{"id": 1}]}, r"categories\[0\]: 'name' is a required property"),
        ({"categories": [{"id": 1, "name": 2}]}, r"categories\[0\]\.name: 2 is not of type"),
        ({"categories": [{"id": 1, "name": "a"}] * 2}, "categories: two have the same id"),
        ({"contents": None}, r"boxes\.json: contents: None is not of type 'object'"),
        ({"contents": {}}, r"boxes\.json: contents: 'images' is a required property"),
    ],
)
def test_descriptions_that_say_what_cannot_be_are_refused(folder, values, sentence):
    change(folder, **values)
    with pytest.raises(UserError, match=sentence):
        records.find(str(folder))


@pytest.mark.parametrize("count", ["many", -1, 1.5, None, [], "1e999"])
@pytest.mark.parametrize("field", ["images", "objects", "crowds", "most_objects", "boxes_as_masks"])
def test_counts_are_counts(folder, field, count):
    contents = json.loads((folder / "boxes.json").read_bytes())["contents"]
    change(folder, contents={**contents, field: count})
    with pytest.raises(UserError, match=rf"boxes\.json: contents\.{field}: "):
        records.find(str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"shards": NaN}', "\x00"])
def test_what_is_no_description_is_refused(folder, text):
    (folder / "boxes.json").write_text(text)
    with pytest.raises(UserError, match=r"boxes\.json: .*convert again"):
        records.find(str(folder))


def test_a_record_file_that_was_cut_is_named(folder):
    path = folder / "records-00001-of-00002.tfrecord"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(
        UserError, match=rf"00001-of-00002\.tfrecord: has {len(whole) - 7:,} bytes, and had"
    ):
        records.find(str(folder))


def test_descriptions_of_conversions_before_are_read(folder):
    """They note no sizes of files, and no outlines that could not be drawn."""
    info = json.loads((folder / "boxes.json").read_bytes())
    del info["bytes"], info["contents"]["faults"]["outlines"], info["contents"]["boxes_as_masks"]
    (folder / "boxes.json").write_text(json.dumps(info))
    found = records.find(str(folder))
    assert "2 images with 1 objects of 2 classes in 2 files" in conversion.described(found)[0]
