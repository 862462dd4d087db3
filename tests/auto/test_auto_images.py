"""Which folders `cells auto` takes, and that test images stay out of everything else."""

from __future__ import annotations

import pathlib

import pytest
from folders import write

from auto import plan, test_split
from cells.support.errors import UserError


def test_test_images_are_in_no_other_part(tmp_path):
    from cell_search import images as search_images
    from cells import data

    root = write(tmp_path / "shapes", {"red": 20, "green": 20})
    (root / "red" / "broken.jpg").write_bytes(b"no photograph")
    divided = test_split.divide(test_split.find(str(root)), tmp_path / "data", seed=3)
    assert (divided.classes, divided.training, divided.testing) == (("green", "red"), 32, 8)
    assert divided.unreadable == 1
    assert divided.largest == 0.5
    values = plan.search_values(divided, seconds=210.0, size=16, flip=False, seed=3)
    searched = search_images.load(search_images.ImageSettings(**values["images"]))
    builder = data.builder(divided.folder)
    tested = [e["image"].tobytes() for e in builder.as_dataset(split="test").as_numpy_iterator()]
    seen = [
        pixels.tobytes() for part in (searched.training, searched.held_out) for pixels in part[0]
    ]
    assert len(set(tested)) == 8 and len(set(seen)) == 32
    assert not set(tested) & set(seen)
    trained = plan.training_values(
        divided, "nasnet_a", (1, 8), size=16, flip=False, seed=3, steps=10, loop=1
    )
    assert trained["task"]["train_data"]["tfds_split"] == "train"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "holds no images"),
        ({"red": 20}, "one class only"),
        ({"red": 20, "green": 9}, "'green' .* has 9 images, and at least 10"),
        ({"test/red": 9, "test/green": 9}, "no 'train'"),
        ({"train/red": 9, "train/green": 7}, "'green' .* has 7 images in 'train'"),
    ],
)
def test_bad_folders_are_refused_in_one_sentence(tmp_path, counts, said):
    root = write(tmp_path / "shapes", counts)
    with pytest.raises(UserError, match=said) as error:
        test_split.find(str(root))
    assert str(error.value).startswith("images: ") and "\n" not in str(error.value)


def test_splits_without_a_test_are_refused(tmp_path):
    root = write(tmp_path / "shapes", {"train/red": 9, "train/green": 9})
    with pytest.raises(UserError, match="none to test with"):
        test_split.divide(test_split.find(str(root)), tmp_path / "data", seed=0)
    assert not list((tmp_path / "data").rglob("*.tfrecord*")), "the same command after mending"


@pytest.mark.parametrize("pace", [1e-15, 3e-9])
def test_the_largest_network_is_taken_that_the_time_allows(pace):
    from cells.genotype import catalogue

    divided = test_split.Divided("", tuple("ab"), 1000, 100, "test", 0, 0.5)
    genotype = catalogue.find("nasnet_a")
    chosen = plan.network_of(genotype, divided, size=32, seconds=3600.0, pace=pace)
    # Nothing is too large for a machine so quick, and everything for one so slow.
    assert chosen == (plan.NETWORKS[-1] if pace < 1e-12 else plan.NETWORKS[0])
    work = plan.EPOCHS * 1000 * plan.multiply_adds(genotype, 32, 2, 2, 16)
    chosen = plan.network_of(genotype, divided, size=32, seconds=3600.0, pace=3600.0 / work)
    assert chosen == (2, 16)


def test_there_is_no_such_folder(tmp_path: pathlib.Path):
    with pytest.raises(UserError, match="there is no folder"):
        test_split.find(str(tmp_path / "nowhere"))
