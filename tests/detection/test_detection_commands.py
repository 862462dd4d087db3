"""`cell-detect` from training to pictures, on scenes and on files."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import io
import json
import logging
import pathlib
import shutil
import signal
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import begin_forked, run_forked
from PIL import Image
from pycocotools.coco import COCO

import detection
from cells import data
from cells.data import image_files
from cells.support.errors import UserError
from cells.weights.by_layer import weighted_layers
from detection import cli
from detection.config.read import read_params
from detection.exporting import export, formats
from detection.inference import evaluation_report
from detection.inference.detector import Detections, open_detector
from detection.training import coco_figures, complete
from detection.training.task import CellsRetinaNetTask
from transfer.config.experiments import classification
from transfer.training import checkpoints, runner

STEPS = 100


@pytest.fixture(scope="module")
def training(tmp_path_factory, settings, scenes_dir):
    """What came of the training of a detector that learnt 8 scenes by heart."""
    folder = tmp_path_factory.mktemp("run") / "detector"
    settings = copy.deepcopy(settings)
    settings["task"]["train_data"].update(tfds_split="train[:8]", global_batch_size=8)
    settings["task"]["train_data"]["parser"] = {"aug_scale_min": 1.0, "aug_scale_max": 1.0}
    settings["task"]["validation_data"]["tfds_split"] = "train[:8]"
    settings["task"]["seed"] = 1
    settings["trainer"] = {
        "train_steps": STEPS,
        "steps_per_loop": STEPS // 4,
        "checkpoint_interval": STEPS,
        "validation_interval": STEPS,
        "summary_interval": STEPS // 4,
        "optimizer_config": {"warmup": {"linear": {"warmup_steps": 5}}},
    }
    return detection.train(
        folder, data_dir=scenes_dir, params_override=settings, evaluate=True, worst=2
    )


@pytest.fixture(scope="module")
def trained(training):
    """Its folder."""
    return pathlib.Path(training.model_dir)


def test_a_few_steps_on_few_scenes_lower_the_loss(trained):
    losses = [
        float(tf.make_ndarray(value.tensor))
        for path in sorted((trained / "train").glob("events*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "model_loss"
    ]
    assert len(losses) == 4
    assert losses[-1] < 0.6 * losses[0]


def test_evaluation_holds_the_twelve_numbers(training, trained):
    with open(trained / "evaluation.json", encoding="utf-8") as file:
        values = json.load(file)
    assert values.keys() >= set(coco_figures.NUMBERS)
    assert values["step"] == STEPS == training.steps
    result = training.evaluation
    assert values.items() >= result.metrics.items()
    assert (result.data, result.file) == (
        "digits_scenes train[:8]",
        str(trained / "evaluation.json"),
    )
    assert len(list((trained / "evaluation" / "worst").glob("*.jpg"))) == result.pictures == 2
    assert result.categories.names == tuple("0123456789")
    assert values["split"] == "train[:8]"
    assert 0.0 < values["AP50"] <= 1.0
    # No digit of these scenes is larger than 96x96 pixels.
    lines = evaluation_report.coco_lines(values)
    assert len(lines) == 12
    assert "no such object" in lines[5]


def test_ctrl_c_ends_it_in_one_line(trained, tmp_path):
    output = f"--output={tmp_path / 'found'}"
    process = begin_forked("detection", "--mode=predict", f"--model_dir={trained}", output)
    process.send(signal.SIGINT, seconds=0.5)
    done = process.end()
    assert done.returncode == 130
    assert done.stderr == "cell-detect: stopping; once more to stop now\n"


def test_the_folder_is_complete_without_its_sources(trained, tmp_path, scenes_dir):
    """Evaluated after a move, with the genotype that lies in it, the numbers are the same."""
    moved = tmp_path / "moved"
    shutil.copytree(trained, moved)
    output = f"--output={tmp_path / 'again.json'}"
    done = run_forked("detection", "--mode=eval", f"--model_dir={moved}", output)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].endswith(f"after {STEPS} steps; written to {tmp_path / 'again.json'}")
    assert [line for line in lines if line.startswith(("AP", "AR"))] == lines[-13:-1]
    before = json.loads((trained / "evaluation.json").read_text())
    after = json.loads((tmp_path / "again.json").read_text())
    for name in ("AP", "AP50", "ARmax100"):
        assert after[name] == pytest.approx(before[name], abs=1e-6)


def test_predicting_a_split_gives_a_file_that_cocos_tools_read(trained, tmp_path, scenes_dir):
    # A detector of a few steps is sure of nothing: what it hardly believes counts, too.
    override = (
        "task.validation_data.tfds_split='train[:4]',"
        "task.model.detection_generator.pre_nms_score_threshold=0.0"
    )
    result = detection.predict(
        trained, output=tmp_path, params_override=override, score_threshold=0.0
    )
    assert (result.images, result.detections) == (4, 4 * 100)
    stored = list(
        data.builder("digits_scenes", scenes_dir).as_dataset(split="train[:4]").as_numpy_iterator()
    )
    ids = [int(example["image/id"]) for example in stored]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i, "width": 128, "height": 128} for i in ids],
        "categories": [{"id": i, "name": str(i)} for i in range(10)],
        "annotations": [],
    }
    truth.createIndex()
    # Every anchor is a candidate then, so each image has as many detections as may be kept.
    found = truth.loadRes(str(tmp_path / "results.json"))
    assert set(found.getImgIds()) <= set(ids)
    assert len(found.getAnnIds()) == 4 * 100
    for annotation in found.loadAnns(found.getAnnIds()):
        x, y, width, height = annotation["bbox"]
        assert 0 <= x <= x + width <= 128.01
        assert 0 <= y <= y + height <= 128.01
        assert 0 <= annotation["score"] <= 1
        assert annotation["category_id"] in range(10)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [int(picture.stem) for picture in pictures] == sorted(ids)
    # Enlarged until names are legible.
    assert {Image.open(picture).size for picture in pictures} == {(512, 512)}


def test_files_are_looked_at_as_the_data_set_is(trained, detector, tmp_path, scenes_dir):
    """The same pixels as a file: the same boxes; a wide file: boxes inside its own size."""
    example = next(
        data.builder("digits_scenes", scenes_dir).as_dataset(split="train[:1]").as_numpy_iterator()
    )
    pixels = example["image"]
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(pixels).save(photos / "000000000007.png")
    wide = np.full((128, 300, 3), 100, np.uint8)
    wide[:, :128] = pixels
    Image.fromarray(wide).save(photos / "000000000011.png")
    output = tmp_path / "found"
    detection.predict(trained, photos, output=output, score_threshold=0.05)
    entries = json.loads((output / "results.json").read_text())
    assert {entry["image_id"] for entry in entries} <= {7, 11}
    expected = detector.detect(pixels).above(0.05)
    given = [entry for entry in entries if entry["image_id"] == 7]
    np.testing.assert_allclose(
        np.array([entry["bbox"] for entry in given]).reshape(-1, 4), expected.boxes, atol=1e-3
    )
    assert [entry["category_id"] for entry in given] == list(expected.labels)
    assert all(entry["file_name"].endswith("000000000007.png") for entry in given)
    names = sorted(path.name for path in (output / "pictures").iterdir())
    assert names == ["000000000007.jpg", "000000000011.jpg"]
    assert Image.open(output / "pictures" / names[1]).size == (600, 256)


def test_a_damaged_image_is_named_and_nothing_is_written(trained, tmp_path):
    good, bad = tmp_path / "a.png", tmp_path / "b.jpg"
    Image.new("RGB", (40, 40)).save(good)
    Image.effect_noise((200, 200), 90).convert("RGB").save(tmp_path / "whole.jpg")
    bad.write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    output = tmp_path / "out"
    with pytest.raises(UserError, match=r"b\.jpg: cannot be read as an image"):
        detection.predict(trained, [good, bad], output=output)
    assert not output.exists()


def test_real_photographs_and_odd_files_are_looked_at(detector, tmp_path, data_dir):
    """Of COCO; and a pixel, a panorama of 20,000 pixels, CMYK, a palette, 16 bits of grey, WebP."""
    photos = tmp_path / "photos"
    with zipfile.ZipFile(data_dir / "coco_sample" / "images.zip") as archive:
        names = sorted(name for name in archive.namelist() if "val2017/" in name)[:3]
        for name in names:
            archive.extract(name, photos)
    photo = Image.open(photos / names[0])
    Image.new("RGB", (1, 1)).save(photos / "pixel.png")
    photo.resize((20_000, 300)).save(photos / "panorama.jpg")
    photo.convert("CMYK").save(photos / "cmyk.jpg")
    photo.quantize(16).save(photos / "palette.gif")
    grey = np.asarray(photo.convert("L")).astype(np.uint16)
    Image.fromarray(grey << 8).save(photos / "grey.png")
    photo.save(photos / "photo.webp")
    detection.predict(
        detector, photos, output=tmp_path / "out", score_threshold=0.05, tile_size=1000
    )
    drawn = {path.stem: Image.open(path) for path in (tmp_path / "out" / "pictures").iterdir()}
    assert len(drawn) == 9
    assert drawn["pixel"].size == (512, 512)
    assert drawn["panorama"].size == (20_000, 300)
    for name in ("cmyk", "palette", "grey", "photo"):
        assert drawn[name].size == drawn[pathlib.Path(names[0]).stem].size
    sizes = {str(path): Image.open(path).size for path in photos.rglob("*.*")}
    for entry in json.loads((tmp_path / "out" / "results.json").read_bytes()):
        x, y, width, height = entry["bbox"]
        right, bottom = sizes[entry["file_name"]]
        assert -0.01 <= x <= x + width <= right + 0.01
        assert -0.01 <= y <= y + height <= bottom + 0.01


def test_photographs_are_turned_upright(tmp_path):
    """EXIF orientation 6: the camera was turned, the file is to be shown a quarter clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :5] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(image_files.read(tmp_path / "photo.png"), np.rot90(pixels, -1))


