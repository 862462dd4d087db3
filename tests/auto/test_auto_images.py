"""Which folders `cells auto` takes, and that test images stay out of everything else."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import xml.etree.ElementTree as ElementTree

import pytest
from auto_runs import begin
from folders import write

from auto import entrants, race, report, search_step, test_split
from auto.entrants import Entrant
from auto.record import Settings
from cells import shipped
from cells.genotype import catalogue
from cells.kinds import files as kinds
from cells.support.errors import UserError
from transfer.config import configure
from transfer.model import network

#: What the folder of another test would be.
DIVIDED = test_split.Divided("", ("a", "b"), 1000, 100, "test", 0, 0.5)


def test_test_images_are_in_no_other_part(tmp_path):
    from cell_search import images as search_images
    from cells import data

    root = write(tmp_path / "shapes", {"red": 20, "green": 20})
    (root / "red" / "broken.jpg").write_bytes(b"no photograph")
    run = begin(tmp_path / "out", root, size=16, seed=3)
    divided = test_split.divide(run.images, tmp_path / "data", seed=3)
    assert (divided.classes, divided.training, divided.testing) == (("green", "red"), 32, 8)
    assert divided.unreadable == 1
    assert divided.largest == 0.5
    values = search_step.values(run, divided, "")
    raced = race.load(run, divided)
    builder = data.builder(divided.folder)
    tested = [e["image"].tobytes() for e in builder.as_dataset(split="test").as_numpy_iterator()]
    assert len(set(tested)) == 8
    for images in (search_images.load(search_images.ImageSettings(**values["images"])), raced):
        parts = [
            {pixels.tobytes() for pixels in part[0]} for part in (images.training, images.held_out)
        ]
        assert len(parts[0] | parts[1]) == 32 and not parts[0] & parts[1]
        assert not set(tested) & (parts[0] | parts[1])
    # The winner trains on all of them.
    pixels, labels = race.Race(run, divided).everything(Entrant("hand_written", 1, 16))
    assert len({p.tobytes() for p in pixels}) == 32 and labels.tolist().count(0) == 16


def test_a_class_that_would_not_score_is_refused(tmp_path, monkeypatch):
    root = write(tmp_path / "shapes", {"red": 200, "green": 20, "blue": 10})
    run = begin(tmp_path / "out", root)
    divided = test_split.divide(run.images, tmp_path / "data", seed=0)
    monkeypatch.setattr(race, "MOST_SCORING", 4)
    with pytest.raises(UserError, match=r"'blue' .* so few") as error:
        race.load(run, divided)
    assert "images" in str(error.value)


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


@pytest.mark.parametrize(("pace", "size"), [(1e-9, entrants.SIZES[-1]), (30.0, entrants.SIZES[0])])
def test_the_largest_network_takes_part_that_the_time_allows(tmp_path, pace, size):
    root = write(tmp_path / "shapes", {"red": 20, "green": 20})
    run, divided = begin(tmp_path / "out", root), DIVIDED
    first, residual = (entrants.smallest(cells) for cells in ("snas_mild", entrants.RESIDUAL))
    chosen = entrants.largest(run, divided, first, pace, 3600.0, 100)
    # Nothing is too large for a machine so quick, and everything for one so slow.
    assert chosen == entrants.Entrant("snas_mild", *size)
    assert entrants.largest(run, divided, residual, pace, 3600.0, 100).filters == size[1]
    # Cells that were found with N = 2 in a stack of their own keep both.
    path = run.folder / entrants.FOUND / "search-1.json"
    kinds.write(catalogue.load("hand_written"), path)
    name = str(path.relative_to(run.folder))
    found = entrants.Entrant(name, 2, 16, "transitions", 2)
    chosen = entrants.largest(run, divided, found, pace, 3600.0, 100)
    assert chosen == dataclasses.replace(found, filters=size[1])
    side = run.settings.size
    model = {**chosen.model_values(), "input_size": [side, side, 3], "num_classes": 2}
    values = json.dumps({"task": {"model": model}})
    params = configure.configure(configure.experiment(), override=values, genotype=str(path))
    # The classifier is the network that raced.
    raced = chosen.layout(run, divided)[1]
    of_stack = ("stem", "normal_cells", "empty_group", "filters", "stem_filters", "image_size")
    trained = network.layout(params.task.model)[1]
    assert [getattr(trained, n) for n in of_stack] == [getattr(raced, n) for n in of_stack]
    # By multiply-adds: what takes exactly the time still fits.
    works = [
        entrants.multiply_adds(entrants.Entrant("snas_mild", *each), run, divided)
        for each in entrants.SIZES[:2]
    ]
    seconds = 100 * pace * works[1] / works[0]
    chosen = entrants.largest(run, divided, first, pace, seconds * 1.001, 100)
    assert chosen == entrants.Entrant("snas_mild", *entrants.SIZES[1])


@pytest.mark.parametrize(
    ("changes", "first", "count"),
    [
        ({}, "resnet_9", 2),
        ({"budget": 1800.0}, "resnet_9", 3),
        ({"budget": 7200.0}, "resnet_9", 4),
        ({"entrants": "cells"}, "hand_written", 2),
        ({"genotype": "nasnet_a"}, "nasnet_a", 1),
        ({"shipped_weights": True}, "resnet_9", 2 + len(shipped.weights())),
        ({"shipped_weights": True, "size": 65}, "resnet_9", 2),
        ({"shipped_weights": True, "genotype": "nasnet_a"}, "nasnet_a", 1),
    ],
)
def test_short_budgets_have_fewer_entrants(tmp_path, changes, first, count):
    run = begin(tmp_path / "out", write(tmp_path / "shapes", {"red": 20, "green": 20}), **changes)
    names = entrants.known(run)
    assert (names[0], len(names), len(set(names))) == (first, count, count)


def test_there_is_no_such_folder(tmp_path: pathlib.Path):
    with pytest.raises(UserError, match="there is no folder"):
        test_split.find(str(tmp_path / "nowhere"))


def test_the_page_shows_the_name_of_the_network_as_it_is(tmp_path):
    settings = Settings("photos", "", 600.0, "r&d.json", 0.0, 32, False, 0)
    told = {
        "test": {"accuracy": 0.5, "images": 10},
        "training": {"network": "r&d.json (N = 1, F = 16)", "cells": "r&d.json", "epochs": 2.0},
        "images": {
            "classes": ["a", "b"],
            "testing": 10,
            "training": 90,
            "share_of_the_largest_class": 0.5,
        },
        "seconds_in_all": 60.0,
    }
    parts = report._parts(tmp_path, settings, {}, told, tmp_path / "r&d.json")
    _, _, tiles = (next(parts) for _ in range(3))
    shown = ElementTree.fromstring(tiles.replace("class=tiles", "class='tiles'"))
    assert "r&d.json (N = 1, F = 16)" in shown.itertext()
