"""Data sets: what the embedded ones hold, where sets are found, and how it is told if not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from forked_commands import begin_forked
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from tensorflow_datasets.core import constants

from cells.data import (
    DetectionClasses,
    ImageClasses,
    builder,
    detection_classes,
    image_classes,
    split_size,
)
from cells.data.embedded import handwritten, scene_drawing
from cells.support.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def prepared(embedded_dir):
    """A folder in which both embedded sets are prepared."""
    builder("digits", embedded_dir)
    builder("digits_scenes", embedded_dir)
    return embedded_dir


def examples(name, folder, split):
    return list(tfds.as_numpy(builder(name, folder).as_dataset(split=split)))


# digits


def keys_bicubic():
    """(32, 8): the weights of the 8 samples in the 32, from R. Keys' formula (1981), a = -0.5."""
    at = (np.arange(32) + 0.5) / 4 - 0.5
    x = np.abs(at[:, None] - np.arange(8))
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def test_digits_are_all_of_scikit_learns_digits_once_each(prepared):
    source = load_digits()
    weights = keys_bicubic()
    # Greys are whole numbers 0 to 255 also between the two directions.
    wide = np.clip(np.rint(np.rint(source.images * 255 / 16) @ weights.T), 0, 255)
    expected = np.clip(weights @ wide, 0, 255)
    flat = expected.reshape(len(expected), -1)

    met = []
    for split in ("train", "test"):
        for example in examples("digits", prepared, split):
            image = example["image"]
            assert image.shape == (32, 32, 3) and image.dtype == np.uint8
            assert (image == image[..., :1]).all()
            nearest = int(((flat - image[..., 0].ravel()) ** 2).sum(axis=1).argmin())
            assert np.abs(expected[nearest] - image[..., 0]).max() <= 2
            assert example["label"] == source.target[nearest]
            met.append(nearest)
    assert sorted(met) == list(range(1797))