def test_a_classifier_gives_its_weights_by_name(small, genotype_path, tmp_path, caplog):
    """Trained by cell-transfer with the same cells: what fits is taken, the rest is named."""
    params = classification()
    params.override(
        {
            "task": {
                "model": {
                    "input_size": [32, 32, 3],
                    "cells": {
                        "genotype": genotype_path,
                        "network": "imagenet_mobile",
                        "normal_cells": 1,
                        "filters": 8,
                    },
                },
                "train_data": {
                    "tfds_name": "digits",
                    "tfds_data_dir": str(tmp_path),
                    "global_batch_size": 8,
                },
            },
            "trainer": {"train_steps": 2, "steps_per_loop": 2, "checkpoint_interval": 2},
        }
    )
    run = str(tmp_path / "classifier")
    runner.run(params, "train", run)

    # As deep as the classifier is.
    deep = {"max_level": 5, "backbone": {"cells": {"max_level": 5}}}
    params = small({"task": {"init_checkpoint": run, "model": deep}})
    complete.resolve(params)
    task = CellsRetinaNetTask(params.task)
    model = task.build_model()
    with caplog.at_level(logging.WARNING, logger="absl"):
        task.initialize(model)
    classifier = {
        layer.name: layer for layer in weighted_layers(checkpoints.open_trained(run).model)
    }
    backbone = weighted_layers(model.backbone)
    assert len(backbone) > 20
    for layer in backbone:
        for ours, theirs in zip(layer.weights, classifier[layer.name].weights, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert f"loaded the weights of {len(backbone)} layers" in caplog.text
    assert "of the source, not used: logits" in caplog.text


@pytest.fixture(scope="module")
def scene(scenes_dir):
    """An image that the detector was trained with."""
    stored = data.builder("digits_scenes", scenes_dir).as_dataset(split="train[:1]")
    return next(stored.as_numpy_iterator())["image"]


@pytest.fixture(scope="module")
def detector(trained):
    return open_detector(str(trained))


def assert_same(found, expected, scale=1.0, i=0):
    """What a file gives of image i is what the detector finds, in boxes divided by `scale`."""
    count = int(found["num_detections"][i])
    assert count == len(expected.scores) > 0
    np.testing.assert_allclose(
        found["detection_scores"][i, :count], expected.scores, rtol=0, atol=1e-4
    )
    x, y, width, height = expected.boxes.T
    corners = np.stack([y, x, y + height, x + width], axis=1) / scale
    np.testing.assert_allclose(found["detection_boxes"][i, :count], corners, atol=0.03)
    np.testing.assert_array_equal(found["detection_classes"][i, :count], expected.labels)


def test_a_saved_model_finds_in_files_what_the_detector_finds(trained, detector, tmp_path, scene):
    """Loaded by TensorFlow alone: files of different sizes at once, JPEG and PNG, one turned."""
    output = tmp_path / "saved"
    detection.export(trained, output)
    with pytest.raises(UserError, match="exists already"):
        detection.export(trained, output)
    names = json.loads((output / "categories.json").read_bytes())
    assert [entry["name"] for entry in names] == [str(i) for i in range(10)]
    wide = np.full((128, 300, 3), 100, np.uint8)
    wide[:, :128] = scene
    turned, sideways = io.BytesIO(), Image.Exif()
    sideways[0x0112] = 6
    Image.fromarray(np.rot90(wide)).save(turned, "PNG", exif=sideways)
    jpeg = tf.io.encode_jpeg(scene, quality=95).numpy()
    files = [jpeg, tf.io.encode_png(wide).numpy(), turned.getvalue()]
    saved = tf.saved_model.load(str(output))
    found = saved.signatures["serving_default"](inputs=tf.constant(files))
    for i, pixels in enumerate((image_files.decode(jpeg), wide, wide)):
        assert_same(found, detector.detect(pixels), i=i)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """TFLite and ONNX files of the detector; the latter where its packages are installed."""
    installed = all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime"))
    kinds = ["tflite", "onnx"] if installed else ["tflite"]
    output = tmp_path_factory.mktemp("exported") / "files"
    result = detection.export(trained, output, kinds)
    told = json.loads((output / "detector.json").read_bytes())
    assert told == result
    assert told["compared_on"] == "8 real images" and told["objects"] > 0
    for kind in kinds:
        assert max(told["files"][kind][name] for name in ("boxes", "scores")) < 1e-3
    return output


def test_a_tflite_file_finds_in_pixels_what_the_detector_finds(exported, detector, scene):
    """In the interpreter, with TFLite's own operators, on a scene that fills the input."""
    with zipfile.ZipFile(exported / "detector.tflite") as archive:
        categories = json.loads(archive.read("categories.json"))
    assert categories == json.loads((exported / "categories.json").read_bytes())
    assert [entry["name"] for entry in categories] == [str(i) for i in range(10)]
    interpreter = tf.lite.Interpreter(model_path=str(exported / "detector.tflite"))
    pixels = tf.image.resize(tf.cast(scene, tf.float32)[tf.newaxis], (64, 64)).numpy()
    found = interpreter.get_signature_runner()(pixels=pixels, size=np.float32([[64, 64]]))
    assert_same(found, detector.detect(scene), scale=2.0)


def test_an_onnx_file_finds_in_images_what_the_detector_finds(exported, detector, scene):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(exported / "detector.onnx"))
    names = [found.name for found in session.get_outputs()]
    wide = np.full((128, 300, 3), 100, np.uint8)
    wide[:, :128] = scene
    found = dict(zip(names, session.run(names, {"image": wide}), strict=True))
    assert_same(found, detector.detect(wide))


