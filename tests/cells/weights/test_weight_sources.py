"""Weights of other libraries give the logits of those libraries."""

from __future__ import annotations

import os
import pathlib

import h5py
import keras
import numpy as np
import pytest
import tf_keras
from forked_commands import run_forked
from network_comparisons import photographs, randomise_statistics, relative
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from benchmarks.timm_oracle import ORACLE, difference_to_timm
from cells.genotype import catalogue
from cells.network.stack_config import StackConfig
from cells.support.errors import UserError
from cells.weights import import_weights, weights_file


@pytest.mark.parametrize(
    "model_name, genotype", [("nasnetalarge", "nasnet_a"), ("pnasnet5large", "pnasnet_5")]
)
def test_timms_logits(model_name, genotype, tmp_path):
    assert difference_to_timm(model_name, genotype, 224, tmp_path) <= 2e-4


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    """A Keras Applications weights file in its own layout, and what it predicts."""
    folder = tmp_path_factory.mktemp("keras_applications")
    model = tf_keras.applications.NASNetMobile(weights=None, classifier_activation=None)
    randomise_statistics(model)
    path = folder / "nasnet_mobile.h5"
    model.save_weights(path)
    x = photographs(224)
    features = tf_keras.Model(model.input, model.layers[-2].output)
    no_top = folder / "nasnet_mobile_no_top.h5"
    tf_keras.Model(model.input, model.layers[-3].output).save_weights(no_top)
    return path, no_top, x, np.asarray(model(x)), np.asarray(features(x))


def test_keras_applications_with_top(keras_file, tmp_path):
    path, _, x, logits, _ = keras_file
    imported = import_weights("keras_applications", str(path), "nasnet_a")
    assert "a head of 1000 classes" in imported.said
    # Through the file of this project, as people use it: the border rule travels with it.
    weights_file.write(imported.weights, tmp_path / "mobile.safetensors")
    again = weights_file.read(tmp_path / "mobile.safetensors")
    assert again.config == imported.weights.config and again.config.border_rule == "keras"
    assert relative(weights_file.build(again, keras)(x), logits) <= 2e-4


def test_keras_applications_without_top_and_with_other_classes(keras_file):
    path, no_top, x, _, features = keras_file
    imported = import_weights("keras_applications", str(no_top), "nasnet_a")
    assert "the file has no head" in imported.said
    model = weights_file.build(imported.weights, keras)
    assert relative(np.asarray(model(x)).mean(axis=(1, 2)), features) <= 2e-4
    imported = import_weights("keras_applications", str(path), "nasnet_a", num_classes=7)
    assert "the head of 1000 classes is left out" in imported.said
    assert imported.weights.config.num_classes is None


