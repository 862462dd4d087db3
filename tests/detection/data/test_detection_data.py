"""What the detector is fed, compared with what TFDS and COCO's own files say."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image, ImageOps

from cells import data
from detection.data import categories
from detection.data.decoder import ObjectsDecoder, RecordDecoder
from detection.training import complete
from detection.training.task import CellsRetinaNetTask

ENCODED = {"image": tfds.decode.SkipDecoding()}


def assert_decodes_as_tfds(name, folder, split):
    """Every feature of every example, beside TFDS' own reading of it."""
    builder = data.builder(name, folder)
    decoder = ObjectsDecoder(data.detection_classes(builder))
    stored = builder.as_dataset(split=split, decoders=ENCODED)
    count = 0
    for ours, theirs in zip(
        stored.map(decoder.decode).as_numpy_iterator(), tfds.as_numpy(stored), strict=True
    ):
        objects = theirs["objects"]
        # By Pillow, since TFDS decodes JPEG in a quicker way than other programs.
        with Image.open(io.BytesIO(theirs["image"])) as file:
            np.testing.assert_array_equal(ours["image"], file.convert("RGB"))
            assert (ours["height"], ours["width"]) == (file.height, file.width)
        np.testing.assert_array_equal(ours["groundtruth_boxes"], objects["bbox"])
        # Model Garden keeps class 0 for the background.
        np.testing.assert_array_equal(ours["groundtruth_classes"], objects["label"] + 1)
        np.testing.assert_array_equal(ours["groundtruth_is_crowd"], objects["is_crowd"])
        np.testing.assert_array_equal(ours["groundtruth_area"], objects["area"])
        assert int(ours["source_id"]) == theirs["image/id"]
        count += 1
    return count


@pytest.mark.parametrize(("split", "images"), [("train", 195), ("validation", 120)])
def test_coco_is_decoded_as_tfds_does(data_dir, split, images):
    assert assert_decodes_as_tfds("coco/2017", data_dir, split) == images


def test_scenes_are_decoded_as_tfds_does(scenes_dir):
    assert assert_decodes_as_tfds("digits_scenes", scenes_dir, "validation") == 200


