"""The images of a search: divided by class, disjoint, and never those of the test split."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

import folders
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cell_search import images
from cell_search.images import ImageSettings
from cells import data
from cells.support.errors import UserError


@pytest.fixture
def digits(digits_dir: pathlib.Path) -> ImageSettings:
    return ImageSettings(name="digits", data_dir=str(digits_dir), held_out=200)


def _pixels(dataset) -> np.ndarray:
    return np.stack([example["image"] for example in dataset.as_numpy_iterator()])


def test_training_and_held_out_images_are_a_division_of_the_split(digits: ImageSettings) -> None:
    loaded = images.load(digits)
    together = np.concatenate([loaded.training_indices, loaded.held_out_indices])
    assert sorted(together) == list(range(1437)), "scikit-learn's digits, four fifths of 1797"
    split = _pixels(data.builder("digits", digits.data_dir).as_dataset(split="train"))
    np.testing.assert_array_equal(loaded.held_out[0], split[loaded.held_out_indices])
    np.testing.assert_array_equal(loaded.training[0], split[loaded.training_indices])
    np.testing.assert_allclose(loaded.mean, loaded.training[0].mean((0, 1, 2)), rtol=1e-5)


def test_each_class_keeps_its_share(digits: ImageSettings) -> None:
    loaded = images.load(digits)
    everything = np.bincount(np.concatenate([loaded.training[1], loaded.held_out[1]]))
    expected = everything * 200 / everything.sum()
    assert np.all(np.abs(np.bincount(loaded.held_out[1]) - expected) <= 1.0)


def test_the_seed_decides_and_nothing_else(digits: ImageSettings) -> None:
    first = images.load(digits).held_out_indices
    images.load.cache_clear()
    np.testing.assert_array_equal(images.load(digits).held_out_indices, first)
    other = images.load(dataclasses.replace(digits, seed=1)).held_out_indices
    assert not np.array_equal(other, first)


def test_fewer_training_images_leave_the_held_out_number_as_it_is(digits: ImageSettings) -> None:
    loaded = images.load(dataclasses.replace(digits, training=100))
    assert len(loaded.training[0]) == 100
    assert len(loaded.held_out[0]) == 200
    assert not set(loaded.training_indices) & set(loaded.held_out_indices)
    assert np.all(np.abs(np.bincount(loaded.training[1]) - 10) <= 1)


def test_the_test_split_is_never_read(digits: ImageSettings, tmp_path: pathlib.Path) -> None:
    """A damaged test split disturbs whoever reads it, and no search."""
    copied = tmp_path / "tfds"
    shutil.copytree(digits.data_dir, copied)
    (record,) = copied.rglob("*test.tfrecord*")
    record.write_bytes(bytes(record.stat().st_size))
    builder = data.builder("digits", copied)
    with pytest.raises(Exception, match="corrupted record"):
        _pixels(builder.as_dataset(split="test"))
    loaded = images.load(dataclasses.replace(digits, data_dir=str(copied)))
    assert len(loaded.training[0]) + len(loaded.held_out[0]) == 1437


def test_images_are_brought_to_the_asked_size(digits: ImageSettings) -> None:
    loaded = images.load(dataclasses.replace(digits, size=16))
    assert loaded.size == (16, 16)
    assert loaded.resized
    large = images.load(digits)
    # Averages of 2x2 pixels, up to the filter at the borders.
    halves = large.training[0].reshape(-1, 16, 2, 16, 2, 3).mean((2, 4))
    difference = np.abs(halves - loaded.training[0].astype(float))
    assert difference.mean() < 8.0


def test_photographs_of_100_pixels(data_dir: pathlib.Path) -> None:
    settings = ImageSettings(
        name="sign_language_digits", data_dir=str(data_dir), held_out=400, size=32
    )
    loaded = images.load(settings)
    assert loaded.training[0].shape == (1244, 32, 32, 3)
    assert loaded.num_classes == 10


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"held_out": 1437}, r"images\.held_out: 1,437 of the 1,437 images .* leave some to train"),
        ({"held_out": 5}, r"images\.held_out: 5 .* each of the 10 classes"),
        ({"training": 1400}, r"images\.training: 1,400 .* 1,237"),
        ({"split": "training"}, "has no split 'training'"),
        ({"split": "test[:90%]"}, r"images\.split: 'test\[:90%\]' .* test the winner \('test'\)"),
        ({"split": "train+test"}, r"images\.split: 'train\+test' .*which no search may see"),
        ({"split": "all"}, r"images\.split: 'all' .*which no search may see"),
        ({"name": "digitz"}, "digits"),
    ],
)
def test_what_cannot_be_divided_is_told(
    digits: ImageSettings, changes: dict, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        images.load(dataclasses.replace(digits, **changes))


@pytest.mark.parametrize(
    ("inner", "split", "sentence"),
    [
        (
            "",
            "test",
            r"images\.split: .test. .* the winner \('test'\), which no search may see",
        ),
        ("", "trian", "no split 'trian': did you mean 'train'"),
        ("val/", "val", r"images\.split: 'val' .* test the winner \('val'\)"),
    ],
)
def test_a_folder_is_not_converted_for_a_split_that_no_search_may_have(
    tmp_path: pathlib.Path, inner: str, split: str, sentence: str
) -> None:
    photos = folders.write(tmp_path / "photos", {f"{inner}red": 4, f"{inner}green": 4})
    settings = ImageSettings(name=str(photos), data_dir=str(tmp_path / "sets"), split=split)
    with pytest.raises(UserError, match=sentence):
        images.facts(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_class_with_one_image_cannot_be_divided(digits: ImageSettings) -> None:
    with pytest.raises(UserError, match="cannot be divided by class"):
        images.divide(
            np.array([0] * 50 + [1]), dataclasses.replace(digits, held_out=10), num_classes=2
        )


def test_only_chosen_images_are_decoded_and_kept(
    digits: ImageSettings, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A split may be larger than the memory, and undecodable where nobody looks."""
    few = dataclasses.replace(digits, training=100)
    loaded = images.load(few)
    unused = set(range(1437)) - {*loaded.training_indices, *loaded.held_out_indices}
    builder = data.builder("digits", digits.data_dir)
    raw = builder.as_dataset(
        split="train", decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False
    )
    copied = tmp_path / "digits" / "1.0.0"
    shutil.copytree(builder.data_dir, copied)
    (record,) = copied.glob("*train.tfrecord*")
    with tf.io.TFRecordWriter(str(record)) as writer:
        for i, example in enumerate(raw.as_numpy_iterator()):
            if i in unused:
                example["image"] = bytes(len(example["image"]))
            writer.write(builder.info.features.serialize_example(example))
    monkeypatch.setattr(images, "MAX_BYTES", 300 * 32 * 32 * 3)
    again = images.load(dataclasses.replace(few, data_dir=str(tmp_path)))
    np.testing.assert_array_equal(again.training[0], loaded.training[0])
    np.testing.assert_array_equal(again.held_out[0], loaded.held_out[0])
    np.testing.assert_array_equal(again.training[1], loaded.training[1])
    with pytest.raises(UserError, match=r"images\.training: 301 images of 32x32 .* do not fit"):
        images.load(dataclasses.replace(few, training=101))
    with pytest.raises(UserError, match=r"split 'train' of digits/1\.0\.0 cannot be read"):
        monkeypatch.setattr(images, "MAX_BYTES", 2**30)
        images.load(dataclasses.replace(digits, data_dir=str(tmp_path)))


