"""Exported files, opened by their own runtimes and compared with the trained network."""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from cells.support.errors import UserError
from cells.weights import weights_file
from transfer import cli
from transfer.exporting import export, formats, keras_file
from transfer.model import network

KINDS = ("keras", "weights", "saved_model", "tflite", "tflite_int8")


@pytest.fixture(scope="module")
def pixels(digits):
    return np.round((digits[0] + 1) * 127.5).astype("uint8")


@pytest.fixture(scope="module")
def expected(trained, digits):
    return network.logits(trained.model(digits[0], training=False)).numpy()


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "files"
    return folder, export.export(str(run[0]), str(folder), formats=KINDS)


def test_the_folder_holds_what_was_asked_for_and_nothing_else(exported):
    folder, told = exported
    files = {formats.FORMATS[kind].file for kind in KINDS}
    assert {path.name for path in folder.iterdir()} == files | {"labels.txt", "classifier.json"}
    assert json.loads((folder / "classifier.json").read_text()) == told
    assert (folder / "labels.txt").read_text() == "".join(f"{i}\n" for i in range(10))
    assert told["compared_on"] == "100 real images"
    assert set(told["files"]) == set(KINDS)
    for kind, file in told["files"].items():
        assert file["top_1_agreement"] >= formats.FORMATS[kind].agreement
    assert not list(folder.parent.glob(".export*"))


def test_files_that_are_compared_on_random_images_are_told(run, tmp_path, caplog):
    shutil.copytree(run[0], tmp_path / "run")
    params = tmp_path / "run" / "params.yaml"
    values = yaml.safe_load(params.read_text())
    values["task"]["validation_data"]["tfds_name"] = "gone"
    params.write_text(yaml.safe_dump(values))
    told = export.export(str(tmp_path / "run"), str(tmp_path / "files"), formats=["weights"])
    assert told["compared_on"] == "2 random images"
    assert "compared on two random images" in caplog.text and "gone" in caplog.text


def test_the_saved_model_takes_pixels_or_scaled_images_and_holds_the_labels(
    exported, pixels, digits, expected
):
    path = exported[0] / "saved_model"
    loaded = tf.saved_model.load(str(path))
    assert set(loaded.signatures) == {"serving_default", "scaled"}
    assert not loaded.signatures["serving_default"].variables  # All are constants.
    given = tf.constant(pixels[:9], tf.float32)
    told = loaded.signatures["serving_default"](pixels=given)
    np.testing.assert_allclose(told["logits"], expected[:9], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        told["probabilities"], tf.nn.softmax(expected[:9]), rtol=1e-4, atol=1e-4
    )
    told = loaded.signatures["scaled"](scaled_images=tf.constant(digits[0][:9]))
    np.testing.assert_allclose(told["logits"], expected[:9], rtol=1e-4, atol=1e-4)
    assert (path / "assets.extra" / "labels.txt").read_text().split() == list("0123456789")


@pytest.mark.parametrize("kind", ["tflite", "tflite_int8"])
def test_tflite_files_say_what_the_network_says(exported, pixels, expected, kind):
    """In the interpreter itself: on all 360 test images, the same class for at least 95 %."""
    path = exported[0] / formats.FORMATS[kind].file
    interpreter = tf.lite.Interpreter(model_path=str(path))
    (details,) = interpreter.get_input_details()
    types = [tensor["dtype"] for tensor in interpreter.get_tensor_details()]
    assert details["dtype"] == (np.uint8 if kind == "tflite_int8" else np.float32)
    assert types.count(np.int8) > len(types) / 2 if kind == "tflite_int8" else np.int8 not in types
    given = formats.FORMATS[kind].open(str(path))(pixels)
    assert np.mean(given.argmax(-1) == expected.argmax(-1)) >= 0.95
    if kind == "tflite":
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-3)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.read("labels.txt").split() == [str(i).encode() for i in range(10)]
    sizes = {k: (exported[0] / formats.FORMATS[k].file).stat().st_size for k in KINDS[3:]}
    assert sizes["tflite_int8"] < sizes["tflite"]


