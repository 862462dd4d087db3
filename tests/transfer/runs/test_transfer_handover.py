"""Weights handed over: to another head or image size, to a fresh process, to the same run again."""

from __future__ import annotations

import shutil
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from forked_commands import run_forked
from official.core import train_utils
from transfer_runs import LIGHT, TINY, params

from cells.genotype import genotype_file
from cells.support.errors import UserError
from cells.weights.by_layer import weighted_layers
from transfer.config import configure
from transfer.model import network
from transfer.runs import model_dir
from transfer.training import checkpoints, complete, runner
from transfer.training.task import ClassificationTask


def opened(run, override):
    own = model_dir.read_params(str(run[0]))
    return checkpoints.open_trained(
        str(run[0]), params=configure.configure(own, override=override)
    ).model


def layers(model):
    return {layer.name: layer.get_weights() for layer in weighted_layers(model)}


@pytest.mark.parametrize(
    ("override", "initial"),
    [
        # The last kernel of the auxiliary head is as large as its map.
        ("task: {model: {input_size: [48, 48, 3]}}", {"auxiliary_whole_conv"}),
        ("task.model.num_classes=7", {"auxiliary_logits", "logits"}),
        ("task.model.auxiliary_head=false", set()),
    ],
)
def test_a_checkpoint_opens_for_another_head_and_size(run, trained, override, initial):
    given, wanted = layers(opened(run, override)), layers(trained.model)
    assert given.keys() == {
        name for name in wanted if "auxiliary_head" not in override or "auxiliary" not in name
    }
    for name, values in given.items():
        same = all(np.array_equal(a, b) for a, b in zip(values, wanted[name], strict=True))
        assert same == (name not in initial), name


def test_an_auxiliary_head_of_1000_classes_loads_into_a_network_of_7(digits_dir, tmp_path, caplog):
    """The checkpoint of a run whose two heads have 1000 classes."""
    settings = configure.configure(
        configure.experiment(),
        override="task: {model: {auxiliary_head: true, num_classes: 1000, cells: {network: cifar, "
        "normal_cells: 1, filters: 16}}, train_data: {tfds_name: digits}, "
        "validation_data: {tfds_name: digits}}",
        genotype=TINY,
        data_dir=str(digits_dir),
    )
    names = complete.resolve(settings)
    folder = str(tmp_path / "thousand")
    model_dir.prepare(folder, settings, names)
    task = ClassificationTask(settings.task)
    source = train_utils.create_trainer(settings, task, train=False, evaluate=False)
    tf.train.CheckpointManager(source.checkpoint, folder, 1).save(0)

    target = params(digits_dir, "task.model.num_classes=7,task.model.auxiliary_head=false")
    target.task.model.cells.drop_path_steps = 1
    target.task.init_checkpoint = folder
    task = ClassificationTask(target.task)
    model = task.build_model()
    head = model.get_layer("logits").get_weights()
    task.initialize(model)
    given, wanted = layers(model), layers(source.model)
    assert wanted["auxiliary_logits"][0].shape[-1] == 1000
    wanted["logits"] = head
    for name, values in given.items():
        for value, right in zip(values, wanted[name], strict=True):
            np.testing.assert_array_equal(value, right)
    (line,) = [r.getMessage() for r in caplog.records if "loaded the weights" in r.getMessage()]
    assert f"loaded the weights of {len(given) - 1} layers; " in line
    assert "1 of another shape, so initial: logits; " in line
    assert "of the source, not used: auxiliary_" in line


OPEN = """
    import sys
    import numpy as np
    from transfer.model import network
    from transfer.training import checkpoints

    trained = checkpoints.open_trained(sys.argv[1])
    logits = network.logits(trained.model(np.load(sys.argv[2]), training=False))
    np.save(sys.argv[3], logits)
"""


def test_a_fresh_process_predicts_the_same(run, trained, digits, tmp_path):
    images = digits[0][:16]
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "opening.py").write_text(textwrap.dedent(OPEN))
    moved = tmp_path / "moved"  # The folder is complete by itself.
    shutil.copytree(run[0], moved)
    arguments = [str(moved), str(tmp_path / "images.npy"), str(tmp_path / "logits.npy")]
    done = run_forked("opening", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = network.logits(trained.model(images, training=False)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, rtol=1e-5, atol=1e-5)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(digits_dir, tmp_path, capsys):
    """Momenta, averages and step come back: all steps see one batch, and nothing is random."""
    settings = (
        "task: {model: {auxiliary_head: false, cells: {filters: 4, drop_path_keep: 1.0}}, "
        "train_data: {tfds_split: 'train[:32]', shuffle_buffer_size: 1, cycle_length: 1}}\n"
        "trainer: {train_steps: 8, steps_per_loop: 2, summary_interval: 2, checkpoint_interval: 4}"
    )
    folder = tmp_path / "model"
    runner.run(params(digits_dir, settings, LIGHT), "train", str(folder))
    shutil.copytree(folder, tmp_path / "whole")
    before = tf.train.load_checkpoint(str(tmp_path / "whole" / "ckpt-8"))
    (data_file,) = folder.glob("ckpt-8.data*")
    data_file.write_bytes(b"")
    runner.run(params(digits_dir, settings, LIGHT), "train", str(folder))
    assert "continues at step 6 of 8" in capsys.readouterr().out  # The last that was saved.
    after = tf.train.load_checkpoint(str(folder / "ckpt-8"))
    names = before.get_variable_to_dtype_map()
    assert names == after.get_variable_to_dtype_map()
    for kind in ("/average/", "/momentum/", "/iter/"):
        assert any(kind in name for name in names)
    for name, dtype in names.items():
        if dtype.is_floating or "iter" in name or "global_step" in name:
            np.testing.assert_allclose(
                after.get_tensor(name), before.get_tensor(name), rtol=1e-3, atol=1e-5, err_msg=name
            )


def test_a_genotype_of_other_cells_is_refused(run, digits_dir):
    own = model_dir.read_params(str(run[0]))
    other = configure.configure(own, genotype="pnasnet_5")
    with pytest.raises(UserError, match=r"PNASNet-5 .* has other cells than tiny"):
        checkpoints.open_trained(str(run[0]), params=other)
    settings = params(digits_dir, genotype="amoebanet_a")
    settings.task.init_checkpoint = str(run[0])
    with pytest.raises(UserError, match=r"holds the cells of tiny, which are others than"):
        complete.resolve(settings)


def test_weights_of_a_file_are_taken_where_the_border_rule_is_the_same(
    trained, digits_dir, tmp_path
):
    from cells.weights import weights_file

    genotype, stack = network.layout(trained.params.task.model)
    path = str(tmp_path / "weights.safetensors")
    values = layers(trained.model)
    weights_file.write(weights_file.WeightsFile(genotype, stack, values), path)
    settings = params(digits_dir, "task.model.num_classes=13")
    settings.task.init_checkpoint = path
    complete.resolve(settings)
    task = ClassificationTask(settings.task)
    model = task.build_model()
    task.initialize(model)
    np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights(), values["stem_conv"])
    settings.task.model.cells.border_rule = "timm"
    with pytest.raises(UserError, match="was trained with the border rule 'tensorflow'"):
        complete.resolve(settings)
    assert genotype_file.read(TINY) == weights_file.read(path).genotype
