"""Boxes in Pascal VOC's XML, which strangers wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest
from annotated import stored

from cells.support.errors import UserError
from detection import conversion

VOC = """<annotation><filename>{name}</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>dog</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></object>
<object><name>cat &amp; mouse</name>
<bndbox><xmin>11</xmin><ymin>6</ymin><xmax>20</xmax><ymax>10</ymax></bndbox></object>
</annotation>"""


def test_voc_becomes_coco(tmp_path, photos):
    """The first pixel of VOC is 1 and the last inside: a box of 1 to 40 fills an image of 40."""
    folder = tmp_path / "voc"
    folder.mkdir()
    (folder / "a.xml").write_text(VOC.format(name="a.jpg"))
    (folder / "b.xml").write_text("<annotation><filename>b.jpg</filename></annotation>")
    annotations = conversion.read(folder)
    conversion.write_json(annotations, tmp_path / "voc.json")
    values = json.loads((tmp_path / "voc.json").read_bytes())
    assert values["categories"] == [{"id": 1, "name": "cat & mouse"}, {"id": 2, "name": "dog"}]
    assert [(a["category_id"], a["bbox"]) for a in values["annotations"]] == [
        (2, [0, 0, 40, 30]),
        (1, [10, 5, 10, 5]),
    ]
    assert [i["file_name"] for i in values["images"]] == ["a.jpg", "b.jpg"]
    found = conversion.convert(annotations, conversion.open_images(photos), tmp_path / "out")
    first, second = stored(found)
    np.testing.assert_array_equal(first["groundtruth_boxes"][0], [0, 0, 1, 1])
    assert len(second["groundtruth_boxes"]) == 0


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<annotation><filename>&b;</filename></annotation>"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "declares a document type"),
        (BOMB.encode("utf-16"), "declares a document type"),
        ('<!DOCTYPE x SYSTEM "/etc/passwd"><annotation/>', "declares a document type"),
        ("<annotation><object>", "cannot be read as XML"),
        ("<svg/>", "its root is <svg>"),
        (
            VOC.replace("<xmin>11", "<xmin>eleven"),
            "<bndbox/xmin> is 'eleven', which is not a number",
        ),
        (VOC.replace("<name>dog</name>", ""), "an <object> has no <name>"),
    ],
)
def test_xml_from_strangers_is_not_trusted(tmp_path, text, sentence):
    (tmp_path / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"a\.xml: .*{sentence}"):
        conversion.read(tmp_path)
