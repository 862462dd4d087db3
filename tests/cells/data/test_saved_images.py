"""Images of arrays and of `tf.data.Dataset`s, as a set that the stages read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import cells
from cells import UserError, data
from cells.data import builder, detection_classes, image_classes, image_folders, split_size

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 10, 14, 3), np.uint8)
LABELS = np.arange(12) % 3
BOXES = {"boxes": [[2, 1, 7, 4], [0, 0, 14, 10]], "labels": [2, 0]}


def read(path: str, split: str) -> dict[bytes, int]:
    """The label of each image by its pixels, which no two share."""
    examples = tfds.as_numpy(builder(path).as_dataset(split=split))
    return {example["image"].tobytes(): int(example["label"]) for example in examples}


def expected(part: slice) -> dict[bytes, int]:
    pairs = zip(PIXELS[part], LABELS[part], strict=True)
    return {image.tobytes(): int(label) for image, label in pairs}


def test_arrays_and_datasets_are_kept_pixel_by_pixel(tmp_path):
    arrays = {"train": (PIXELS[:9], LABELS[:9]), "test": (PIXELS[9:], LABELS[9:])}
    path = cells.save_images(tmp_path / "My set", arrays)
    assert Path(path) == tmp_path / "my_set" / "1.0.0"
    assert read(path, "train") == expected(slice(9)) and read(path, "test") == expected(
        slice(9, 12)
    )
    found = image_classes(builder(path))
    assert (
        found.class_names == ("0", "1", "2")
        and data.test_split(builder(path).info.splits) == "test"
    )

    datasets = {name: tf.data.Dataset.from_tensor_slices(pair) for name, pair in arrays.items()}
    same = cells.save_images(tmp_path / "again", datasets, class_names=["a", "b", "c"])
    assert read(same, "train") == expected(slice(9))
    assert image_classes(builder(same)).class_names == ("a", "b", "c")


def test_grey_images_get_three_equal_channels(tmp_path):
    path = cells.save_images(tmp_path / "grey", {"train": (PIXELS[..., :1], LABELS)})
    images = [e["image"] for e in tfds.as_numpy(builder(path).as_dataset(split="train"))]
    assert all((image == image[..., :1]).all() and image.shape[2] == 3 for image in images)
    assert {i[..., :1].tobytes() for i in images} == {p.tobytes() for p in PIXELS[..., :1]}


def test_boxes_are_those_of_the_images(tmp_path):
    none = {"boxes": np.zeros((0, 4)), "labels": []}
    path = cells.save_images(tmp_path / "boxes", {"train": (PIXELS[:2], [BOXES, none])})
    found = builder(path)
    assert split_size(found, "train") == 2 and detection_classes(found).num_classes == 3
    examples = {int(e["image/id"]): e for e in tfds.as_numpy(found.as_dataset(split="train"))}
    # ymin, xmin, ymax, xmax in parts of 10 rows and 14 columns.
    corners = [[1 / 10, 2 / 14, 5 / 10, 9 / 14], [0, 0, 1, 1]]
    np.testing.assert_allclose(examples[1]["objects"]["bbox"], corners, atol=1e-6)
    assert examples[1]["objects"]["label"].tolist() == [2, 0]
    assert len(examples[2]["objects"]["label"]) == 0


def outside(box: list[float]) -> dict[str, object]:
    return {"train": (PIXELS[:1], [{"boxes": [box], "labels": [0]}])}


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({}, "splits: is empty"),
        ({"train": PIXELS}, "splits: 'train' is neither a pair"),
        ({"train": (PIXELS, LABELS[:4])}, "splits: 'train' has 12 images and 4 labels"),
        ({"train": (PIXELS / 255, LABELS)}, "splits: image 0 of 'train' is float64"),
        ({"train": (PIXELS[..., 0], LABELS)}, "splits: image 0 of 'train' is uint8 of shape"),
        ({"train": (PIXELS, LABELS - 1)}, "there is no class -1"),
        ({"train": (PIXELS[:2], [0, BOXES])}, "has boxes, unlike the first image"),
        (outside([8, 0, 7, 4]), "a box is empty or leaves the image"),
        (outside([0, 0, 0, 4]), "a box is empty or leaves the image"),
        (outside([0, 0, np.nan, 4]), "a box is empty or leaves the image"),
        (
            {"train": tf.data.Dataset.from_tensor_slices((PIXELS, LABELS))},
            "class_names: a tf.data.Dataset does not say",
        ),
        (3, "splits: 3 is not a mapping"),
        ({"train": (PIXELS, np.eye(3)[LABELS])}, "is no class; give its number"),
        ({"train": (PIXELS, [*LABELS[1:], "cat"])}, "image 11 of 'train': 'cat' is no class"),
        ({"train": (PIXELS, LABELS / 2)}, "image 1 of 'train': '0.5' is no class"),
        ({"train": (PIXELS, LABELS), "test": (PIXELS[:0], [])}, "splits: 'test' has no images"),
        ({1: (PIXELS, LABELS)}, "splits: 1 is no name"),
        ({"a/b": (PIXELS, LABELS)}, "splits: 'a/b' is no name"),
        ({"train": (iter(PIXELS), LABELS)}, "splits: 'train' is no pair of arrays"),
        ({"train": ([[[0], [0, 0]]], [0])}, "image 0 of 'train': is no array of numbers"),
        (outside(["left"]), "image 0 of 'train': is no array of numbers"),
        (outside([0, 0, 7]), "has boxes of shape (1, 3)"),
    ],
)
def test_what_are_no_images_is_named_and_nothing_is_left(tmp_path, splits, said):
    with pytest.raises(UserError) as error:
        cells.save_images(tmp_path / "mine", splits)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a", "a", "b"], "holds a name twice"), ([1, 2, 3], "not a list of texts")],
)
def test_names_of_classes_are_different_texts(tmp_path, names, said):
    with pytest.raises(UserError, match=f"class_names: .*{said}"):
        cells.save_images(tmp_path / "mine", {"train": (PIXELS, LABELS)}, class_names=names)


def test_a_set_that_is_there_stays(tmp_path):
    splits = {"train": (PIXELS, LABELS)}
    cells.save_images(tmp_path / "mine", splits)
    with pytest.raises(UserError, match="holds a data set already"):
        cells.save_images(tmp_path / "mine", splits)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Fotos (2024)", "fotos_2024"), ("__a--b..c", "a_b_c"), ("Äpfel", "pfel"), ("ok_1", "ok_1")],
)
def test_a_set_is_called_as_one_of_a_folder_of_files(tmp_path, folder, name):
    """Arrays and files in a folder of one name make sets of one name, which TFDS takes."""
    pixels, labels = np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1])
    made = cells.save_images(tmp_path / folder, {"train": (pixels, labels)})
    assert Path(made).parent.name == name == image_folders.set_name(folder)
    assert tfds.builder_from_directory(made).info.name == name
    for label in ("a", "b"):
        (tmp_path / "files" / folder / label).mkdir(parents=True)
        Image.fromarray(pixels[0]).save(tmp_path / "files" / folder / label / "0.png")
    found = image_folders.find(tmp_path / "files" / folder)
    assert found is not None and found.set_name == name


def test_a_folder_whose_name_has_no_letter_first(tmp_path):
    with pytest.raises(UserError, match="let its name begin with a letter"):
        cells.save_images(tmp_path / "2024", {})
    (tmp_path / "2024" / "a").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "2024" / "a" / "0.png")
    found = image_folders.find(tmp_path / "2024")
    assert found is not None and found.set_name == "images_2024"
