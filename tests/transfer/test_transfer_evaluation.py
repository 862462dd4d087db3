"""Evaluations, compared with scikit-learn, with counting by hand, and with the trainer's own."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import yaml
from absl import flags
from absl.testing import flagsaver
from PIL import Image
from sklearn import metrics

from cells.data import image_files
from cells.support.errors import UserError
from transfer import cli, evaluation, prediction
from transfer.config import configure
from transfer.evaluation import Evaluation
from transfer.model import network
from transfer.runs import model_dir
from transfer.training import checkpoints


@pytest.fixture(scope="module")
def random():
    """Guesses on classes of unequal size; one class has no image."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 400)
    logits = rng.normal(size=(400, 7)) + 1.5 * np.eye(7)[labels]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Evaluation(labels, shares.astype("float32"), tuple("abcdefg"), 12)


def test_the_metrics_are_those_of_scikit_learn(random):
    labels, shares = random.labels, random.probabilities
    told = random.metrics(top_k=3)
    every = range(7)
    assert told["accuracy"] == pytest.approx(metrics.accuracy_score(labels, shares.argmax(1)))
    assert told["top_3_accuracy"] == pytest.approx(
        metrics.top_k_accuracy_score(labels, shares, k=3, labels=every)
    )
    assert told["cross_entropy"] == pytest.approx(
        metrics.log_loss(labels, shares, labels=every), rel=1e-5
    )
    precision, recall, _, support = metrics.precision_recall_fscore_support(
        labels, shares.argmax(1), labels=every, zero_division=0
    )
    rows = random.by_class()
    assert [row["images"] for row in rows] == list(support)
    assert [row["class"] for row in rows] == list("abcdefg")
    np.testing.assert_allclose([row["accuracy"] or 0 for row in rows], recall)
    np.testing.assert_allclose([row["precision"] or 0 for row in rows], precision)
    assert rows[6]["accuracy"] is None


def test_the_calibration_error_counted_by_hand():
    """Two bins: 3 images at 0.95 of which 2 are right, 1 at 0.6 that is wrong."""
    sure, unsure = [0.95, 0.05], [0.4, 0.6]
    given = Evaluation(
        np.array([0, 0, 1, 0]), np.array([sure, sure, sure, unsure], "float32"), ("a", "b"), 1
    )
    wanted = 3 / 4 * abs(2 / 3 - 0.95) + 1 / 4 * abs(0 - 0.6)
    assert given.calibration_error() == pytest.approx(wanted)
    perfect = Evaluation(np.array([0, 1]), np.eye(2, dtype="float32"), ("a", "b"), 1)
    assert perfect.calibration_error() == 0


def test_a_run_is_evaluated_as_its_trainer_did(run, trained, digits, digits_dir, tmp_path):
    """Also where the machines that trained it are not at hand."""
    folder, known = tmp_path / "run", run[1]
    shutil.copytree(run[0], folder)
    file = folder / model_dir.PARAMS
    settings = yaml.safe_load(file.read_text())
    devices = {"distribution_strategy": "multi_worker_mirrored", "num_gpus": 8, "enable_xla": True}
    settings["runtime"] |= devices
    file.write_text(yaml.safe_dump(settings))
    params = model_dir.read_params(str(folder))
    found = evaluation.evaluate(params, str(folder))
    told = found.metrics()
    for name in ("accuracy", "top_5_accuracy", "step"):
        assert told[name] == pytest.approx(known[name], abs=1e-6)
    images, labels = digits
    guesses = network.logits(trained.model(images, training=False)).numpy().argmax(-1)
    wanted = np.zeros((10, 10), int)
    np.add.at(wanted, (labels, guesses), 1)
    np.testing.assert_array_equal(found.confusion(), wanted)


def digits_folder(root, digits, names, count=40):
    """Digits as image files, in folders that are named by `names`."""
    for i, (image, label) in enumerate(zip(*digits, strict=True)):
        if i < count and label in names:
            folder = root / "test" / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.round((image + 1) * 127.5).astype("uint8")
            Image.fromarray(pixels).save(folder / f"{i}.png")


