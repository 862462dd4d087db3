"""Numbers of COCO's and VOC's files: what is none, or lies nowhere, reaches no other file."""

from __future__ import annotations

import json

import pytest
from annotated import coco, jpeg, written

import detection
from cells.support.errors import UserError
from detection import conversion
from detection.conversion.annotations import from_coco

VOC = """<annotation><filename>{name}</filename>
<size><width>{width}</width><height>{height}</height><depth>3</depth></size>
<object><name>dog</name>
<bndbox><xmin>{xmin}</xmin><ymin>6</ymin><xmax>20</xmax><ymax>10</ymax></bndbox></object>
</annotation>"""


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("NaN", "NaN is not a JSON number"),
        ("Infinity", "Infinity is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1e999", "1e999 is not a JSON number"),
        ("9" * 400, "a number of 400 digits"),
        ("9" * 5000, "a number of 5,000 digits"),
        ("1e308", r"annotation 1: bbox \[1e\+308, 2, 3, 4\] is not a place in an image"),
        ("1e10", r"annotation 1: bbox .* is not a place in an image"),
        ('"1"', r"annotation 1: bbox \[the text '1', 2, 3, 4\] is not \[x, y, width, height\]"),
        ("true", r"annotation 1: bbox \[true, 2, 3, 4\] is not"),
        ("null", r"annotation 1: bbox \[null, 2, 3, 4\] is not"),
        ("[1]", r"annotation 1: bbox \[a list, 2, 3, 4\] is not"),
    ],
)
def test_cocos_boxes_have_finite_numbers(tmp_path, number, sentence):
    path = written(tmp_path, coco([["HERE", 2, 3, 4]]))
    path.write_text(path.read_text().replace('"HERE"', number))
    output = tmp_path / "out.json"
    with pytest.raises(UserError, match=rf"boxes\.json: {sentence}"):
        detection.convert(path, output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("area", "12", "area: the text '12' is not a number of pixels"),
        ("area", 1e300, r"area: 1e\+300 is not a number of pixels"),
        ("iscrowd", "0", "iscrowd: the text '0' is neither 0 nor 1"),
        ("iscrowd", 2, "iscrowd: 2 is neither 0 nor 1"),
        ("image_id", "1", "image_id: the text '1' is not a whole number"),
        ("image_id", 1.5, "image_id: 1.5 is not a whole number"),
        ("image_id", None, "image_id: null is not a whole number"),
        ("category_id", True, "category_id: true is not a whole number"),
        ("category_id", -7, "category_id: -7 is not a whole number"),
        ("bbox", 10**400, r"bbox a number of many digits is not \[x, y"),
    ],
)
def test_cocos_other_numbers_are_what_they_are_called(field, value, sentence):
    values = coco([[1, 2, 3, 4]])
    values["annotations"][0][field] = value
    with pytest.raises(UserError, match=f"file: annotation 1: {sentence}"):
        from_coco(values, "file")


def test_whole_numbers_may_be_written_with_a_point():
    """As some tools write all numbers; `null` for a size says that nobody looked."""
    values = coco([[1, 2, 3, 4]])
    values["images"][0] |= {"id": 1.0, "height": 30.0, "width": 40.0}
    values["images"][1] |= {"height": None}
    values["annotations"][0] |= {"image_id": 1.0, "category_id": 7.0, "area": -1, "iscrowd": None}
    found = from_coco(values, "file")
    assert [(i.image_id, i.size) for i in found.images] == [(1, (30, 40)), (2, None)]
    (item,) = found.objects_of(found.images[0])
    assert (item.category_id, item.area, item.crowd) == (7, None, False)


def test_many_categories_take_no_time_each():
    """Half a minute where every name was compared with all before it."""
    values = coco(categories=[{"id": i, "name": f"c{i}"} for i in range(100_000)])
    assert len(from_coco(values, "file").categories) == 100_000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"xmin": "nan"}, "<bndbox/xmin> is 'nan', which is not a number of pixels"),
        ({"xmin": "-inf"}, "<bndbox/xmin> is '-inf'"),
        ({"xmin": "1e308"}, "<bndbox/xmin> is '1e308'"),
        ({"xmin": "1e999"}, "<bndbox/xmin> is '1e999'"),
        ({"xmin": "9" * 5000}, "<bndbox/xmin> is '99"),
        ({"xmin": "1_0"}, "<bndbox/xmin> is '1_0'"),
        ({"xmin": ""}, "an <object> has no <bndbox/xmin>"),
        ({"width": "nan"}, "<size/width> is 'nan', which is not a number of pixels"),
        ({"width": "inf"}, "<size/width> is 'inf'"),
        ({"height": "1e308"}, "<size/height> is '1e308'"),
        ({"height": "thirty"}, "<size/height> is 'thirty'"),
        ({"height": "30.5"}, "<size/height> is 30.5, which is not a number of pixels"),
        ({"height": "-30"}, "<size/height> is -30"),
        ({"height": ""}, "an <annotation> has no <size/height>"),
    ],
)
def test_vocs_numbers_are_numbers(tmp_path, change, sentence):
    values = {"name": "a.jpg", "width": 40, "height": 30, "xmin": 11, **change}
    (tmp_path / "a.xml").write_text(VOC.format(**values))
    with pytest.raises(UserError, match=rf"a\.xml: {sentence}"):
        conversion.read(tmp_path)


@pytest.mark.parametrize(("width", "height"), [(0, 30), (40, 0), ("40.0", "30.0")])
def test_vocs_sizes_may_be_unknown_or_written_with_a_point(tmp_path, width, height):
    (tmp_path / "a.xml").write_text(VOC.format(name="a.jpg", width=width, height=height, xmin=11))
    (image,) = conversion.read(tmp_path).images
    assert image.size == ((30, 40) if width == "40.0" else None)


@pytest.mark.parametrize(
    "filename", ["<filename>a</filename>", "", "<filename>set/a.png</filename>"]
)
def test_vocs_images_may_be_named_without_their_ending_or_not_at_all(tmp_path, filename):
    folder, photos = tmp_path / "voc", tmp_path / "photos" / "set"
    folder.mkdir()
    photos.mkdir(parents=True)
    (photos / "a.png").write_bytes(jpeg())
    (photos / "b.jpg").write_bytes(jpeg())
    text = VOC.format(name="", width=40, height=30, xmin=11)
    (folder / "a.xml").write_text(text.replace("<filename></filename>", filename))
    images = conversion.open_images(tmp_path / "photos")
    annotations = conversion.read(folder, images)
    assert [image.file_name for image in annotations.images] == ["set/a.png"]
    assert "the 1 that these files name" in annotations.notes[0]
    conversion.write_json(annotations, tmp_path / "voc.json")
    values = json.loads((tmp_path / "voc.json").read_bytes())
    assert values["annotations"][0]["bbox"] == [10, 5, 10, 5]


def test_a_stem_is_no_name_where_two_files_have_it(tmp_path):
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(jpeg())
    images = conversion.open_images(tmp_path)
    with pytest.raises(UserError, match="has several files that could be 'a'"):
        images.find("a")
    assert images.find("a.png") == "a.png"
    assert images.find("a.gif") is None
