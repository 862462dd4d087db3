"""Whole runs on the embedded digits, through the command line where processes matter."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import yaml
from forked_commands import begin_forked
from transfer_runs import LIGHT, SETTINGS, STEPS, TINY, command, params

from cells.genotype import catalogue, genotype_file
from cells.kinds import files as kinds
from cells.support.errors import UserError
from cells.weights.by_layer import move_weights, weighted_layers
from transfer.config import configure
from transfer.exporting import export
from transfer.model import network
from transfer.training import checkpoints, runner


def test_training_learns_and_writes_a_complete_folder(run):
    folder, metrics = run
    assert metrics["step"] == STEPS
    assert metrics["accuracy"] > 0.3  # Chance is 0.1.
    assert genotype_file.read(folder / "genotype.json") == genotype_file.read(TINY)
    assert json.loads((folder / "classes.json").read_text()) == list("0123456789")
    saved = yaml.safe_load((folder / "params.yaml").read_text())
    assert saved["task"]["model"]["num_classes"] == 10
    assert saved["task"]["model"]["cells"]["genotype"] == "genotype.json"
    assert saved["task"]["model"]["cells"]["drop_path_steps"] == STEPS


def test_the_opened_network_holds_the_averages_that_were_evaluated(run, trained, digits):
    """Accuracy of the opened model, counted by hand, is that of the trainer's evaluation."""
    images, labels = digits
    logits = network.logits(trained.model(images, training=False)).numpy()
    assert trained.averaged and trained.step == STEPS
    assert np.mean(logits.argmax(-1) == labels) == pytest.approx(run[1]["accuracy"], abs=1e-6)
    reader = tf.train.load_checkpoint(checkpoints.find(str(run[0])))
    stored = {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("OPTIMIZER_SLOT/optimizer/average/.ATTRIBUTES/VARIABLE_VALUE")
    }
    assert len(stored) == len(trained.model.trainable_weights)
    kernel = trained.model.get_layer("stem_conv").get_weights()[0]
    assert any(v.shape == kernel.shape and np.allclose(v, kernel) for v in stored.values())


def test_the_best_checkpoint_holds_the_same_averages(run, trained, digits):
    """There was one evaluation, so the best weights are the last ones."""
    best = checkpoints.open_trained(str(run[0]), "best")
    images = digits[0][:8]
    np.testing.assert_allclose(
        network.logits(best.model(images, training=False)),
        network.logits(trained.model(images, training=False)),
        rtol=1e-4,
        atol=1e-4,  # Model Garden exchanges weights and averages by sums and differences.
    )


def test_evaluation_by_command_needs_the_folder_only(run, digits_dir):
    folder, metrics = run
    done = command(
        "--mode=eval",
        f"--model_dir={folder}",
        CELLS_DATA_DIR=str(digits_dir),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"accuracy {metrics['accuracy']:.4f}")
    written = json.loads((folder / "evaluation.json").read_text())
    assert written["step"] == STEPS
    assert written["accuracy"] == pytest.approx(metrics["accuracy"], abs=1e-6)


LOAD = """
    import sys
    # However the project is installed: whoever imports one of its packages fails.
    for name in ("cells", "cell_search", "transfer", "detection", "official", "tf_keras"):
        sys.modules[name] = None
    import keras, numpy as np
    model = keras.models.load_model("digits.keras")
    assert all(type(x).__module__.startswith("keras.") for x in model.layers)
    np.save("logits.npy", np.asarray(model(np.load("images.npy"))))
"""


def test_the_exported_file_opens_where_the_project_is_unknown(run, trained, digits, tmp_path):
    images, _ = digits
    told = export.export(str(run[0]), str(tmp_path / "digits.keras"))
    assert json.loads((tmp_path / "digits.json").read_text()) == told
    assert told["classes"] == list("0123456789")
    assert told["weights"] == "moving averages"
    np.save(tmp_path / "images.npy", images[:16])
    (tmp_path / "load.py").write_text(textwrap.dedent(LOAD))
    subprocess.run([sys.executable, "-I", "load.py"], cwd=tmp_path, check=True)
    expected = network.logits(trained.model(images[:16], training=False)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, rtol=1e-5, atol=1e-5)


def test_the_exported_network_has_nothing_that_only_training_needs(trained):
    model = export.keras_model(trained)
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if "auxiliary" in name or "drop_path" in name]
    assert not model.losses
    moved = move_weights(trained.model, model)
    assert not moved.missing and not moved.unfit
    assert all(name.startswith("auxiliary") for name in moved.unused)


def test_export_refuses_other_endings_and_folders(run, tmp_path):
    with pytest.raises(UserError, match=r"must end in \.keras"):
        export.export(str(run[0]), str(tmp_path / "model.h5"))
    with pytest.raises(UserError, match="not the folder of a run"):
        export.export(str(tmp_path), str(tmp_path / "model.keras"))
    assert not list(tmp_path.iterdir())


def test_export_refuses_settings_that_it_would_not_follow(tmp_path):
    done = command(
        "--mode=export",
        f"--model_dir={tmp_path}",
        f"--output={tmp_path / 'model.keras'}",
        "--params_override=task.model.input_size=[64,64,3]",
    )
    assert done.returncode == 2
    assert "--params_override: export takes the network as it was trained" in done.stderr


