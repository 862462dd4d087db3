"""Whole networks in the transfer stage: training, evaluation, files, weights, what is refused."""

from __future__ import annotations

import dataclasses
import importlib.util

import keras
import pytest
import tensorflow as tf
import yaml
from network_comparisons import relative

import cells
import transfer
from cells.kinds import files
from cells.layerwise.network import Layer, LayerwiseNetwork
from cells.operations.counts import summarize
from cells.support.errors import UserError
from transfer.config.cells_backbone import CellBackbone
from transfer.model import network
from transfer.runs import initial_weights, model_dir
from transfer.runs.configuration import read_params

#: Strides, skips, a layer that nobody reads, and maps of three sizes that are joined.
NETWORK = LayerwiseNetwork(
    "mine",
    (
        Layer(3, 3, 8, (), 2, 2),
        Layer(5, 1, 6, (1,)),
        Layer(3, 3, 8, (1, 2), 2, 1),
        Layer(3, 3, 12, (0, 3), 3, 3),
        Layer(3, 3, 8, (1, 3)),
    ),
)


def settings(digits_dir, **cells_values) -> dict:
    data = {"tfds_name": "digits", "tfds_data_dir": str(digits_dir)}
    return {
        "task": {
            "model": {"cells": {"network": "cifar", **cells_values}, "input_size": [16, 16, 3]},
            "train_data": {**data, "global_batch_size": 32, "aug_rand_hflip": False},
            "validation_data": {**data, "global_batch_size": 180},
        },
        "trainer": {
            "train_steps": 20,
            "optimizer_config": {
                "learning_rate": {"cosine": {"initial_learning_rate": 0.1}},
            },
        },
    }


@pytest.fixture(scope="module")
def folder(digits_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    files.write(NETWORK, folder / "network.json")
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(settings(digits_dir, genotype="network.json")))
    result = transfer.train(folder / "run", config_file=config, evaluate=True)
    assert result.steps == 20 and result.evaluation.split == "test"
    return folder


def test_a_run_keeps_its_network(folder):
    assert files.read(folder / "run" / "genotype.json") == NETWORK
    # The same file under another name is the same network, another one is not.
    files.write(dataclasses.replace(NETWORK, name="same"), folder / "same.json")
    other = dataclasses.replace(NETWORK, layers=NETWORK.layers[:4])
    files.write(other, folder / "other.json")
    model_dir.check_genotype(str(folder / "run"), str(folder / "same.json"))
    with pytest.raises(UserError, match="has other cells than mine"):
        model_dir.check_genotype(str(folder / "run"), str(folder / "other.json"))


def test_exported_files_are_of_standard_layers_and_agree(folder, digits):
    kinds = ["keras", "weights", "saved_model", "tflite"]
    kinds += ["onnx"] if importlib.util.find_spec("tf2onnx") else []
    transfer.export(folder / "run", folder / "exported", formats=kinds)
    model = keras.models.load_model(folder / "exported" / "classifier.keras")
    assert all(type(layer).__module__.startswith("keras.src.") for layer in model.layers)
    images = tf.image.resize(digits[0][:9], (16, 16)).numpy()
    expected = model(images).numpy()
    loaded = tf.saved_model.load(str(folder / "exported" / "saved_model"))
    scaled = loaded.signatures["scaled"]
    (name,) = scaled.structured_input_signature[1]
    assert relative(scaled(**{name: tf.constant(images)})["logits"], expected) < 1e-4
    weights = next((folder / "exported").glob("*.safetensors"))
    built = cells.build(NETWORK, weights=weights, classifier_activation=None)
    assert relative(built(images), expected) < 1e-5
    named = cells.build(NETWORK, "cifar", weights=weights, classifier_activation=None)
    assert relative(named(images), expected) < 1e-5
    assert cells.summarize(NETWORK, input_shape=(16, 16, 3)) == summarize(
        NETWORK.layout((16, 16), 10), ("logits",), (16, 16)
    )
    # From these weights a training goes on that names no network.
    config = settings(folder, genotype="")
    config["task"]["init_checkpoint"] = str(weights)
    params = read_params(params_override=config)
    initial_weights.complete(params.task)
    assert params.task.model.cells.load_genotype() == NETWORK
    initial_weights.check(str(weights), params.task.model.replace(num_classes=10))


def test_what_is_of_cells_is_refused(folder, digits_dir):
    def layout(**values):
        config = settings(digits_dir, genotype=str(folder / "network.json"), **values)
        params = read_params(params_override=config)
        params.task.model.num_classes = 10
        return network.layout(params.task.model)

    assert layout()[0] == NETWORK
    # N = 2 and F = 16 are what the experiment has anyway.
    of_cells = {"normal_cells": (2, 3), "filters": (16, 32), "drop_path_keep": (0.9,)}
    of_cells |= {"empty_group": (2,)}
    of_cells |= {"stem_filters": (1,), "skip_reduction": (False, True), "border_rule": ("timm",)}
    for field, value in ((name, value) for name in of_cells for value in of_cells[name]):
        with pytest.raises(UserError, match=f"{field}: is for networks stacked of cells, and mine"):
            layout(**{field: value})
    with pytest.raises(UserError, match="mine is a layer-wise network of 5 layers, and detectors"):
        CellBackbone(genotype=str(folder / "network.json")).load_genotype()
