"""Bad input: one sentence that names the key and the remedy, before any tensor exists."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from forked_commands import run_forked

import detection
from cells import data
from cells.support.errors import UserError
from detection.data import images
from detection.training import complete

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"min_level": 5, "max_level": 4}, "min_level 5 to max_level 4 is not a range of levels"),
        ({"max_level": 6, "input_size": [96, 64, 3]}, r"96x64 is not a multiple of 64.*\[128, 64"),
        ({"min_level": 2}, "min_level: 2 is not among the levels 3 to 4 of the backbone"),
        ({"input_size": [64, 64]}, r"input_size: \[64, 64\] is not \[height, width, 3\]"),
        ({"anchor": {"aspect_ratios": []}}, "aspect_ratios: there are none; give at least one"),
        ({"num_classes": 5}, "num_classes: 5 is less than 11"),
        (
            {"backbone": {"cells": {"min_level": 3, "max_level": 6}}},
            "max_level: 6 is too large; use at most 5",
        ),
        ({"backbone": {"cells": {"genotype": "nasnet_b"}}}, "did you mean 'nasnet_a'"),
        ({"backbone": {"cells": {"filters": 3}}}, "filters: 3 is too small"),
        ({"backbone": {"type": "resnetz"}}, "backbone.type: unknown 'resnetz'.*'resnet'"),
    ],
)
def test_impossible_detectors_are_refused(small, model, sentence):
    with pytest.raises(UserError, match=sentence):
        complete.resolve(small({"task": {"model": model}}))


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"train_data": {"tfds_split": "trian"}}, "no split 'trian'.*did you mean 'train'"),
        ({"train_data": {"tfds_name": ""}}, "train_data: needs tfds_name"),
        ({"train_data": {"input_path": "x*"}}, "input_path: .* holds no converted boxes"),
        ({"train_data": {"tfds_name": "digits_scene"}}, "did you mean 'digits_scenes'"),
        ({"annotation_file": "x.json"}, "annotation_file: evaluation takes the boxes from"),
        (
            {"init_checkpoint": "nowhere/at/all"},
            "init_checkpoint: there is no checkpoint in nowhere",
        ),
        ({"init_checkpoint": str(ROOT)}, "init_checkpoint: there is no checkpoint in .*; give"),
        ({"category_ids": [1, 2]}, "category_ids: has 2 different numbers for the 10 classes"),
    ],
)
def test_impossible_tasks_are_refused(small, task, sentence):
    with pytest.raises(UserError, match=sentence):
        complete.resolve(small({"task": task}))


def test_a_set_without_boxes_is_told_what_it_has(small, scenes_dir):
    data.builder("digits", scenes_dir)
    with pytest.raises(UserError, match=r"digits.*is not a detection set.*label"):
        complete.resolve(small({"task": {"train_data": {"tfds_name": "digits"}}}))


def test_training_and_validation_must_have_the_same_classes(small, data_dir):
    override = {"task": {"validation_data": {"tfds_name": "coco/2017"}}}
    params = small(override)
    params.task.validation_data.tfds_data_dir = str(data_dir)
    with pytest.raises(
        UserError,
        match=r"different classes \(0, 1, 2 and 7 more; and person, bicycle, car and 77 more\)",
    ):
        complete.resolve(params)


def test_paths_that_hold_no_images_are_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.jpg: there is no such image"):
        images.find_files([str(tmp_path / "nothing.jpg")])
    with pytest.raises(UserError, match="has no images or videos"):
        images.find_files([str(tmp_path)])
    text = tmp_path / "text.png"
    text.write_text("no image")
    with pytest.raises(UserError, match=r"text\.png: cannot be read as an image"):
        images.check_files(images.find_files([str(text)]))


def test_files_are_numbered_by_name_where_all_names_are_numbers(tmp_path):
    from PIL import Image

    for name in ("000000000139.jpg", "7.png", "b.png"):
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / name)
    found = images.find_files([str(tmp_path)])
    assert [i.image_id for i in images.from_files(found)] == [1, 2, 3]
    assert [i.image_id for i in images.from_files(found[:2])] == [139, 7]


def test_a_folder_of_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match=r"^model_dir: .* is not the folder of a run"):
        detection.predict(tmp_path, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mode=predict", "--model_dir=x"], "--output: is needed here"),
        (["--mode=train"], "--model_dir: is needed here"),
        (["--mode=train", "--model_dir=x", "y.jpg"], "'y.jpg': is not a known argument"),
        (
            ["--mode=predict", "--model_dir=x", "--output=y", "--score_threshold=2"],
            "--score_threshold: 2.0 is not in [0, 1]",
        ),
        (["--mode=detect"], "--mode"),
        (
            ["--mode=export", "--model_dir=x", "--output=y", "--formats=tflit"],
            "--formats: unknown 'tflit'; did you mean 'tflite'",
        ),
        (["--mode=convert", "--output=x"], "--annotations: is needed here"),
        (["--mode=summary", "--experiment=cells_retinane"], "did you mean 'cells_retinanet'"),
    ],
)
def test_the_command_ends_with_2_and_one_line(arguments, sentence, tmp_path):
    # A run at first sight.
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "params.yaml").write_text("task: {model: {detection_generator: {}}}\n")
    done = run_forked("detection", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["x", "params.yaml"]