def on_folder(run, folder, data_dir):
    return configure.configure(
        model_dir.read_params(str(run[0])),
        override=f"task: {{validation_data: {{tfds_name: '{folder}', tfds_data_dir: "
        f"'{data_dir}', tfds_split: test}}}}",
    )


def test_a_folder_with_some_of_the_classes_is_matched_by_name(run, trained, digits, tmp_path):
    """The folder's classes 3, 5 and 8 are its labels 0, 1 and 2."""
    digits_folder(tmp_path / "photos", digits, {3: "3", 5: "5", 8: "8"})
    params = on_folder(run, tmp_path / "photos", tmp_path / "tfds")
    found = evaluation.evaluate(params, str(run[0]))
    chosen = np.isin(digits[1][:40], [3, 5, 8])
    wanted = network.logits(trained.model(digits[0][:40][chosen], training=False)).numpy()
    labels = digits[1][:40][chosen]
    assert sorted(found.labels) == sorted(labels)
    accuracy = np.mean(wanted.argmax(-1) == labels)
    assert found.metrics()["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_classes_that_are_not_the_heads_are_refused(run, digits, tmp_path):
    digits_folder(tmp_path / "photos", digits, {3: "3", 5: "cat"})
    params = on_folder(run, tmp_path / "photos", tmp_path / "tfds")
    with pytest.raises(UserError, match=r"1 of the 2 classes of .* network's 10.*'cat'"):
        evaluation.evaluate(params, str(run[0]))
    params = configure.configure(params, override="task.model.num_classes=12")
    with pytest.raises(UserError, match="12 is not the 10 classes of the head"):
        evaluation.evaluate(params, str(run[0]))


def test_crops_are_corners_and_centre_and_their_mirror_images():
    images = tf.reshape(tf.range(7 * 9, dtype=tf.float32), (1, 7, 9, 1))
    views = evaluation.cut(images, (4, 6), 10)
    array = images.numpy()
    corners = [(0, 0), (0, 3), (3, 0), (3, 3), (1, 1)]
    for view, (y, x) in zip(views, corners, strict=False):
        np.testing.assert_array_equal(view, array[:, y : y + 4, x : x + 6])
    for view, mirrored in zip(views[:5], views[5:], strict=True):
        np.testing.assert_array_equal(view[:, :, ::-1], mirrored)
    assert len(evaluation.cut(images, (4, 6), 5)) == 5


def test_several_crops_are_averaged(run, trained, digits):
    """The five views, made by hand from the enlarged images."""
    params = configure.configure(
        model_dir.read_params(str(run[0])),
        override="task.validation_data.tfds_split=test[:12]",
    )
    found = evaluation.evaluate(params, str(run[0]), crops=5)
    larger = tf.image.resize((digits[0][:12] + 1) * 127.5, (37, 37), antialias=True) / 127.5 - 1
    shares = 0
    for y, x in [(0, 0), (0, 5), (5, 0), (5, 5), (2, 2)]:
        view = larger[:, y : y + 32, x : x + 32]
        shares += tf.nn.softmax(network.logits(trained.model(view, training=False))).numpy() / 5
    np.testing.assert_allclose(found.probabilities, shares, atol=1e-5)
    np.testing.assert_array_equal(found.labels, digits[1][:12])


def test_moved_and_mirrored_views_are_averaged(run, trained, digits):
    """The six views, made by hand with numpy."""
    params = configure.configure(
        model_dir.read_params(str(run[0])),
        override={
            "task": {
                "validation_data": {"tfds_split": "test[:12]"},
                "evaluation": {"mirrored": True, "shift": 2},
            }
        },
    )
    found = evaluation.evaluate(params, str(run[0]))
    images, shares = digits[0][:12], 0
    # numpy's border is a mirror at the pixel, as TensorFlow's.
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), "reflect")
    for at in (0, 2, 4):
        view = padded[:, at : at + 32, at : at + 32]
        for side in (view, view[:, :, ::-1]):
            shares += tf.nn.softmax(network.logits(trained.model(side, training=False))).numpy()
    np.testing.assert_allclose(found.probabilities, shares / 6, atol=1e-5)
    plain = tf.nn.softmax(network.logits(trained.model(images, training=False))).numpy()
    assert np.abs(found.probabilities - plain).max() > 1e-3