def test_a_file_that_finds_something_else_is_not_written(small):
    """Order and what is at the edge of being told do not count; place, score and class do."""
    params = small()
    boxes = np.float32([[10, 10, 20, 20], [50, 40, 30, 20], [12, 60, 9, 9], [90, 0, 0, 9]])
    ours = Detections(boxes, np.int64([1, 2, 1, 1]), np.float32([0.9, 0.6, 0.05005, 0.5]))
    same = ours.only([1, 0])
    assert _compared(params, ours, same) == {"boxes": 0, "scores": 0}
    twice = ours.only([0, 0, 1])
    moved = dataclasses.replace(same, boxes=same.boxes + 0.5)
    surer = dataclasses.replace(same, scores=same.scores - 0.01)
    other = dataclasses.replace(same, labels=same.labels - [1, 0])
    for found, sentence in (
        (moved, r"onnx differs .*boxes by up to 5\.0e-03 of the image"),
        (surer, r"scores by up to 1\.0e-02"),
        (other, r"boxes by up to 1\.0e\+00"),
        (twice, r"boxes by up to 5\.0e-01"),
    ):
        with pytest.raises(UserError, match=sentence):
            _compared(params, ours, found)


def _compared(params, ours: Detections, found: Detections) -> dict[str, float]:
    told, _ = export.differences("onnx", params, [ours], [found], [100])
    export.require_same("onnx", told)
    return told