def test_labels_beyond_the_classes_are_told(digits: ImageSettings, tmp_path: pathlib.Path) -> None:
    copied = tmp_path / "digits" / "1.0.0"
    shutil.copytree(pathlib.Path(digits.data_dir) / "digits" / "1.0.0", copied)
    names = copied / "label.labels.txt"
    names.write_text("".join(f"{i}\n" for i in range(7)))
    features = copied / "features.json"
    features.write_text(features.read_text().replace('"numClasses": "10"', '"numClasses": "7"'))
    with pytest.raises(UserError, match=r"of the 1,437 .* beyond its 7 classes, such as [789] "):
        images.load(dataclasses.replace(digits, name=str(copied)))


def test_what_was_done_to_images_is_known(digits: ImageSettings, data_dir: pathlib.Path) -> None:
    assert images.facts(dataclasses.replace(digits, size=16)) == {
        "set": "digits/1.0.0",
        "split": "train",
        "size": [16, 16],
        "original_size": [32, 32],
        "resized": True,
        "grey": False,
    }
    photographs = ImageSettings(name="imagenet2012", data_dir=str(data_dir), size=64)
    assert images.facts(photographs)["original_size"] is None
    with pytest.raises(UserError, match=r"images\.size: the images of imagenet2012 differ in size"):
        images.facts(dataclasses.replace(photographs, size=0))
    with pytest.raises(UserError, match=r"'validation'.*which no search may see"):
        images.load(dataclasses.replace(photographs, split="validation"))
