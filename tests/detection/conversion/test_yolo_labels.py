"""YOLO's labels: boxes, polygons and keypoints are never taken for each other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from annotated import jpeg

from cells.support.errors import UserError
from detection import conversion

#: One object, with two keypoints of two numbers.
POSE = "0 0.5 0.5 0.2 0.4 0.45 0.40 0.55 0.60"


@pytest.fixture
def labels(tmp_path):
    """A function that reads the labels of images of 200x100 pixels."""
    (tmp_path / "labels").mkdir()

    def read(*texts, names="names: [dog, cat]", file="data.yaml", classes=None):
        photos = tmp_path / "photos"
        photos.mkdir()
        for letter, text in zip("abc", texts, strict=False):
            (photos / f"{letter}.jpg").write_bytes(jpeg(200, 100))
            (tmp_path / "labels" / f"{letter}.txt").write_text(text)
        (tmp_path / file).write_text(names)
        images = conversion.open_images(photos)
        return conversion.read(tmp_path / "labels", images, classes)

    return read


def boxes(annotations):
    return [
        pytest.approx(item.box)
        for image in annotations.images
        for item in annotations.objects_of(image)
    ]


def test_keypoints_are_no_corners_of_a_polygon(labels):
    """The middle at half of 200x100, a fifth of the width and two fifths of the height."""
    found = labels(POSE, names="names: [dog]\nkpt_shape: [2, 2]")
    assert boxes(found) == [[80, 30, 40, 40]]
    assert found.notes == ("lines taken for boxes with 2 keypoints, which are left out: 1",)
    assert found.objects_of(found.images[0])[0].segmentation is None


def test_keypoints_of_three_numbers_have_their_visibility(labels):
    line = "0 0.5 0.5 0.2 0.4 0.45 0.40 2 0.55 0.60 0"
    found = labels(line, names="names: [dog]\nkpt_shape: [2, 3]")
    assert boxes(found) == [[80, 30, 40, 40]]


def test_the_shape_of_keypoints_counts_where_the_names_come_from_elsewhere(labels, tmp_path):
    (tmp_path / "classes.txt").write_text("dog\n")
    names = "names: [dog]\nkpt_shape: [2, 2]"
    found = labels(POSE, names=names, classes=str(tmp_path / "classes.txt"))
    assert boxes(found) == [[80, 30, 40, 40]]


def test_without_a_shape_of_keypoints_the_same_line_is_a_polygon_and_told(labels):
    found = labels(POSE)
    assert boxes(found) == [[40, 40, 70, 20]]
    assert found.notes[0] == "lines taken for polygons: 1"


@pytest.mark.parametrize(
    ("text", "names", "sentence"),
    [
        (
            "0 0.5 0.5 0.2 0.4",
            "names: [dog]\nkpt_shape: [2, 2]",
            r"line 1: .* is not 'class x y width height' with 2 keypoints of 2 numbers",
        ),
        ("0 0.5 0.5 0.2 0.4 1 1 2", "names: [dog]", "keypoints need kpt_shape"),
        (
            "0 0.5 0.5 0.2 0.4\n\n0 0 0 0.5 0 0.5 1",
            "names: [dog]",
            "line 3: is one of polygons, those before it of boxes",
        ),
        ("0 nan 0.5 0.2 0.4", "names: [dog]", "line 1: '0 nan"),
        ("0 0.5 inf 0.2 0.4", "names: [dog]", "line 1: '0 0.5 inf"),
        ("0 0.5 1e308 0.2 0.4", "names: [dog]", "line 1: '0 0.5 1e308"),
        ("0 0.5 1e999 0.2 0.4", "names: [dog]", "line 1: '0 0.5 1e999"),
        ("0 0.5 1_0 0.2 0.4", "names: [dog]", "line 1: '0 0.5 1_0"),
        ("0 0.5 \u0663 0.2 0.4", "names: [dog]", "line 1: '0 0.5 \u0663"),
        ("0.5 0.5 0.5 0.2 0.4", "names: [dog]", "line 1: class 0.5 has no name"),
        ("-1 0.5 0.5 0.2 0.4", "names: [dog]", "line 1: class -1 has no name"),
        (POSE, "names: [dog]\nkpt_shape: [2, 4]", r"kpt_shape: \[.*\] is not \[keypoints, 2 or 3"),
        (POSE, "names: [dog]\nkpt_shape: [0, 2]", r"kpt_shape"),
        (POSE, "names: [dog]\nkpt_shape: 2", "kpt_shape"),
        (POSE, "names: [dog, null]", "class 1 is the text 'null', no name"),
        (POSE, "names: [dog, ~]", "class 1 is the text '~', no name"),
        (POSE, "names: {0: dog, 2: cat}", "numbers other than 0 to 1"),
        (POSE, "names: {0: dog, 0: cat}", "given twice"),
        (POSE, "names: {a: dog, 0: cat}", "numbers other than 0 to 1"),
        (POSE, "names: [dog, [cat]]", "class 1 is"),
        (POSE, "names: [dog, dog]", "two classes are called 'dog'"),
        (POSE, "names: [dog]\nnc: 2", "nc: is the text '2', but names has 1"),
        (POSE, "names: dog", "has no list of classes"),
    ],
)
def test_labels_that_cannot_be_are_refused(labels, text, names, sentence):
    with pytest.raises(UserError, match=sentence):
        labels(text, names=names)


def test_names_are_the_text_that_they_are_written_as(labels):
    """To YAML 1.1 these are truths, a number, a date and a time."""
    found = labels("4 0.5 0.5 0.2 0.4", names="nc: 5\nnames: [yes, no, 007, 2026-11-28, 1:30]")
    assert found.categories.names == ("yes", "no", "007", "2026-11-28", "1:30")


def test_a_name_ends_where_its_line_ends(labels):
    """Other characters that Python takes for ends of lines would shift the numbers of all."""
    found = labels("2 0.5 0.5 0.2 0.4", names="a\u2028b\nc\x0bd\ne\n", file="classes.txt")
    assert found.categories.names == ("a\u2028b", "c\x0bd", "e")


def test_classes_without_an_object_are_told(labels):
    found = labels("1 0.5 0.5 0.2 0.4")
    assert found.notes == (
        "lines taken for boxes: 1",
        "classes without an object: 1, such as 0 (dog)",
    )


def test_two_files_of_labels_for_one_image_are_refused(labels, tmp_path):
    (tmp_path / "labels" / "more").mkdir()
    (tmp_path / "labels" / "more" / "a.txt").write_text("0 0.5 0.5 0.2 0.4")
    with pytest.raises(UserError, match=r"a\.txt and .*a\.txt would belong together"):
        labels("0 0.1 0.1 0.2 0.4")


def test_yolo_becomes_coco(tmp_path, photos):
    folder = tmp_path / "labels"
    folder.mkdir()
    (tmp_path / "data.yaml").write_text("names: {0: dog, 1: cat}\n")
    (folder / "a.txt").write_text("0 0 0 0.5 0 0.5 1\n")
    (folder / "b.txt").write_text("1 0.5 0.5 0.25 0.2\n\n")
    annotations = conversion.read(folder, conversion.open_images(photos))
    conversion.write_json(annotations, tmp_path / "yolo.json")
    values = json.loads((tmp_path / "yolo.json").read_bytes())
    assert values["categories"] == [{"id": 0, "name": "dog"}, {"id": 1, "name": "cat"}]
    polygon, box = values["annotations"]
    assert (box["category_id"], box["image_id"]) == (1, 2)
    np.testing.assert_allclose(box["bbox"], [15, 12, 10, 6])
    assert (polygon["category_id"], polygon["bbox"]) == (0, [0, 0, 20, 30])
    assert polygon["segmentation"] == [[0, 0, 20, 0, 20, 30]]
    assert [i["file_name"] for i in values["images"]] == ["a.jpg", "b.jpg"]
    assert annotations.notes == ("lines taken for polygons: 1", "lines taken for boxes: 1")
    # Read as a COCO file they are the same annotations.
    assert conversion.read(tmp_path / "yolo.json").objects == annotations.objects


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("a.txt", "2 0.5 0.5 0.1 0.1", r"a\.txt: line 1: class 2 has no name"),
        ("a.txt", "0 0.5 0.5 0.1", r"a\.txt: line 1: .* is neither 'class x y width height'"),
        ("a.txt", "dog 1 2 3 4", r"a\.txt: line 1: 'dog 1 2 3 4' is neither"),
        ("c.txt", "0 0.5 0.5 0.1 0.1", r"c\.txt: there is no image c\.\*"),
    ],
)
def test_classes_lines_and_images_that_there_are_not_are_refused(
    tmp_path, photos, name, line, sentence
):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "classes.txt").write_text("dog\ncat\n")
    (folder / name).write_text(line)
    with pytest.raises(UserError, match=sentence):
        conversion.read(folder, conversion.open_images(photos))