def test_the_table_and_the_picture(random, tmp_path):
    lines = list(evaluation.worst(random.by_class()))
    assert lines[0].split() == ["class", "images", "accuracy", "precision"]
    assert [line.split()[0] for line in lines[1:]] == list("abcdef")  # g has no image.
    few = list(evaluation.worst(random.by_class(), most=2))
    assert few[0] == "the 2 worst of 6 classes:"
    shown = [float(line.split()[2]) for line in few[2:]]
    everyone = sorted(row["accuracy"] for row in random.by_class() if row["images"])
    assert shown == pytest.approx(everyone[:2], abs=1e-4)
    evaluation.draw(random, str(tmp_path / "confusion.png"))
    with Image.open(tmp_path / "confusion.png") as picture:
        width, height = picture.size
    assert width > 300 and height > 300
    many = Evaluation(np.arange(200), np.eye(200, dtype="float32"), ("x",) * 200, 1)
    evaluation.draw(many, str(tmp_path / "many.png"))
    assert json.dumps(random.metrics())


def test_class_names_are_text_in_the_picture(tmp_path):
    """Which matplotlib would read as formulas, and as wrong ones."""
    names = (r"$100$ \frac{", "$", "a_$b", "${x")
    evaluation.draw(
        Evaluation(np.arange(4), np.eye(4, dtype="float32"), names, 1), str(tmp_path / "a.png")
    )
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_numbers_are_written_before_the_picture(run, tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("no picture")

    monkeypatch.setattr(evaluation, "draw", fails)
    if "checkpoint" not in flags.FLAGS:
        cli._define_flags()
    flags.FLAGS(["test"])
    output = tmp_path / "evaluation.json"
    with (
        flagsaver.flagsaver(mode="eval", model_dir=str(run[0]), output=str(output)),
        pytest.raises(RuntimeError, match="no picture"),
    ):
        cli._main(["cell-transfer"])
    assert json.loads(output.read_text())["images"] == 360


def test_photographs_that_lie_on_their_side_are_seen_upright(run, digits, tmp_path, caplog):
    """180 digits as they are, and stored turned: `eval` and `predict` say the same of all."""
    sideways = Image.Exif()
    sideways[0x0112] = 6  # To be turned clockwise by a quarter.
    pixels = np.round((digits[0][:180] + 1) * 127.5).astype("uint8")
    for i, (image, label) in enumerate(zip(pixels, digits[1], strict=False)):
        for name, turn in (("upright", None), ("turned", Image.Transpose.ROTATE_90)):
            folder = tmp_path / name / "test" / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(image)
            if turn is None:
                picture.save(folder / f"{i:03}.png")
            else:
                picture.transpose(turn).save(folder / f"{i:03}.png", exif=sideways)
    trained = checkpoints.open_classifier(str(run[0]))
    told = {}
    for name in ("upright", "turned"):
        params = on_folder(run, tmp_path / name, tmp_path / "tfds")
        found = evaluation.evaluate(params, str(run[0]))
        assert ("180 images were turned upright" in caplog.text) == (name == "turned")
        files = image_files.find_files([str(tmp_path / name)])
        assert image_files.check_files(files) == (180 if name == "turned" else 0)
        said = list(prediction.predict(trained, files, top=1))
        right = [int(p.guesses[0].name == pathlib.Path(p.file).parent.name) for p in said]
        assert found.metrics()["accuracy"] == np.mean(right)
        told[name] = found.metrics(), [p.guesses for p in said]
    assert told["upright"] == told["turned"]
    assert told["upright"][0]["accuracy"] > 0.3