def test_a_detector_that_finds_more_or_less_has_the_weights_of_its_run(trained, detector):
    """Also the head's, whose layer has no name of its own."""
    params = read_params(trained)
    params.task.model.detection_generator.max_num_detections = 7
    other = open_detector(trained, params=params)
    ours, theirs = (opened.model.get_weights() for opened in (detector, other))
    for one, another in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, another)


def test_files_of_a_detector_that_is_sure_of_nothing_are_compared_all_the_same(trained, tmp_path):
    output = tmp_path / "unsure"
    override = "task.model.detection_generator.pre_nms_score_threshold=0.9999"
    told = detection.export(trained, output, ["tflite"], params_override=override)
    assert told == json.loads((output / "detector.json").read_bytes())
    assert told["objects"] > 0
    assert told["score_threshold"] < 0.9999
    assert 0 < max(told["files"]["tflite"][name] for name in ("boxes", "scores")) < 1e-3
    assert sorted(p.name for p in output.iterdir()) == [
        "categories.json",
        "detector.json",
        "detector.tflite",
    ]
    # The file itself keeps to the threshold that was asked for.
    interpreter = tf.lite.Interpreter(model_path=str(output / "detector.tflite"))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    found = interpreter.get_signature_runner()(pixels=pixels, size=np.float32([[64, 64]]))
    assert int(found["num_detections"][0]) == 0


def test_the_help_names_the_formats_that_there_are():
    assert tuple(formats.FORMATS) == cli.FORMATS
