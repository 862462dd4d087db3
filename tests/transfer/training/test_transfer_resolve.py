"""Configurations: what is filled in, what is refused, and in which words."""

from __future__ import annotations

import copy
import dataclasses
import pathlib

import folders
import pytest
import yaml

from cells.genotype import catalogue
from cells.kinds import files as kinds
from cells.network import presets
from cells.network.stack import stack
from cells.operations.counts import summarize
from cells.support.errors import UserError
from transfer.config import configure, experiments
from transfer.config.cells_backbone import CellStack
from transfer.model import network
from transfer.runs import model_dir
from transfer.summary import summary
from transfer.training import complete


def digits(digits_dir, override: str = "", experiment: str = configure.DEFAULT_EXPERIMENT):
    params = configure.experiment(experiment)
    for side in (params.task.train_data, params.task.validation_data):
        side.tfds_name = "digits"
        side.tfds_skip_decoding_feature = ""
    params.task.validation_data.tfds_split = "test"
    return configure.configure(params, override=override, data_dir=str(digits_dir))


def test_what_follows_from_other_settings_is_filled_in(digits_dir):
    params = digits(digits_dir, "trainer.train_steps=70,trainer.steps_per_loop=10")
    names = complete.resolve(params)
    assert names == tuple("0123456789")
    assert params.task.model.num_classes == 10
    assert params.task.model.cells.drop_path_steps == 70
    assert params.trainer.optimizer_config.learning_rate.cosine.decay_steps == 70
    assert params.runtime.num_gpus >= 0


def test_more_classes_than_the_data_has_are_allowed(digits_dir):
    params = digits(digits_dir, "task.model.num_classes=12")
    assert complete.resolve(params)[-3:] == ("9", "10", "11")
    assert params.task.evaluation.top_k == 5


REFUSED = {
    "task.model.num_classes=4": "less than the 10 classes of digits; use 0",
    "task: {model: {input_size: [32, 32]}}": "input_size: has 2 entries; give 3",
    "task: {model: {input_size: [32, 32, 4]}}": "with 1 or 3 channels",
    "task: {model: {input_size: [2, 2, 3]}}": "2x2 is too small .* use at least",
    "task.model.cells.network=imagenet": "unknown 'imagenet'; did you mean",
    "task.model.cells.genotype=nasnet_b": "did you mean 'nasnet_a'",
    "task: {model: {cells: {filters: null, penultimate_filters: 100}}}": (
        "100 is not a multiple of 24"
    ),
    "task.model.cells.filters=0": "filters",
    "task.model.cells.drop_path_keep=1.5": "drop_path_keep: 1.5 is too large; use at most 1",
    "task.train_data.aug_crop=true": "train_data: aug_crop and aug_shift are two ways to crop",
    "task.train_data.tfds_name='',task.model.num_classes=10": "train_data: needs either tfds_name",
    "task.train_data.tfds_name=digit": "digit",
    "task.validation_data.tfds_split=tset": "no split 'tset': did you mean 'test'",
    "task.train_data.tfds_split=train[5:5]": "holds no example",
    "task.train_data.global_batch_size=0": "global_batch_size: 0 is too small; use at least 1",
    "task.train_data.repeated_augment=3": "repeated_augment: is not supported",
    "task: {train_data: {mixup_and_cutmix: {prob: 0.5}}}": "soft_labels=true",
    "task: {losses: {one_hot: false, label_smoothing: 0.1}}": "no effect without",
    "task.losses.label_smoothing=1.0": "label_smoothing: 1.0 is too large; use less than 1",
    "task.losses.l2_weight_decay=-1.0": "l2_weight_decay: -1.0 is too small; use at least 0",
    "task.init_checkpoint=/nowhere": "/nowhere is not the folder of a run",
    "task.unfreeze_every=5,task.model.baseline=resnet_50": "resnet_50 has no groups of cells",
    "task.unfreeze_every=5": "there are none without task.init_checkpoint",
    "task.model.cells.genotype=''": "task.init_checkpoint: is needed",
    "task.train_data.max_damaged=-1": "max_damaged: -1 is too small; use at least 0",
    "trainer.train_steps=0": "^trainer.train_steps: is 0, and has to be > 0$",
    "trainer.steps_per_loop=300": "summary_interval: 100 is not a multiple",
    "trainer: {optimizer_config: {optimizer: {type: rmsprob}}}": "did you mean 'rmsprop'",
    "trainer: {optimizer_config: {learning_rate: {type: cosin}}}": "did you mean 'cosine'",
    "trainer: {optimizer_config: {warmup: {type: linear, linear: {warmup_steps: 5000}}}}": (
        "5000 are not fewer than the 2000"
    ),
    "runtime.distribution_strategy=mirorred": "did you mean 'mirrored'",
    "runtime.mixed_precision_dtype=float": "mixed_precision_dtype: unknown 'float'",
    "runtime.num_gpus=64": "64 GPUs are asked for and .* visible",
    "runtime.num_gpus=-3": "num_gpus: -3 is too small; use at least -1",
    "task.train_data.apply_tf_data_servicparallel_trainers=1": "there is no such key; did you mean",
    "task.modell.num_classes=3": r"task.modell: there is no such key; did you mean 'model'",
}