def test_the_command_writes_a_model_that_keras_alone_opens(keras_file, tmp_path):
    path, _, x, logits, _ = keras_file
    output = tmp_path / "mobile.keras"
    done = run_forked(
        *("cells", "import-weights", "--from=keras_applications"),
        *(f"--file={path}", "--genotype=nasnet_a", f"--output={output}"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert relative(keras.models.load_model(output)(x), logits) <= 2e-4


@pytest.fixture(scope="module")
def pnasnet_tensors():
    return {n: np.zeros(s, "float32") for n, s in ORACLE["pnasnet5large"]["keys"]}


def test_1001_classes(pnasnet_tensors, tmp_path):
    tensors = {
        **pnasnet_tensors,
        "last_linear.weight": np.zeros((1001, 4320), "float32"),
        "last_linear.bias": np.zeros(1001, "float32"),
    }
    save_file(tensors, tmp_path / "w.safetensors")
    imported = import_weights("timm", str(tmp_path / "w.safetensors"), "pnasnet_5")
    assert imported.weights.config.num_classes == 1001


def test_what_is_missing_over_or_misshapen_is_told(pnasnet_tensors, tmp_path):
    tensors = dict(pnasnet_tensors)
    del tensors["cell_3.conv_1x1.bn.bias"]
    tensors["cell_3.extra"] = np.zeros(3, "float32")
    tensors["conv_0.conv.weight"] = np.zeros((96, 3, 5, 5), "float32")
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(UserError) as caught:
        import_weights("timm", str(tmp_path / "w.safetensors"), "pnasnet_5")
    sentence = str(caught.value)
    assert "1 missing (cell_3.conv_1x1.bn.bias)" in sentence
    assert "1 over (cell_3.extra)" in sentence
    assert "conv_0.conv.weight is (5, 5, 3, 96) instead of (3, 3, 3, 96)" in sentence


@pytest.mark.parametrize(
    "value, fault",
    [
        (np.full((96, 3, 3, 3), np.nan, "float32"), "has 2,592 values that are not finite"),
        (np.full((96, 3, 3, 3), 1e300, "float64"), "has 2,592 values that are not finite"),
        (np.zeros((96, 3, 3, 3), "int64"), "is of type int64"),
        (np.zeros((96, 3, 3, 3), "bool"), "is of type bool"),
    ],
)
def test_arrays_that_cannot_be_weights_are_named(value, fault, pnasnet_tensors, tmp_path):
    save_file({**pnasnet_tensors, "conv_0.conv.weight": value}, tmp_path / "w.safetensors")
    with pytest.raises(UserError) as caught:
        import_weights("timm", str(tmp_path / "w.safetensors"), "pnasnet_5")
    assert f"1 unusable (conv_0.conv.weight {fault}" in str(caught.value)


def h5_file(path: pathlib.Path, layer_names, weight_names=(b"w",), kernel=(2, 3), **more):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = layer_names
        group = file.create_group("a")
        group.attrs["weight_names"] = weight_names
        group.create_dataset("w", kernel, **{"dtype": "float32", **more})
    return path


@pytest.mark.parametrize(
    "layer_names", ["a", 3.0, np.array([1.0, 2.0]), np.array([[b"a"]]), h5py.Empty("S1")]
)
def test_odd_names_of_layers_in_h5_files(layer_names, tmp_path):
    path = h5_file(tmp_path / "odd.h5", layer_names)
    with pytest.raises(UserError, match=r"odd\.h5: damaged, or no \.h5 weights file"):
        import_weights("keras_applications", str(path), "nasnet_a")


def test_an_h5_data_set_is_not_believed_to_be_larger_than_its_file(tmp_path):
    declared = {"kernel": (2**40, 2**10), "chunks": (2**10, 2**10)}
    path = h5_file(tmp_path / "huge.h5", np.array([b"a"]), **declared)
    assert path.stat().st_size < 10_000
    with pytest.raises(UserError, match="/a/w is declared with 4,503,599,627,370,496 bytes"):
        import_weights("keras_applications", str(path), "nasnet_a")


@pytest.mark.parametrize(
    "changed, fault",
    [
        ({"stack": "[" * 100_000}, "nested too deeply"),
        ({"stack": "[1]"}, "its description is damaged"),
        ({"stack": '{"image_size": null, "filters": "x"}'}, "filters: 'x' is not a whole number"),
        ({"genotype": "{}"}, "format_version: is missing"),
    ],
)
def test_own_files_with_a_damaged_description_are_named(changed, fault, tmp_path):
    genotype, path = catalogue.load("darts_v1"), tmp_path / "own.safetensors"
    weights_file.write(weights_file.WeightsFile(genotype, StackConfig(), {}), path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file({"a/0": np.zeros(3, "float32")}, path, {**metadata, **changed})
    with pytest.raises(UserError, match=fault) as caught:
        weights_file.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    save_file({"a/0": np.zeros(3, "int32")}, path, metadata)
    with pytest.raises(UserError, match=r"own\.safetensors: a/0 is of type int32"):
        weights_file.read(path)


def test_pipes_are_not_waited_for(tmp_path):
    for source, name in (("timm", "a.safetensors"), ("timm", "a.pth"), ("keras_applications", "a")):
        os.mkfifo(tmp_path / name)
        with pytest.raises(UserError, match="is not an ordinary file"):
            import_weights(source, str(tmp_path / name), "nasnet_a")


def test_damaged_and_hostile_files(keras_file, tmp_path):
    h5 = tmp_path / "cut.h5"
    h5.write_bytes(keras_file[0].read_bytes()[:100_000])
    safetensors = tmp_path / "cut.safetensors"
    save_file({"a": np.zeros(1000, "float32")}, safetensors)
    safetensors.write_bytes(safetensors.read_bytes()[:-100])
    pickle = tmp_path / "weights.pth"
    pickle.write_bytes(b"cposix\nsystem\n(S'touch /tmp/pwned'\ntR.")
    for source, path, genotype, sentence in (
        ("keras_applications", h5, "nasnet_a", "damaged, or no .h5"),
        ("timm", safetensors, "nasnet_a", "damaged, or no safetensors file"),
        ("timm", pickle, "nasnet_a", "weights.pth: "),
        ("timm", tmp_path / "nowhere.safetensors", "nasnet_a", "there is no such weights file"),
        ("keras_applications", keras_file[0], "pnasnet_5", "it has them for nasnet_a"),
        ("torchvision", h5, "nasnet_a", "unknown 'torchvision'"),
        ("timm", keras_file[0], "nasnet_a", "damaged, or no safetensors file"),
    ):
        with pytest.raises(UserError) as caught:
            import_weights(source, str(path), genotype)
        assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert not pathlib.Path("/tmp/pwned").exists()


def test_a_foreign_safetensors_file_is_no_weights_file(tmp_path):
    save_file({"a": np.zeros(3, "float32")}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="no weights file of this project"):
        weights_file.read(tmp_path / "a.safetensors")
    assert set(load_file(tmp_path / "a.safetensors")) == {"a"}