def test_weights_of_an_earlier_run_are_taken_by_name(run, trained, digits_dir):
    """Another number of classes and no auxiliary head: everything else is moved."""
    settings = params(digits_dir, "task.model.num_classes=13,task.model.auxiliary_head=false")
    settings.task.init_checkpoint = str(run[0])
    from transfer.training.task import ClassificationTask

    task = ClassificationTask(settings.task)
    settings.task.model.cells.drop_path_steps = 1
    model = task.build_model()
    own_head = model.get_layer("logits").get_weights()
    task.initialize(model)
    for layer in weighted_layers(model):
        values = (
            own_head
            if layer.name == "logits"
            else (trained.model.get_layer(layer.name).get_weights())
        )
        for now, wanted in zip(layer.get_weights(), values, strict=True):
            np.testing.assert_array_equal(now, wanted)


def test_weights_of_another_network_are_refused(run, digits_dir):
    settings = params(digits_dir, "task.model.cells.filters=6", genotype="pnasnet_5")
    settings.task.model.num_classes = 7
    settings.task.model.cells.drop_path_steps = 1
    target = tf_keras.Sequential([tf_keras.layers.Dense(3, name="mine")])
    target.build((None, 4))
    with pytest.raises(UserError, match=r"no layer of .* fits this network"):
        checkpoints.take_weights(str(run[0]), target)


def test_a_folder_of_another_run_is_refused_and_says_what_differs(run, digits_dir):
    folder = str(run[0])
    before = (run[0] / "params.yaml").read_bytes()
    with pytest.raises(UserError, match="other settings: the genotype"):
        runner.run(params(digits_dir, genotype="pnasnet_5"), "train", folder)
    with pytest.raises(UserError, match=r"task.model.cells.filters is 8, was 16"):
        runner.run(params(digits_dir, "task.model.cells.filters=8"), "train", folder)
    assert (run[0] / "params.yaml").read_bytes() == before


def test_a_killed_run_goes_on_and_leaves_it_where_it_is_enough(digits_dir, tmp_path, capsys):
    """SIGKILL in the middle; the same command again ends at the same step, and only once."""
    folder, settings = tmp_path / "model", tmp_path / "run.yaml"
    settings.write_text(SETTINGS)
    changes = "trainer.train_steps=80,task.model.auxiliary_head=false,task.model.cells.filters=4"
    process = begin_forked(
        *("transfer", "--mode=train", f"--genotype={LIGHT}"),
        *(f"--config_file={settings}", f"--params_override={changes}"),
        *(f"--model_dir={folder}", f"--data_dir={digits_dir}"),
    )
    # The checkpoint of step 20 is complete.
    process.send(signal.SIGKILL, lambda: "\nstep 40/80" in process.said())
    lines = process.end().stdout.splitlines()
    assert lines[-1].startswith("step 40/80"), lines
    assert (folder / "ckpt-20.index").exists() and not (folder / "ckpt-80.index").exists()

    asked = []

    def enough(step: int) -> bool:
        asked.append(step)
        return step >= 60

    def go_on() -> list[str]:
        same = params(digits_dir, changes, genotype=LIGHT)
        assert runner.run(same, "train", str(folder), enough=enough) is None
        return [x for x in capsys.readouterr().out.splitlines() if x.startswith(("step", "cont"))]

    said = go_on()
    assert said[0] in ("continues at step 20 of 80", "continues at step 40 of 80")
    assert said[-1].startswith("step 60/80")
    assert pathlib.Path(checkpoints.find(str(folder))).name == "ckpt-60"
    # It is asked behind the last loop, too, where nothing is left to leave.
    said = go_on()
    assert said[0] == "continues at step 60 of 80" and said[-1].startswith("step 80/80")
    assert asked in ([40, 60, 80], [60, 80])
    assert pathlib.Path(checkpoints.find(str(folder))).name == "ckpt-80"
    reader = tf.train.load_checkpoint(str(folder))
    value = "global_step/.ATTRIBUTES/VARIABLE_VALUE"
    assert reader.get_tensor(value) == 80
    iterations = "optimizer/ema_base_optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"
    assert reader.get_tensor(iterations) == 80


def test_a_genotype_of_a_file_learns_cifar10(data_dir, tmp_path, capsys):
    """The smoke recipe, shortened; the loss of the last loop is below that of the first."""
    file = tmp_path / "found.json"
    kinds.write(catalogue.load("hand_written"), file)
    recipe = pathlib.Path(__file__).parents[3] / "configs" / "transfer" / "cifar10_smoke.yaml"
    settings = configure.configure(
        configure.experiment(),
        files=[recipe],
        override="trainer: {train_steps: 75}\n"
        "task: {seed: 1, model: {cells: {filters: 4}}, train_data: {shuffle_buffer_size: 1000},"
        " validation_data: {tfds_split: 'test[:500]'}}",
        genotype=str(file),
        data_dir=str(data_dir),
    )
    metrics = runner.run(settings, "train_and_eval", str(tmp_path / "model"))
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("step ")]
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert 0 <= metrics["accuracy"] <= 1


def test_help_answers_without_tensorflow():
    code = (
        "import sys\nsys.argv = ['cell-transfer', '--help']\nfrom transfer.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'tensorflow' not in sys.modules and 'official' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[3],
        check=True,
    )
    for word in ("--mode", "--genotype", "train_and_eval", "cells_imagenet_mobile"):
        assert word in done.stdout


def test_bad_input_ends_in_one_line_and_exit_code_2(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    done = command(
        "--mode=summary", f"--genotype={bad}", "--params_override=task.model.num_classes=3"
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"cell-transfer: {bad}: not JSON")
    assert "Traceback" not in done.stderr