#: What only the data know.
BY_DATA = {key for key in REFUSED if key.endswith(("num_classes=4", "=tset", "[5:5]"))}


@pytest.mark.parametrize("override", REFUSED)
def test_refused_in_one_sentence_before_any_data_are_made(digits_dir, tmp_path, override):
    folder = digits_dir if override in BY_DATA else tmp_path / "data"
    with pytest.raises(UserError, match=REFUSED[override]) as error:
        complete.resolve(digits(folder, override))
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_converted_for_a_split_that_it_will_not_have(tmp_path):
    photos = folders.write(tmp_path / "photos", {"red": 4, "green": 4})
    sides = f"{{tfds_name: {photos}, tfds_split: "
    override = f"task: {{train_data: {sides}train}}, validation_data: {sides}tset}}}}"
    with pytest.raises(UserError, match=r"no split 'tset': did you mean 'test'.* has train, test,"):
        complete.resolve(digits(tmp_path / "data", override))
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_unknown_experiment_names_the_near_ones():
    with pytest.raises(UserError, match="did you mean 'cells_cifar10'"):
        configure.experiment("cells_cifar")


def test_a_file_names_its_experiment_and_the_flag_may_not_name_another(tmp_path):
    file, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text("experiment: cells_cifar10\ntrainer: {train_steps: 5}\n")
    other.write_text("trainer: {train_steps: 6}\n")
    assert configure.experiment_of([file, other]) == "cells_cifar10"
    assert configure.experiment_of([file], "cells_cifar10") == "cells_cifar10"
    assert configure.experiment_of([other]) is None
    with pytest.raises(UserError, match=r"cells_imagenet_large in the argument, cells_cifar10 in"):
        configure.experiment_of([file], "cells_imagenet_large")
    params = configure.configure(configure.experiment("cells_cifar10"), files=[file])
    assert params.trainer.train_steps == 5
    assert params.task.losses.l2_weight_decay == 5e-4