def test_digits_are_split_by_class_and_order(prepared):
    labels = {
        split: np.array([e["label"] for e in examples("digits", prepared, split)])
        for split in ("train", "test")
    }
    assert np.bincount(labels["test"]).tolist() == [36] * 10
    # The class sizes that UCI gives for this file, less 36 each.
    sizes = np.array([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    assert np.bincount(labels["train"]).tolist() == (sizes - 36).tolist()

    train, test = handwritten.load("train"), handwritten.load("test")
    for digit in range(10):
        assert train.indices[train.labels == digit].max() < test.indices[test.labels == digit].min()
    with pytest.raises(ValueError, match="'dev'"):
        handwritten.load("dev")


# digits_scenes


def test_scenes_have_cocos_features(prepared, data_dir):
    def features(dataset):
        found = json.loads(Path(dataset.data_dir, "features.json").read_text())
        # The number of classes is the one thing in which they differ.
        inner = found["featuresDict"]["features"]["objects"]["sequence"]["feature"]
        return found, inner["featuresDict"]["features"]["label"]["classLabel"].pop("numClasses")

    coco, coco_classes = features(builder("coco/2017", data_dir))
    scenes, scene_classes = features(builder("digits_scenes", prepared))
    assert scenes == coco
    assert (coco_classes, scene_classes) == ("80", "10")


def test_scenes_are_annotated_as_coco_annotates(prepared):
    image_ids, object_ids = [], []
    for split, size in (("train", 1000), ("validation", 200)):
        found = examples("digits_scenes", prepared, split)
        assert len(found) == size
        for scene in found:
            assert scene["image"].shape == (128, 128, 3) and scene["image"].dtype == np.uint8
            assert scene["image/filename"].decode() == f"{scene['image/id']:012d}.jpg"
            objects = scene["objects"]
            boxes = objects["bbox"]
            assert 1 <= len(boxes) <= 6
            assert (boxes >= 0).all() and (boxes <= 1).all()
            assert (boxes[:, 2:] > boxes[:, :2]).all()
            pixels = boxes * 128
            assert (pixels == np.rint(pixels)).all()
            sides = pixels[:, 2:] - pixels[:, :2]
            assert (sides.max(axis=1) >= 15).all() and (sides.max(axis=1) <= 80).all()
            assert (objects["area"] == sides.prod(axis=1)).all()
            assert not objects["is_crowd"].any()
            image_ids.append(int(scene["image/id"]))
            object_ids.extend(objects["id"].tolist())
    assert len(set(image_ids)) == 1200
    assert len(set(object_ids)) == len(object_ids) > 3000


def test_boxes_hold_the_digit_that_the_label_names(prepared):
    """What lies in the boxes is read by a classifier that never saw a scene."""
    digits = handwritten.load("train")
    reader = KNeighborsClassifier(3).fit(digits.images.reshape(-1, 64), digits.labels)
    inks, labels = [], []
    for scene in examples("digits_scenes", prepared, "validation"):
        grey = scene["image"].mean(axis=-1, dtype=np.float32)
        boxes = np.rint(scene["objects"]["bbox"] * 128).astype(int)
        for (ymin, xmin, ymax, xmax), label in zip(boxes, scene["objects"]["label"], strict=True):
            crop = Image.fromarray(grey[ymin:ymax, xmin:xmax])
            small = np.asarray(crop.resize((8, 8), Image.Resampling.BOX))
            low, high = np.percentile(small, [5, 95])
            ink = np.clip((small - low) / (high - low), 0, 1) * 16
            if ink[[0, 0, -1, -1], [0, -1, 0, -1]].mean() > 8:  # Dark ink.
                ink = 16 - ink
            inks.append(ink.ravel())
            labels.append(label)
    # Guessing gets 0.1; turned, sheared digits on clutter are far from what the reader knows.
    assert np.mean(reader.predict(np.array(inks)) == labels) > 0.65


def test_boxes_are_tight_around_the_ink():
    digits = handwritten.load("test")
    ground = np.full((128, 128, 3), 120.0)
    alone = 0
    for seed in range(120):
        scene = scene_drawing.place_digits(ground, digits, np.random.default_rng(seed))
        if len(scene.labels) > 1:
            continue
        alone += 1
        change = np.abs(scene.image - ground).max(axis=-1)
        cover = change / change.max()

        def extent(mask):
            rows, columns = np.nonzero(mask)
            return [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]

        # Colours are whole numbers, so half a cover is known to within a percent or two.
        inner, outer = np.array(extent(cover >= 0.52)), np.array(extent(cover >= 0.48))
        box = scene.boxes[0]
        assert (outer[:2] <= box[:2]).all() and (box[:2] <= inner[:2]).all()
        assert (inner[2:] <= box[2:]).all() and (box[2:] <= outer[2:]).all()
    assert alone >= 10
    assert (ground == 120).all()


def test_no_digit_covers_another():
    """All the ink of each digit shows, so that a tight box is tight around what is seen."""
    digits = handwritten.load("train")
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scene = scene_drawing.place_digits(np.zeros((128, 128, 3)), digits, rng)
        inked = (scene.image > 0).any(axis=-1)
        for ymin, xmin, ymax, xmax in scene.boxes:
            # Ink reaches each of the four sides of its box.
            part = inked[ymin:ymax, xmin:xmax]
            assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()


def test_scenes_of_a_split_are_drawn_from_the_digits_of_their_split(prepared, monkeypatch):
    drawn_from = []
    draw = scene_drawing.draw_scene

    def spy(digits, rng):
        drawn_from.append(digits)
        return draw(digits, rng)

    monkeypatch.setattr(scene_drawing, "draw_scene", spy)
    scenes = builder("digits_scenes", prepared)
    for split, part in (("train", "train"), ("validation", "test")):
        next(iter(scenes._generate_examples(split)))
        assert (drawn_from[-1].indices == handwritten.load(part).indices).all()


def examples_in(file):
    # Not the bytes: in which order a message says its fields differs between processes.
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    return [tf.train.Example.FromString(record) for record in records]


def test_preparing_twice_gives_the_same_examples(prepared, tmp_path):
    again = tfds.builder("digits_scenes", data_dir=tmp_path)
    again.download_and_prepare()
    records = sorted(Path(again.data_dir).glob("*.tfrecord*"))
    assert len(records) >= 2
    for file in records:
        assert examples_in(file) == examples_in(prepared / "digits_scenes/1.0.0" / file.name)


# Finding and preparing


def test_importing_imports_no_tensorflow():
    code = (
        "import sys, cells.data; "
        "print({'tensorflow', 'tensorflow_datasets', 'sklearn', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_set_is_found_by_name_version_and_folder(prepared):
    folder = prepared / "digits/1.0.0"
    for name, data_dir in (("digits", prepared), ("digits:1.0.0", str(prepared)), (folder, None)):
        found = builder(str(name), data_dir)
        assert Path(found.data_dir) == folder
        assert found.info.splits["train"].num_examples == 1437


def test_real_sets_are_read_from_the_folder(data_dir):
    signs = builder("sign_language_digits", data_dir)  # TFDS has no code for it.
    assert split_size(signs, "train") == 1644
    assert image_classes(signs).image_shape == (100, 100, 3)
    cifar = builder("cifar10", data_dir)
    assert split_size(cifar, "train") == 50_000
    assert image_classes(cifar).class_names[:2] == ("airplane", "automobile")
    assert detection_classes(builder("coco/2017", data_dir)).class_names[0] == "person"


def test_coco_without_its_year_is_not_taken_for_2014(data_dir):
    with pytest.raises(UserError, match=r"'coco' means 'coco/2014', .*coco/2017"):
        builder("coco", data_dir)


@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_a_collection_stays_as_it_is(tmp_path, monkeypatch, mode):
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    (theirs / "somebodys_set").mkdir(parents=True)
    theirs.chmod(mode)  # Root, too, must keep out where nobody may write.
    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("CELLS_CACHE_DIR", str(own))
    try:
        found = builder("digits", theirs)
        assert Path(found.data_dir) == own / "digits/1.0.0"
        assert split_size(found, "test") == 360
        if mode == 0o555:
            with pytest.raises(
                UserError, match=r"'cifar100' is not prepared in .*theirs.*give another"
            ):
                builder("cifar100", theirs)
        assert [path.name for path in theirs.iterdir()] == ["somebodys_set"]
        assert builder("digits", theirs).data_dir == found.data_dir
    finally:
        theirs.chmod(0o755)


def test_preparing_writes_nothing_on_stdout(tmp_path, capfd):
    builder("digits", tmp_path)
    assert capfd.readouterr().out == ""


def test_two_processes_prepare_one_set_at_the_same_time(tmp_path):
    # With one seed TFDS picks one name for both to write to.
    code = (
        "import pathlib, random, sys, time\n"
        "from cells.data import builder, split_size\n"
        "from cells.data.embedded import digits, handwritten\n"
        "handwritten.load('train')\n"
        "random.seed(0)\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "(here / f'ready{sys.argv[2]}').touch()\n"
        "while len(list(here.glob('ready*'))) < 2:\n"
        "    time.sleep(0.01)\n"
        "found = builder('digits', here / 'sets')\n"
        "print(len(list(found.as_dataset(split='train+test'))))\n"
    )
    (tmp_path / "preparing.py").write_text(code)
    running = [
        begin_forked("preparing", str(tmp_path), str(number), folder=tmp_path)
        for number in range(2)
    ]
    for done in [process.end() for process in running]:
        assert done.returncode == 0, done.stderr
        assert done.stdout == "1797\n"
    assert [folder.name for folder in (tmp_path / "sets/digits").iterdir()] == ["1.0.0"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("digit_scenes", r"no data set is called 'digit_scenes'.* did you mean 'digits_scenes'"),
        ("CIFAR-10", r"'CIFAR-10' is neither the name .* did you mean 'cifar10'"),
        ("no/such/folder", r"'no/such/folder' is neither the name .* nor the folder"),
        ("", r"'' is neither the name"),
        ("./nowhere", r"there is no folder nowhere"),
        ("digits:7.0.0", r"does not open .*'digits:7.0.0'.* only: 1.0.0"),
        ("digits/large", r"'digits' has no configuration 'digits/large'"),
        ("coco/2071", r"no configuration 'coco/2071': did you mean 'coco/2017'"),
    ],
)
def test_names_that_lead_nowhere(prepared, name, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        builder(name, prepared)
    assert "\n" not in str(error.value)


def test_folders_that_hold_no_set(prepared, tmp_path):
    with pytest.raises(UserError, match=r"holds such folders: give .*digits/1\.0\.0$"):
        builder(str(prepared / "digits"))
    with pytest.raises(UserError, match=r"no prepared data set.*no dataset_info.json"):
        builder(str(tmp_path))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match=r"cannot be written to .*below"):
        builder("digits", file / "below")


def remove_shard(folder):
    next(folder.glob("digits-train*")).unlink()


def cut_shard(folder):
    os.truncate(next(folder.glob("digits-train*")), 1000)


def remove_info(folder):
    (folder / "dataset_info.json").unlink()


def break_info(folder):
    (folder / "dataset_info.json").write_text("{broken")


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (remove_shard, r"1 of 1 files of split 'train' are missing, such as digits-train"),
        (cut_shard, r"the files of split 'train' have 1,000 bytes"),
        (remove_info, r"dataset_info.json is missing"),
        (break_info, r"Failed to load JSON"),
        (empty, r"dataset_info.json is missing"),
    ],
)
def test_a_damaged_set_is_told(prepared, tmp_path, damage, why):
    shutil.copytree(prepared / "digits", tmp_path / "digits")
    damage(tmp_path / "digits/1.0.0")
    with pytest.raises(UserError, match=rf"{tmp_path}/digits/1\.0\.0 is damaged \({why}") as error:
        builder("digits", tmp_path)
    assert "\n" not in str(error.value)