OPENS = """
import sys, numpy, keras
given, told = sys.argv[2:]
model = keras.models.load_model(sys.argv[1])
numpy.save(told, keras.ops.convert_to_numpy(model(numpy.load(given))))
print(keras.backend.backend(), "transfer" in sys.modules, "cells" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_keras_file_opens_with_keras_alone(backend, exported, digits, expected, tmp_path):
    """With each backend that is installed, in a process that knows nothing of this project."""
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    np.save(tmp_path / "given.npy", digits[0][:5])
    files = [exported[0] / "classifier.keras", tmp_path / "given.npy", tmp_path / "told.npy"]
    done = subprocess.run(
        [sys.executable, "-c", OPENS, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [backend, "False", "False"]
    told = np.load(files[-1])
    np.testing.assert_allclose(told, expected[:5], rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_keras_file_has_no_setting_that_earlier_versions_refuse(exported):
    """Those that are left out have the defaults of the version that is installed."""
    with zipfile.ZipFile(exported[0] / "classifier.keras") as archive:
        text = archive.read("config.json").decode()
    assert not [name for name in keras_file._YOUNGER if f'"{name}"' in text]
    kinds = (keras.layers.BatchNormalization, keras.layers.Dense, keras.initializers.GlorotUniform)
    known = {
        name: parameter.default
        for kind in kinds
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
    }
    assert {name: known[name] for name in keras_file._YOUNGER} == keras_file._YOUNGER
    told = json.loads((exported[0] / "classifier.json").read_text())
    assert told["files"]["keras"]["opens_with"] == "keras>=3.5"


@pytest.mark.skipif(
    "CELLS_OLD_KERAS" not in os.environ,
    reason="CELLS_OLD_KERAS names no interpreter that has the least version of Keras",
)
def test_the_keras_file_opens_with_the_least_version_that_is_promised(
    exported, digits, expected, tmp_path
):
    """In an environment of its own, such as one of `pip install keras==3.5.0 tensorflow-cpu`."""
    np.save(tmp_path / "given.npy", digits[0][:5])
    files = [exported[0] / "classifier.keras", tmp_path / "given.npy", tmp_path / "told.npy"]
    code = f"{OPENS}\nprint(keras.__version__)"
    done = subprocess.run(
        [os.environ["CELLS_OLD_KERAS"], "-c", code, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1].startswith(f"{keras_file.LEAST_VERSION}.")
    np.testing.assert_allclose(np.load(files[-1]), expected[:5], rtol=1e-4, atol=1e-5)


def test_the_weights_file_is_the_network(exported, digits, expected):
    """JSON of the cells and weights, as other commands read them."""
    import keras

    weights = weights_file.read(exported[0] / "classifier.safetensors")
    assert weights.genotype.name == "tiny" and not weights.config.auxiliary_head
    model = weights_file.build(weights, keras)
    np.testing.assert_allclose(model(digits[0][:5]), expected[:5], rtol=1e-5, atol=1e-5)


def test_a_file_that_says_something_else_is_not_written(expected):
    assert export.compare("keras", expected, expected.copy()) == {
        "top_1_agreement": 1.0,
        "largest_difference": 0.0,
    }
    off = expected + 0.001 * np.abs(expected).max()
    with pytest.raises(UserError, match=r"keras differs from the trained .* up to 1\.0e-03 of"):
        export.compare("keras", expected, off)
    assert export.compare("tflite_int8", expected, off)["top_1_agreement"] == 1.0
    turned = expected.copy()
    turned[:90] = -turned[:90]
    with pytest.raises(UserError, match=r"agrees on 75\.0% of the images"):
        export.compare("tflite_int8", expected, turned)


def test_an_onnx_file_says_what_the_network_says(run, pixels, expected, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    export.export(str(run[0]), str(tmp_path), formats=("onnx",))
    session = onnxruntime.InferenceSession(str(tmp_path / "classifier.onnx"))
    (logits,) = session.run(["logits"], {"pixels": pixels[:7].astype("float32")})
    np.testing.assert_allclose(logits, expected[:7], rtol=1e-4, atol=1e-4)
    labels = session.get_modelmeta().custom_metadata_map["labels.txt"]
    assert labels.split() == list("0123456789")


def test_a_format_that_is_not_installed_is_told_first(run, tmp_path):
    if importlib.util.find_spec("tf2onnx"):
        pytest.skip("ONNX is installed")
    with pytest.raises(UserError, match=r"onnx needs tf2onnx .*transferable-cells\[onnx\]"):
        export.export(str(run[0]), str(tmp_path / "out"), formats=("keras", "onnx"))
    assert not list(tmp_path.iterdir())


def test_the_help_names_the_formats_that_there_are():
    assert tuple(formats.FORMATS) == cli.FORMATS


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^output: .* cannot be written"):
        export.export(str(run[0]), str(tmp_path / "file" / "out"), formats=("weights",))