CONFIGS = sorted((pathlib.Path(__file__).parents[3] / "configs" / "transfer").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_file_is_a_recipe_that_holds_together(path, digits_dir, run):
    """It opens with purpose, command, hardware, time and accuracy, and passes all checks."""
    opening = "".join(line for line in path.read_text().splitlines(True) if line[0] == "#")
    for word in ("Command:", "--config_file=configs/transfer/" + path.name, "Hardware:", "Time"):
        assert word in opening
    assert "ccuracy" in opening and ("measured" in opening or "quoted" in opening)
    params = configure.configure(
        configure.experiment(configure.experiment_of([path])), files=[path]
    )
    for side, split in ((params.task.train_data, "train"), (params.task.validation_data, "test")):
        side.tfds_name, side.tfds_data_dir, side.tfds_split = "digits", str(digits_dir), split
    if params.task.unfreeze_every:
        params.task.init_checkpoint = str(run[0])
    complete.resolve(params)


def test_a_genotype_is_found_beside_the_file_that_names_it(tmp_path, monkeypatch):
    kinds.write(catalogue.load("pnasnet_5"), tmp_path / "found" / "genotype.json")
    file = tmp_path / "found" / "train.yaml"
    file.write_text(yaml.safe_dump({"task": {"model": {"cells": {"genotype": "genotype.json"}}}}))
    monkeypatch.chdir(tmp_path)
    params = configure.configure(configure.experiment(), files=["found/train.yaml"])
    assert catalogue.find(params.task.model.cells.genotype) == catalogue.load("pnasnet_5")


def test_the_genotype_flag_is_applied_last():
    params = configure.configure(
        configure.experiment(),
        override="task.model.cells.genotype=pnasnet_5",
        genotype="nasnet_a",
    )
    assert params.task.model.cells.genotype == "nasnet_a"


def test_a_configuration_carries_its_genotype(tmp_path):
    file = tmp_path / "genotype.json"
    kinds.write(catalogue.load("pnasnet_5"), file)
    cells = CellStack(genotype=str(file))
    assert cells.load_genotype() == catalogue.load("pnasnet_5")
    file.unlink()  # From here on nobody reads it.
    for copied in (cells, copy.deepcopy(cells), cells.replace(filters=8)):
        assert copied.load_genotype() == catalogue.load("pnasnet_5")
        assert "pnasnet_5" not in str(copied.as_dict()) and copied.genotype == str(file)
    cells.genotype = "nasnet_a"
    assert cells.load_genotype() == catalogue.load("nasnet_a")
    cells.genotype = str(file)
    with pytest.raises(UserError, match="there is no such genotype file"):
        cells.load_genotype()


def test_cells_of_no_file_are_trained_and_kept(tmp_path, digits_dir):
    cells = dataclasses.replace(catalogue.load("enas"), name="mine")
    params = configure.configure(digits(digits_dir), genotype=cells)
    names = complete.resolve(params)
    model_dir.prepare(str(tmp_path / "run"), params, names)
    assert model_dir.genotype(str(tmp_path / "run")) == cells
    assert params.task.model.cells.genotype == str(tmp_path / "run" / "genotype.json")
    assert model_dir.read_params(str(tmp_path / "run")).task.model.cells.load_genotype() == cells


@pytest.mark.parametrize("name", experiments.NAMES)
def test_the_recipes_hold_together(digits_dir, run, name):
    """Every experiment passes its own checks, on a data set that everybody has."""
    params = digits(digits_dir, experiment=name)
    if params.task.unfreeze_every:
        params.task.init_checkpoint = str(run[0])
    complete.resolve(params)


# Fact sheet: trainable, total, multiply-adds; auxiliary head's trainable and total.
PUBLISHED = {
    "cells_imagenet_mobile": (5_289_978, 5_326_716, 563_638_816, 2_411_240, 2_413_032),
    "cells_imagenet_large": (88_753_150, 88_949_818, 23_783_414_658, 4_567_784, 4_569_576),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_recipes_train_the_published_networks(name):
    params = configure.configure(configure.experiment(name), override="task.model.num_classes=1000")
    counts = summary(params)
    keys = ("trainable", "total", "multiply_adds", "auxiliary_trainable", "auxiliary_total")
    assert tuple(counts[key] for key in keys) == PUBLISHED[name]


def test_the_layout_is_that_of_every_other_stage():
    params = configure.configure(
        configure.experiment(),
        override="task.model.num_classes=7,task.model.input_size=[40, 48, 3]",
    )
    genotype, config = network.layout(params.task.model)
    own = presets.configure(
        catalogue.load("nasnet_a"),
        "cifar",
        image_size=(40, 48),
        normal_cells=2,
        filters=16,
        num_classes=7,
    )
    ours, theirs = (stack(genotype, c) for c in (config, own))
    assert [n.name for n in ours.needed(["logits"])] == [n.name for n in theirs.needed(["logits"])]
    assert summarize(ours, ("logits",), (40, 48)) == summarize(theirs, ("logits",), (40, 48))