def test_a_set_that_only_lies_there_and_lost_its_features(prepared, tmp_path):
    folder = tmp_path / "strange_set/1.0.0"
    shutil.copytree(prepared / "digits/1.0.0", folder)
    (folder / "features.json").unlink()
    with pytest.raises(UserError, match=r"strange_set/1\.0\.0 is damaged \(features.json is miss"):
        builder("strange_set", tmp_path)
    with pytest.raises(UserError, match=r"strange_set/1\.0\.0 is damaged"):
        builder(str(folder))


def test_a_fault_in_an_embedded_set_stays_a_fault(tmp_path, monkeypatch):
    def fail(split):
        raise ZeroDivisionError

    monkeypatch.setattr(handwritten, "load", fail)
    with pytest.raises(ZeroDivisionError):
        builder("digits", tmp_path)


# What a set holds


NAMES = tuple("0123456789")


def test_what_the_embedded_sets_hold(prepared):
    digits, scenes = builder("digits", prepared), builder("digits_scenes", prepared)
    assert image_classes(digits) == ImageClasses("image", "label", (32, 32, 3), 10, NAMES)
    assert detection_classes(scenes) == DetectionClasses(
        image_key="image",
        objects_key="objects",
        bbox_key="bbox",
        label_key="label",
        image_shape=(None, None, 3),
        num_classes=10,
        class_names=NAMES,
        image_id_key="image/id",
        crowd_key="is_crowd",
        area_key="area",
    )
    with pytest.raises(
        UserError, match=r"digits/1.0.0 is not a detection set.*label \(ClassLabel\)"
    ):
        detection_classes(digits)
    with pytest.raises(
        UserError, match=r"digits_scenes/1.0.0 is not a set of images with one label"
    ):
        image_classes(scenes)


# Splits


@pytest.mark.parametrize(
    ("split", "size"),
    [
        ("train", 1437),
        ("train[:90%]", 1293),
        ("train[100:150]", 50),
        ("train[-7:]", 7),
        ("train+test", 1797),
    ],
)
def test_split_size(prepared, split, size):
    dataset = builder("digits", prepared)
    assert split_size(dataset, split) == size == len(list(dataset.as_dataset(split=split)))


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ("trian", r"no split 'trian': did you mean 'train'\? it has train, test"),
        ("validation[:5%]", r"no split 'validation\[:5%\]'"),
        ("", r"no split ''"),
        ("train+dev", r"no split 'train\+dev'"),
        ("train[:5", r"'train\[:5' .* cannot be read"),
        ("train[:99999]", r"cannot be read: train has 1,437 examples"),
        ("train[:0]", r"holds no example: train has 1,437 examples"),
        ("train[90%:10%]", r"holds no example"),
    ],
)
def test_splits_that_cannot_be_had(prepared, split, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        split_size(builder("digits", prepared), split)
    assert "\n" not in str(error.value)