def coco_file(data_dir, split):
    part = {"train": "train2017", "validation": "val2017"}[split]
    with open(data_dir / "coco_sample" / f"instances_{part}.json", encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_evaluation_batches_hold_what_cocos_own_files_say(data_dir, small, split):
    override = {
        "task": {
            "train_data": {"tfds_name": "coco/2017", "tfds_split": split},
            "validation_data": {"tfds_name": "coco/2017", "tfds_split": split},
        }
    }
    params = small(override, data_dir)
    found = complete.resolve(params)
    task = CellsRetinaNetTask(params.task)
    given = {}
    for _, labels in task.build_inputs(params.task.validation_data).as_numpy_iterator():
        truth = labels["groundtruths"]
        for i, image_id in enumerate(truth["source_id"]):
            count = int(truth["num_detections"][i][0])
            given[int(image_id)] = {
                (
                    found.ids[int(truth["classes"][i, j]) - 1],
                    int(truth["is_crowds"][i, j]),
                    *np.round(truth["boxes"][i, j], 1).tolist(),
                )
                for j in range(count)
            }
    official = coco_file(data_dir, split)
    expected = {image["id"]: set() for image in official["images"]}
    for annotation in official["annotations"]:
        x, y, width, height = annotation["bbox"]
        corners = np.round(np.float32([y, x, y + height, x + width]), 1).tolist()
        expected[annotation["image_id"]].add(
            (annotation["category_id"], annotation["iscrowd"], *corners)
        )
    assert given.keys() == expected.keys()
    assert any(not objects for objects in expected.values())  # Images without boxes are there.
    for image_id, objects in expected.items():
        ours, theirs = sorted(given[image_id]), sorted(objects)
        assert [o[:2] for o in ours] == [o[:2] for o in theirs]
        # Rounded numbers of float32 fractions may differ in their last digit.
        np.testing.assert_allclose([o[2:] for o in ours], [o[2:] for o in theirs], atol=0.21)


def test_cocos_categories_have_their_official_ids_and_others_their_labels(data_dir, scenes_dir):
    official = coco_file(data_dir, "validation")["categories"]
    coco = categories.of_builder(data.builder("coco/2017", data_dir))
    assert list(coco.ids) == [category["id"] for category in official]
    assert list(coco.names) == [category["name"] for category in official]
    digits = categories.of_builder(data.builder("digits_scenes", scenes_dir))
    assert digits.ids == tuple(range(10))


class PlainBoxes(tfds.core.GeneratorBasedBuilder):
    """Grey images with 0, 1 and 2 equal boxes; no ids, crowds or areas."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        label = tfds.features.ClassLabel(names=["a", "b"])
        objects = {"bbox": tfds.features.BBoxFeature(), "label": label}
        features = {
            "image": tfds.features.Image(shape=(None, None, 1)),
            "objects": tfds.features.Sequence(objects),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        box = tfds.features.BBox(ymin=0.0, xmin=0.25, ymax=0.5, xmax=1.0)
        for i in range(3):
            objects = [{"bbox": box, "label": label} for label in range(i)]
            yield i, {"image": np.full((10, 20, 1), i, np.uint8), "objects": objects}


@pytest.mark.parametrize("turn", [1, 3, 5, 6, 8])
def test_boxes_and_masks_turn_with_their_photograph(turn):
    """Of a TFRecord: a bright part, its box and its outline agree once it is upright."""
    bright = np.zeros((32, 48), np.uint8)
    bright[8:16, 16:40] = 255
    files = []
    for exif in (None, Image.Exif()):
        if exif is not None:
            exif[0x0112] = turn
        file = io.BytesIO()
        Image.fromarray(bright).save(file, "PNG", **({"exif": exif} if exif else {}))
        files.append(file.getvalue())
    mask, photo = files
    corners = {"ymin": 8 / 32, "xmin": 16 / 48, "ymax": 16 / 32, "xmax": 40 / 48}
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
        "image/object/mask": tf.train.Feature(bytes_list=tf.train.BytesList(value=[mask])),
        "image/source_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"7"])),
        "image/height": tf.train.Feature(int64_list=tf.train.Int64List(value=[32])),
        "image/width": tf.train.Feature(int64_list=tf.train.Int64List(value=[48])),
        "image/object/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
    } | {
        f"image/object/bbox/{key}": tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        for key, value in corners.items()
    }
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    found = RecordDecoder(include_mask=True).decode(tf.constant(record))
    with Image.open(io.BytesIO(photo)) as file:
        upright = np.asarray(ImageOps.exif_transpose(file))
    np.testing.assert_array_equal(found["image"], np.dstack([upright] * 3))
    np.testing.assert_array_equal(found["groundtruth_instance_masks"][0], upright)
    height, width = upright.shape
    assert (found["height"], found["width"]) == (height, width)
    rows, columns = np.nonzero(upright)
    box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    scale = [height, width, height, width]
    np.testing.assert_allclose(found["groundtruth_boxes"][0] * scale, box, atol=1e-4)


def test_a_set_with_boxes_and_labels_only_has_ids_areas_and_no_crowds(tmp_path):
    PlainBoxes(data_dir=tmp_path).download_and_prepare()
    builder = data.builder("plain_boxes", tmp_path)
    decoder = ObjectsDecoder(data.detection_classes(builder))
    read = tfds.ReadConfig(add_tfds_id=True)
    examples = builder.as_dataset(split="train", read_config=read, decoders=ENCODED)
    decoded = list(examples.map(decoder.decode).as_numpy_iterator())
    assert {e["image"].shape for e in decoded} == {(10, 20, 3)}
    assert sorted(len(e["groundtruth_boxes"]) for e in decoded) == [0, 1, 2]
    full = max(decoded, key=lambda e: len(e["groundtruth_boxes"]))
    np.testing.assert_allclose(full["groundtruth_area"], 5 * 15)
    assert not any(e["groundtruth_is_crowd"].any() for e in decoded)
    ids = {int(e["source_id"]) for e in decoded}
    assert len(ids) == 3
    assert max(ids) < 2**31


def test_training_leaves_crowds_out_and_takes_images_without_boxes(data_dir, small):
    override = {
        "task": {
            "train_data": {"tfds_name": "coco/2017", "tfds_split": "train"},
            "validation_data": {"tfds_name": "coco/2017"},
        }
    }
    params = small(override, data_dir)
    task = CellsRetinaNetTask(params.task)
    parse = task.parser(params.task.train_data).parse_fn(is_training=True)
    image = tf.zeros([40, 60, 3], tf.uint8)
    box = tf.constant([[0.1, 0.1, 0.9, 0.9]])

    def positives(boxes, crowd):
        n = len(boxes)
        _, labels = parse(
            {
                "image": image,
                "source_id": tf.constant("1"),
                "height": tf.constant(40, tf.int64),
                "width": tf.constant(60, tf.int64),
                "groundtruth_classes": tf.ones([n], tf.int64),
                "groundtruth_boxes": boxes,
                "groundtruth_is_crowd": tf.fill([n], crowd),
                "groundtruth_area": tf.ones([n]),
            }
        )
        return sum(int(tf.reduce_sum(tf.cast(t > 0, tf.int32))) for t in _levels(labels))

    assert positives(box, crowd=False) > 0
    assert positives(box, crowd=True) == 0
    assert positives(tf.zeros([0, 4]), crowd=False) == 0


def _levels(labels):
    return labels["cls_targets"].values()


def test_the_sample_of_coco_is_whole(data_dir):
    with zipfile.ZipFile(data_dir / "coco_sample" / "images.zip") as images:
        assert len([n for n in images.namelist() if n.endswith(".jpg")]) == 195 + 120
