"""Strangers' boxes: what becomes of each fault, and that nothing else changes on the way."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from annotated import coco, converted, jpeg, stored, written
from forked_commands import run_forked
from PIL import Image

import detection
from cells.support.errors import UserError
from detection import conversion
from detection.data import dataset, records
from detection.training import complete
from detection.training.task import CellsRetinaNetTask


@pytest.mark.parametrize(("split", "part"), [("train", "train2017"), ("validation", "val2017")])
def test_coco_from_its_own_files_is_what_the_trainer_gets_from_tfds(
    data_dir, small, tmp_path, split, part
):
    """The figure of the issue: identical boxes, labels, crowds and pixels, image by image."""
    sample = data_dir / "coco_sample"
    images = conversion.open_images(sample / "images.zip")
    annotations = conversion.read(sample / f"instances_{part}.json")
    found = conversion.convert(annotations, images, tmp_path / split, shards=2)
    tfds_side = {"tfds_name": "coco/2017", "tfds_split": split}
    ours = small({"task": {"validation_data": {"input_path": str(found.folder)}}}, data_dir)
    theirs = small({"task": {"validation_data": tfds_side}}, data_dir)
    categories = [complete.resolve(p, train=False) for p in (ours, theirs)]
    assert categories[0] == categories[1]

    expected = {}
    for example in dataset.decoded(theirs.task.validation_data).as_numpy_iterator():
        expected[example["source_id"]] = example
    given = {
        e["source_id"]: e for e in dataset.decoded(ours.task.validation_data).as_numpy_iterator()
    }
    assert given.keys() == expected.keys()
    assert len(given) == {"train": 195, "validation": 120}[split]
    crowds = empty = 0
    for image_id, example in given.items():
        assert example.keys() == expected[image_id].keys()
        for key, value in example.items():
            # TFDS cuts areas to whole pixels.
            atol = 1.0 if key == "groundtruth_area" else 0
            theirs_too = expected[image_id][key]
            if atol:
                np.testing.assert_allclose(value, theirs_too, rtol=0, atol=atol)
            else:
                np.testing.assert_array_equal(value, theirs_too, err_msg=key)
        crowds += int(example["groundtruth_is_crowd"].sum())
        empty += not len(example["groundtruth_boxes"])
    official = json.loads((sample / f"instances_{part}.json").read_bytes())["annotations"]
    held = found.info["contents"]
    assert held["objects"] == len(official)
    assert held["crowds"] == crowds == sum(a["iscrowd"] for a in official) > 0
    assert held["images_without_objects"] == empty > 0
    assert held["left_out"] == {}
    assert not any(held["faults"][kind] for kind in ("degenerate", "outside", "clipped"))


FAULTY = (
    [1, 2, 10, 5],  # 1: as it should be
    [1, 2, 0, 5],  # 2: no width
    [1, 2, -3, 5],  # 3: a negative width
    [1, 2, 3, -0.0],  # 4: no height
    [1, 2, -(2.0**31), 5],  # 5: as far to the left as can be
    [-5, 3, 10, 5],  # 6: reaches over the left border
    [35, 25, 10, 10],  # 7: over right and lower border
    [41, 2, 5, 5],  # 8: outside
    [1, 2, 10, 5],  # 9: the first again
    [10, 10, 30.01, 3],  # 10: a rounding over
)


def test_every_faulty_box_is_told_by_its_number(tmp_path, photos):
    found = converted(tmp_path, photos, coco(FAULTY))
    faults = found.info["contents"]["faults"]
    assert faults == {
        "degenerate": [2, 3, 4, 5],
        "outside": [8],
        "clipped": [6, 7],
        "duplicates": [9],
        "outlines": [],
    }
    first, second = stored(found)
    boxes = first["groundtruth_boxes"] * np.float32([30, 40, 30, 40])
    expected = [
        [2, 1, 7, 11],
        [3, 0, 8, 5],
        [25, 35, 30, 40],
        [2, 1, 7, 11],
        [10, 10, 13, 40],
    ]
    np.testing.assert_allclose(boxes, expected, atol=1e-5)
    # 7 is the second of the numbers, and 0 the background.
    assert list(first["groundtruth_classes"]) == [2] * 5
    assert len(second["groundtruth_boxes"]) == 0
    lines = "\n".join(conversion.described(found))
    assert "objects left out, of no width or height: 4 (2, 3, 4, 5)" in lines
    assert "images without objects: 1" in lines


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"categories": [{"id": 3, "name": "dog"}]}, "annotation 1: category_id 7 is not declared"),
        (
            {"categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "cat"}]},
            "the categories 3 and 7 are both called 'cat'",
        ),
        ({"images": [{"id": 2, "file_name": "b.jpg"}]}, "image_id 1 is not among the images"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}] * 2}, "image 1: the id is given twice"),
        ({"images": [{"id": "x", "file_name": "a.jpg"}]}, r"images\[0\].id: the text 'x' is no"),
        ({"images": []}, "has no images"),
        ({"annotations": {}}, "'annotations' is not a list"),
        ({"annotations": [{"image_id": 1, "category_id": 7}]}, "annotation 1: has no 'bbox'"),
        (
            {"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3]}]},
            r"bbox \[1, 2, 3\] is not \[x, y, width, height\]",
        ),
        (
            {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 9, "file_name": "../gone.jpg"}]},
            r"1 of the 2 images that .* names are missing, such as \.\./gone\.jpg",
        ),
    ],
)
def test_files_that_say_what_cannot_be_are_refused(tmp_path, photos, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        converted(tmp_path, photos, coco([[1, 2, 3, 4]], **changes))
    assert not (tmp_path / "out").exists()


def test_a_truncated_file_is_refused(tmp_path):
    path = written(tmp_path, coco([[1, 2, 3, 4]]))
    path.write_text(path.read_text()[:-30])
    with pytest.raises(UserError, match=r"boxes\.json: not JSON"):
        conversion.read(path)


def test_images_that_cannot_be_used_are_left_out_and_named(tmp_path, photos):
    """A truncated JPEG, one of another size, a line, and no image; a panorama and a point stay."""
    (photos / "short.jpg").write_bytes(jpeg(200, 200)[:900])
    (photos / "other.jpg").write_bytes(jpeg(40, 50))
    (photos / "text.png").write_bytes(b"no image")
    Image.new("RGB", (20_000, 100)).save(photos / "line.png")
    Image.new("RGB", (20_000, 250)).save(photos / "panorama.png")
    Image.new("L", (1, 1)).save(photos / "point.png")
    Image.new("P", (50, 60)).save(photos / "paper.gif")
    names = ["a.jpg", "short.jpg", "other.jpg", "text.png", "line.png"]
    names += ["panorama.png", "point.png", "paper.gif"]
    values = coco(
        [[0, 0, 10, 10]],
        images=[{"id": i, "file_name": name} for i, name in enumerate(names, 1)],
    )
    values["images"][2] |= {"height": 40, "width": 50}
    found = converted(tmp_path, photos, values)
    left_out = found.info["contents"]["left_out"]
    assert left_out.keys() == {"short.jpg", "other.jpg", "text.png", "line.png"}
    assert "cannot be decoded" in left_out["short.jpg"]
    assert "is 50x40 pixels, and 40x50 in its annotations" in left_out["other.jpg"]
    assert "cannot be read" in left_out["text.png"]
    assert "100x20000 pixels, narrower than 1 to 100" in left_out["line.png"]
    kept = {int(e["source_id"]): e["image"].shape for e in stored(found)}
    assert kept == {1: (30, 40, 3), 6: (250, 20_000, 3), 7: (1, 1, 3), 8: (60, 50, 3)}
    assert "images left out: 4" in "\n".join(conversion.described(found))


@pytest.mark.parametrize(
    ("seen_as", "orientations"), [("stored", range(1, 9)), ("upright", range(5, 9))]
)
def test_boxes_lie_on_photographs_that_exif_turns_as_their_size_says(
    tmp_path, seen_as, orientations
):
    """A bright box, drawn on the stored or on the upright picture: pixels and box must agree.

    Whichever the annotations mean, what is read is upright. From 5 on EXIF says a quarter turn.
    """
    from PIL import ImageOps

    def bright(pixels):
        rows, columns = np.nonzero(pixels[..., 0] > 127)
        ymin, xmin = int(rows.min()), int(columns.min())
        return [xmin, ymin, int(columns.max()) + 1 - xmin, int(rows.max()) + 1 - ymin]

    photos = tmp_path / "photos"
    photos.mkdir()
    stored_pixels = np.zeros((32, 48, 3), np.uint8)
    stored_pixels[8:16, 16:40] = 255
    upright, images, boxes = {}, [], []
    for orientation in orientations:
        name = f"{orientation}.png"
        picture = Image.fromarray(stored_pixels)
        exif = picture.getexif()
        exif[0x0112] = orientation
        picture.save(photos / name, exif=exif)
        with Image.open(photos / name) as file:
            upright[orientation] = np.asarray(ImageOps.exif_transpose(file))
        seen = upright[orientation] if seen_as == "upright" else stored_pixels
        height, width = seen.shape[:2]
        images.append({"id": orientation, "file_name": name, "height": height, "width": width})
        boxes.append(bright(seen))
    values = coco(boxes, images=images)
    for annotation, orientation in zip(values["annotations"], orientations, strict=True):
        annotation["image_id"] = orientation
    annotations = conversion.read(written(tmp_path, values))
    found = conversion.convert(annotations, conversion.open_images(photos), tmp_path / "made")
    examples = {int(example["source_id"]): example for example in stored(found)}
    assert examples.keys() == upright.keys()
    for orientation, example in examples.items():
        np.testing.assert_array_equal(example["image"], upright[orientation])
        height, width = upright[orientation].shape[:2]
        assert (example["height"], example["width"]) == (height, width)
        ymin, xmin, ymax, xmax = example["groundtruth_boxes"][0] * [height, width, height, width]
        assert (example["image"][round(ymin) : round(ymax), round(xmin) : round(xmax)] == 255).all()
    told = dict(line.split(": ", 1) for line in conversion.described(found) if ": " in line)
    turned = {what: number.split()[0] for what, number in told.items() if "turned" in what}
    if seen_as == "upright":
        assert turned == {"images turned upright, as their annotations see them": "4"}
    else:
        assert list(turned.values()) == ["7"] and "as they are stored" in next(iter(turned))


def test_a_set_without_one_usable_image_is_refused_and_leaves_nothing(tmp_path, photos):
    for name in "ab":
        (photos / f"{name}.jpg").write_bytes(jpeg(200, 200)[:900])
    with pytest.raises(UserError, match=r"none of the 2 images can be used, such as a\.jpg"):
        converted(tmp_path, photos, coco())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_thousand_boxes_are_kept_and_counted(tmp_path, photos, small):
    boxes = [[i % 40, i // 40, 1, 1] for i in range(1000)]
    found = converted(tmp_path, photos, coco(boxes))
    assert found.info["contents"]["most_objects"] == 1000
    assert len(stored(found)[0]["groundtruth_boxes"]) == 1000
    # Training looks at max_num_instances of them, evaluation at all.
    at = {"input_path": str(found.folder), "global_batch_size": 2}
    params = small({"task": {"train_data": at, "validation_data": at}}, tmp_path)
    complete.resolve(params)
    task = CellsRetinaNetTask(params.task)
    _, labels = next(iter(task.build_inputs(params.task.validation_data)))
    assert labels["groundtruths"]["boxes"].shape[1] == 1000
    assert params.task.train_data.parser.max_num_instances == 100


def test_a_killed_conversion_goes_on_and_ends_in_the_same_files(tmp_path, photos, monkeypatch):
    whole = converted(tmp_path, photos, coco(FAULTY), shards=2)
    names = sorted(path.name for path in whole.folder.iterdir())
    assert names == [
        "boxes.json",
        "records-00000-of-00002.tfrecord",
        "records-00001-of-00002.tfrecord",
    ]
    again = conversion.convert(
        conversion.read(tmp_path / "boxes.json"),
        conversion.open_images(photos),
        whole.folder,
        shards=2,
    )
    assert again == whole

    class Killed(BaseException):
        pass

    opened = conversion.open_images(photos)
    read = opened.read

    def until_killed(name):
        if name == "b.jpg":
            raise Killed
        return read(name)

    monkeypatch.setattr(opened, "read", until_killed)
    annotations = conversion.read(tmp_path / "boxes.json")
    target = tmp_path / "killed"
    with pytest.raises(Killed):
        conversion.convert(annotations, opened, target, shards=2)
    half = sorted(path.name for path in target.iterdir())
    assert half == [".records-00000.json", "records-00000-of-00002.tfrecord"]
    before = (target / half[1]).stat().st_mtime_ns
    with pytest.raises(UserError, match=r"input_path.*holds no converted boxes"):
        records.find(str(target))
    with pytest.raises(UserError, match="a part of another conversion"):
        conversion.convert(annotations, conversion.open_images(photos), target, shards=1)
    done = conversion.convert(annotations, conversion.open_images(photos), target, shards=2)
    assert done.info == whole.info
    assert (target / half[1]).stat().st_mtime_ns == before
    for name in names:
        assert (target / name).read_bytes() == (whole.folder / name).read_bytes()


def test_what_lies_in_the_folder_already_is_left_alone(tmp_path, photos):
    found = converted(tmp_path, photos, coco([[1, 2, 3, 4]]))
    with pytest.raises(UserError, match="holds boxes already that were made of something else"):
        converted(tmp_path, photos, coco([[1, 2, 3, 5]]))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files, such as thesis\.txt"):
        conversion.convert(
            conversion.read(tmp_path / "boxes.json"),
            conversion.open_images(photos),
            tmp_path / "full",
        )
    found.folder.joinpath("records-00000-of-00001.tfrecord").unlink()
    with pytest.raises(UserError, match="1 of the 1 record files are missing"):
        records.find(str(found.folder))


def test_outlines_become_masks_as_cocos_own_tools_draw_them(data_dir, tmp_path):
    from official.vision.dataloaders import tf_example_decoder
    from pycocotools.coco import COCO

    sample = data_dir / "coco_sample"
    values = json.loads((sample / "instances_val2017.json").read_bytes())
    crowded = {a["image_id"] for a in values["annotations"] if a["iscrowd"]}
    values["images"] = [i for i in values["images"] if i["id"] in crowded][:4]
    kept = {image["id"] for image in values["images"]}
    values["annotations"] = [a for a in values["annotations"] if a["image_id"] in kept]
    values["annotations"][0]["segmentation"] = []
    found = converted(tmp_path, sample / "images.zip", values, with_masks=True)
    assert found.info["contents"]["boxes_as_masks"] == 1
    official = COCO(str(sample / "instances_val2017.json"))
    decode = tf_example_decoder.TfExampleDecoder(include_mask=True).decode
    count = 0
    for example in tf.data.TFRecordDataset(found.files).map(decode).as_numpy_iterator():
        expected = [a for a in values["annotations"] if a["image_id"] == int(example["source_id"])]
        for mask, annotation in zip(example["groundtruth_instance_masks"], expected, strict=True):
            if annotation["segmentation"]:
                drawn = official.annToMask(annotation)
            else:
                drawn = np.zeros(mask.shape, np.uint8)
                x, y, width, height = annotation["bbox"]
                right, bottom = np.ceil([x + width, y + height]).astype(int)
                drawn[int(y) : bottom, int(x) : right] = 1
            np.testing.assert_array_equal(mask, drawn)
            count += 1
    assert count == len(values["annotations"]) > 20


def test_images_in_a_zip_file_are_found_by_the_end_of_their_path(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("set/train/a.jpg", "set/train/b.jpg", "set/test/b.jpg", "../c.jpg"):
            file.writestr(name, jpeg())
    images = conversion.open_images(path)
    assert images.find("a.jpg") == images.find("train/a.jpg") == "set/train/a.jpg"
    assert images.find("/home/somebody/set/test/b.jpg") == "set/test/b.jpg"
    assert images.find("test/a.jpg") is None
    with pytest.raises(UserError, match=r"has several files that could be 'b\.jpg'"):
        images.find("b.jpg")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read as a zip file"):
        conversion.open_images(path)


def test_the_command_converts(tmp_path, photos):
    """And what it prints of a file's name is text, though the name would clear the terminal."""
    values = coco([[1, 2, 3, 4]])
    values["images"].append({"id": 3, "file_name": "c\n\x1b[2J.jpg"})
    (photos / "c\n\x1b[2J.jpg").write_text("no image")
    annotations = written(tmp_path, values)
    done = run_forked(
        *("detection", "--mode=convert", f"--images={photos}"),
        *(f"--annotations={annotations}", f"--output={tmp_path / 'out'}"),
    )
    assert done.returncode == 0, done.stderr
    assert "2 images with 1 objects of 2 classes in 1 files" in done.stdout
    assert any(line.startswith(r"  c\n\x1b[2J.jpg: cannot") for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout + done.stderr
    # The same by the function, which finds that it is done.
    result = detection.convert(annotations, tmp_path / "out", photos)
    assert (result.images, result.objects, result.classes) == (2, 1, ("dog", "cat"))
    assert result.records == records.find(str(tmp_path / "out"))
    with pytest.raises(UserError, match=r"^images: is needed here"):
        detection.convert(annotations, tmp_path / "out2")
    result = detection.convert(annotations, tmp_path / "again.json")
    assert (result.images, result.objects, result.classes) == (3, 1, ("dog", "cat"))
    assert result.notes == ("classes without an object: 1, such as 3 (dog)",)
    again = json.loads((tmp_path / "again.json").read_bytes())
    assert again["annotations"] == coco([[1, 2, 3, 4]])["annotations"]


def test_a_converted_set_trains(tmp_path, photos, small):
    """Through Model Garden's reader: shuffled, repeated, batched."""
    values = coco([[5, 5, 30, 20]] * 2)
    values["annotations"][1]["image_id"] = 2
    found = converted(tmp_path, photos, values)
    at = {"input_path": str(found.folder), "global_batch_size": 3}
    # Whole images, so that no crop leaves a box out; of a large buffer, each is drawn by chance.
    train = {**at, "shuffle_buffer_size": 4, "parser": {"aug_scale_min": 1.0, "aug_scale_max": 1.0}}
    params = small({"task": {"train_data": train, "validation_data": at}}, tmp_path)
    assert complete.resolve(params).ids == (3, 7)
    task = CellsRetinaNetTask(params.task)
    pixels, labels = next(iter(task.build_inputs(params.task.train_data)))
    assert pixels.shape == (3, 64, 64, 3)
    targets = [np.reshape(level, [3, -1]) for level in labels["cls_targets"].values()]
    # In each image there are anchors that learn its box, which is of the second class.
    for image in np.concatenate(targets, axis=1):
        assert {2} <= set(image) <= {-1, 0, 2}


def test_a_folder_of_no_boxes_is_named(small, tmp_path):
    with pytest.raises(UserError, match=r"task\.train_data\.input_path: .* --mode=convert"):
        complete.resolve(small({"task": {"train_data": {"input_path": str(tmp_path)}}}, tmp_path))
