"""What a training survives: signals, spoilt numbers, damaged files; and what it refuses."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from absl import flags
from absl.testing import flagsaver
from forked_commands import begin_forked
from PIL import Image
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph
from transfer_runs import LIGHT, SETTINGS, STEPS, TINY, params

from cells.support.errors import Stopped, UserError
from transfer import cli
from transfer.config import configure, schema
from transfer.data import damaged_images
from transfer.data import dataset as data
from transfer.runs import model_dir
from transfer.training import checkpoints, complete, runner, task

#: The name under which a checkpoint has the graph of its objects.
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

SMALL = (
    "task: {model: {auxiliary_head: false, input_size: [8, 8, 3]}, train_data: "
    "{global_batch_size: 8, shuffle_buffer_size: 8}}\n"
)


@pytest.fixture
def copy(run, tmp_path):
    """The folder of the run, to be damaged."""
    folder = tmp_path / "copy"
    shutil.copytree(run[0], folder)
    return folder


def cut(folder: pathlib.Path, step: int) -> None:
    data_file = next(folder.glob(f"ckpt-{step}.data*"))
    data_file.write_bytes(data_file.read_bytes()[:1000])


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(copy, digits_dir, caplog, capsys):
    cut(copy, STEPS)
    assert checkpoints.open_trained(str(copy)).step == STEPS - 20
    assert f"ckpt-{STEPS}: the checkpoint is damaged" in caplog.text
    assert f"ckpt-{STEPS - 20} is used in its place" in caplog.text
    # The same command goes on from there, and makes the damaged one anew.
    runner.run(params(digits_dir), "train", str(copy))
    assert f"continues at step {STEPS - 20} of {STEPS}" in capsys.readouterr().out
    assert checkpoints.find(str(copy)).endswith(f"ckpt-{STEPS}")


def test_a_run_that_is_further_than_asked_for_stays_as_it_is(copy, digits_dir, tmp_path, capsys):
    settings = (copy / model_dir.PARAMS).read_bytes()
    (tmp_path / "base.yaml").write_text(SETTINGS)
    if "checkpoint" not in flags.FLAGS:
        cli._define_flags()
    flags.FLAGS(["test"])
    with flagsaver.flagsaver(
        mode="train",
        config_file=[str(tmp_path / "base.yaml")],
        params_override="trainer.train_steps=20",
        genotype=TINY,
        model_dir=str(copy),
        data_dir=str(digits_dir),
    ):
        cli._main(["cell-transfer"])
    begun, *told = capsys.readouterr().out.splitlines()
    assert begun.startswith(f"trains a classifier of {TINY} ")
    assert begun.endswith(f" in {copy}; TensorFlow is being loaded")
    assert told == [
        f"is at step {STEPS} already, and trainer.train_steps is 20: there is nothing to train",
        f"trained {STEPS} steps; the run is in {copy}",
    ]
    assert (copy / model_dir.PARAMS).read_bytes() == settings


def rewrite(prefix: str, change: Callable[[TrackableObjectGraph], None]) -> None:
    """Changes the graph of objects of a checkpoint."""
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_dtype_map()}
    graph = TrackableObjectGraph.FromString(values[GRAPH])
    change(graph)
    values[GRAPH] = graph.SerializeToString()
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )


def renamed(graph: TrackableObjectGraph) -> None:
    """The last layer has another name in the file."""
    (model,) = (c.node_id for c in graph.nodes[0].children if c.local_name == "model")
    children = graph.nodes[model].children
    last = max(c.node_id for c in children if c.local_name.startswith("layer_with_weights"))
    for child in children:
        if child.node_id == last:
            child.local_name += "x"


def slotless(graph: TrackableObjectGraph) -> None:
    """The optimizer has no momentum in the file."""
    for node in graph.nodes:
        for slot in node.slot_variables:
            slot.slot_name = slot.slot_name.replace("momentum", "impetus")


@pytest.mark.parametrize("change", [renamed, slotless])
def test_a_checkpoint_that_lacks_a_variable_does_not_go_on_with_a_new_one(copy, digits_dir, change):
    prefix = checkpoints.find(str(copy))
    rewrite(prefix, change)
    settings = params(digits_dir, f"trainer: {{train_steps: {STEPS + 20}}}")
    with pytest.raises(UserError, match=rf"ckpt-{STEPS}: the checkpoint is of .*\(it lacks .*/"):
        runner.run(settings, "train", str(copy))
    assert checkpoints.find(str(copy)) == prefix


def test_a_run_may_go_on_in_float16_whose_loss_scale_is_new(tmp_path):
    weight = tf.Variable(1.0, name="weight")

    def momentum(scaled: bool) -> tf_keras.optimizers.Optimizer:
        sgd = tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9)
        optimizer = tf_keras.mixed_precision.LossScaleOptimizer(sgd) if scaled else sgd
        optimizer._create_all_weights([weight])
        return optimizer

    optimizer = momentum(scaled=False)
    optimizer.get_slot(weight, "momentum").assign(0.5)
    path = tf.train.Checkpoint(weight=weight, optimizer=optimizer).save(str(tmp_path / "ckpt"))
    scaled = momentum(scaled=True)
    checkpoints.restore(tf.train.Checkpoint(weight=weight, optimizer=scaled), path)
    assert float(scaled.get_slot(weight, "momentum")) == 0.5 and scaled.loss_scale == 2**15
    more = tf.train.Checkpoint(weight=weight, bias=tf.Variable(0.0, name="bias"), optimizer=scaled)
    with pytest.raises(UserError, match=r"\(it lacks .* and others\)"):
        checkpoints.restore(more, path)


def test_a_lost_list_of_checkpoints_is_no_loss(copy):
    (copy / "checkpoint").unlink()
    assert checkpoints.find(str(copy)) == str(copy / f"ckpt-{STEPS}")


def test_where_all_checkpoints_are_damaged_nothing_is_touched(copy, digits_dir):
    cut(copy, STEPS)
    cut(copy, STEPS - 20)
    before = sorted(os.listdir(copy))
    with pytest.raises(UserError, match=r"ckpt-60: the checkpoint is damaged .* those before it"):
        runner.run(params(digits_dir), "train", str(copy))
    assert sorted(os.listdir(copy)) == before


def test_a_loss_that_is_no_number_stops_and_keeps_the_good_checkpoint(
    digits_dir, tmp_path, monkeypatch
):
    settings = params(
        digits_dir,
        SMALL + "trainer: {train_steps: 12, steps_per_loop: 4, summary_interval: 4, "
        "checkpoint_interval: 4, optimizer_config: {learning_rate: {type: stepwise, "
        "stepwise: {boundaries: [5], values: [0.001, 1.0]}}}}",
        LIGHT,
    )
    # More than a configuration may say, so that the loss is no number at once.
    monkeypatch.setattr(complete, "RANGES", {})
    settings.trainer.optimizer_config.learning_rate.stepwise.values = [0.001, 1e30]
    with pytest.raises(UserError, match=r"^step 8: .* good checkpoint is .*ckpt-4; lower the"):
        runner.run(settings, "train", str(tmp_path / "model"))
    path = checkpoints.find(str(tmp_path / "model"))
    assert path.endswith("ckpt-4")
    reader = tf.train.load_checkpoint(path)
    for name, dtype in reader.get_variable_to_dtype_map().items():
        assert not dtype.is_floating or np.all(np.isfinite(reader.get_tensor(name))), name


def test_sigterm_saves_and_says_the_step(digits_dir, tmp_path):
    folder = tmp_path / "model"
    settings = params(
        digits_dir,
        SMALL + "trainer: {train_steps: 2000, steps_per_loop: 4, summary_interval: 4, "
        "checkpoint_interval: 8}",
        LIGHT,
    )

    def send() -> None:
        while not list(folder.glob("ckpt-*.index")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match=r"stopped by SIGTERM at step \d+, whose") as stop:
        runner.run(settings, "train", str(folder))
    assert signal.getsignal(signal.SIGTERM) == handler
    step = int(str(stop.value).split("at step ")[1].split(",")[0])
    assert step >= 8 and checkpoints.find(str(folder)) == str(folder / f"ckpt-{step}")


class StoppedInEvaluation(task.ClassificationTask):
    """A task whose evaluation gets a signal in its first step."""

    def validation_step(self, *args, **kwargs):
        signal.raise_signal(signal.SIGINT)
        return super().validation_step(*args, **kwargs)


def test_a_signal_in_the_last_evaluation_loses_no_step(digits_dir, tmp_path):
    """Nor are the averaged weights, which evaluations lend to the model, taken for its own."""
    given = SMALL + (
        "trainer: {train_steps: 8, steps_per_loop: 8, summary_interval: 8, checkpoint_interval: 80}"
    )
    settings = params(digits_dir, given, LIGHT)
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with pytest.raises(Stopped, match="stopped by SIGINT at step 8, whose checkpoint is saved"):
        runner.run(settings, "train_and_eval", str(stopped), task_class=StoppedInEvaluation)
    due_metrics = runner.run(params(digits_dir, given, LIGHT), "train_and_eval", str(whole))
    kept, due = (tf.train.load_checkpoint(str(path / "ckpt-8")) for path in (stopped, whole))
    averages = [n for n in due.get_variable_to_shape_map() if "average" in n.lower()]
    assert averages
    for name, dtype in due.get_variable_to_dtype_map().items():
        if dtype.is_floating:
            np.testing.assert_allclose(
                kept.get_tensor(name), due.get_tensor(name), rtol=1e-4, atol=1e-5, err_msg=name
            )
    # The same command goes on from there, with the evaluation.
    metrics = runner.run(params(digits_dir, given, LIGHT), "train_and_eval", str(stopped))
    assert metrics == pytest.approx(due_metrics, rel=1e-3)


@pytest.mark.parametrize(
    "mode, signum, seconds",
    [
        ("eval", signal.SIGINT, 0.3),
        ("eval", signal.SIGTERM, 1.5),
        ("predict", signal.SIGINT, 0.5),
        ("export", signal.SIGTERM, 0.5),
    ],
)
def test_a_signal_ends_every_mode_in_one_line(run, tmp_path, mode, signum, seconds):
    Image.new("RGB", (20, 20)).save(tmp_path / "photo.png")
    output = f"--output={tmp_path / 'made' / ('written.keras' if mode == 'export' else 'it.json')}"
    images = [str(tmp_path / "photo.png")] if mode == "predict" else []
    process = begin_forked("transfer", f"--mode={mode}", f"--model_dir={run[0]}", output, *images)
    process.send(signum, seconds=seconds)
    done = process.end()
    assert done.returncode == 128 + signum, done.stderr
    assert done.stderr == "cell-transfer: stopping; once more to stop now\n"
    written = list((tmp_path / "made").glob("*"))
    if mode == "predict" and written:  # It had come to its end, and its file is whole.
        (file,) = written
        assert json.loads(file.read_text())
    else:
        assert not written


def test_a_full_disk_stops_and_keeps_the_good_checkpoint(digits_dir, tmp_path):
    """No file may grow beyond half a checkpoint; afterwards the same command goes on."""
    folder = tmp_path / "model"
    settings = (
        "task: {model: {auxiliary_head: false, input_size: [8, 8, 3]}, train_data: "
        "{global_batch_size: 8}}\ntrainer: {steps_per_loop: 4, summary_interval: 4, "
        "checkpoint_interval: 4, train_steps: %d}"
    )
    free = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        while not list(folder.glob("ckpt-*.index")):
            time.sleep(0.01)
        size = next(folder.glob("ckpt-*.data*")).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, free[1]))

    threading.Thread(target=fill, daemon=True).start()
    try:
        with pytest.raises(UserError, match="cannot be written at step") as error:
            runner.run(params(digits_dir, settings % 2000, LIGHT), "train", str(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
    kept = checkpoints.find(str(folder))
    assert f"(File too large), so training stopped; the last good checkpoint is {kept};" in str(
        error.value
    )
    found = {path.name.partition(".")[0] for path in folder.glob("*ckpt-*")}
    state = tf.train.get_checkpoint_state(str(folder))
    assert found == {os.path.basename(path) for path in state.all_model_checkpoint_paths}
    step = checkpoints.step_of(kept)
    runner.run(params(digits_dir, settings % (step + 4), LIGHT), "train", str(folder))
    assert checkpoints.step_of(checkpoints.find(str(folder))) == step + 4


def test_a_stopped_command_ends_with_the_signals_code():
    code = (
        "import signal, sys\nfrom cells.support import command_line\n"
        "from cells.support.errors import Stopped\n"
        "def main(argv): raise Stopped(signal.SIGTERM, 'at step 4')\n"
        "sys.argv = ['x']\ncommand_line.run(main, module='x', prog='x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[3],
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr == "x: stopped by SIGTERM at step 4; the same command goes on from there\n"


def test_a_folder_that_cannot_be_made_or_is_of_something_else(digits_dir, run, copy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/model/genotype\.json: cannot be written"):
        runner.run(params(digits_dir), "train", str(tmp_path / "file" / "model"))
    (copy / "params.yaml").write_text("task: {model: {anchor: {num_scales: 3}}}\n")
    with pytest.raises(UserError, match=r"params\.yaml: task\.model\.anchor: there is no such key"):
        runner.run(params(digits_dir), "train", str(copy))
    (copy / "params.yaml").unlink()
    with pytest.raises(UserError, match="made by something else"):
        runner.run(params(digits_dir), "train", str(copy))


def test_other_names_of_the_classes_are_another_run(copy, digits_dir):
    (copy / "classes.json").write_text('["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]')
    with pytest.raises(UserError, match="other settings: the names of the classes"):
        runner.run(params(digits_dir), "train", str(copy))
    (copy / "classes.json").unlink()
    with pytest.raises(UserError, match=r"classes\.json: there is no such class file"):
        model_dir.class_names(str(copy))


def write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label in records:
            features = {
                "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def jpegs(count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 24, 20, 3)).astype("uint8")
    return [tf.io.encode_jpeg(image).numpy() for image in pixels]


def read(path, *, training=False, repeats=1, **settings):
    given = schema.DataConfig(
        is_training=training,
        drop_remainder=False,
        input_path=str(path),
        global_batch_size=2,
        shuffle_buffer_size=1,
        **settings,
    )
    model = schema.Model(num_classes=5, input_size=[8, 8, 3])
    dataset = data.build_dataset(given, model)
    return [label for _, labels in dataset.take(3 * repeats) for label in labels.numpy()]


def test_a_corrupt_jpeg_in_a_tfrecord_is_named_once_and_passed_over(tmp_path, capfd):
    images = jpegs(5)
    images[2] = images[2][: len(images[2]) // 2]
    path = tmp_path / "some.tfrecord"
    write_records(path, zip(images, range(5), strict=True))
    assert read(path) == [0, 1, 3, 4]
    told = capfd.readouterr().err
    line = f"passed over {path} record 2, which cannot be decoded: "
    assert f"{line}task.validation_data.max_damaged 1 of 10\n" in told
    # Training meets it in every epoch, and tells it once.
    assert read(path, training=True, repeats=4) == [0, 1, 3, 4] * 6
    assert capfd.readouterr().err.count("record 2") == 1


def test_more_corrupt_images_than_the_limit_end_it(tmp_path, capfd):
    images = jpegs(5)
    images[1] = images[3] = b"no image"
    path = tmp_path / "some.tfrecord"
    write_records(path, zip(images, range(5), strict=True))
    assert read(path, max_damaged=2) == [0, 2, 4]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        read(path, max_damaged=1)
    told = damaged_images.explained(error.value)
    assert str(told).startswith(
        "task.validation_data.max_damaged: more than 1 images cannot be decoded"
    )
    assert "record 3" in capfd.readouterr().err


def test_labels_beyond_the_classes_and_damaged_files_are_explained(tmp_path):
    path = tmp_path / "some.tfrecord"
    write_records(path, [(jpegs(1)[0], 5)])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        read(path)
    assert "a record has a label that is none of the 5 classes" in str(
        damaged_images.explained(error.value)
    )
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(tf.errors.DataLossError) as lost:
        read(path)
    assert "cannot be read to their end (truncated record" in str(
        damaged_images.explained(lost.value)
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("crop", [False, True])
def test_an_image_of_one_pixel_is_read(tmp_path, training, crop):
    path = tmp_path / "one.tfrecord"
    write_records(path, [(tf.io.encode_png(np.full((1, 1, 3), 255, "uint8")).numpy(), 1)])
    given = schema.DataConfig(
        is_training=training,
        drop_remainder=False,
        input_path=str(path),
        global_batch_size=1,
        aug_crop=crop,
        shuffle_buffer_size=1,
    )
    model = schema.Model(num_classes=5, input_size=[8, 8, 3])
    ((images, _),) = data.build_dataset(given, model).take(1)
    np.testing.assert_allclose(images, np.ones((1, 8, 8, 3)), atol=1e-6)


def records_of(features: dict, path) -> None:
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())


def test_files_that_are_not_what_the_configuration_says(tmp_path):
    def check(path, match):
        settings = configure.configure(
            configure.experiment(),
            override=f"task: {{model: {{num_classes: 3}}, train_data: {{input_path: '{path}'}}}}",
        )
        with pytest.raises(UserError, match=match) as error:
            complete.resolve(settings, evaluate=False)
        assert "\n" not in str(error.value)

    check(tmp_path / "none-*", "train_data.input_path: no file is found")
    (tmp_path / "empty").write_bytes(b"")
    check(tmp_path / "empty", "empty: holds no record")
    (tmp_path / "text").write_text("images, so they say\n")
    check(tmp_path / "text", "text: is damaged, or no TFRecord file")
    with tf.io.TFRecordWriter(str(tmp_path / "raw")) as writer:
        writer.write(b"\xff\xff\xff")
    check(tmp_path / "raw", "raw: its records are not tf.train.Example")
    records_of({}, tmp_path / "nothing")
    check(tmp_path / "nothing", "no 'image/encoded' of bytes, but nothing; name")
    number = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    image = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b""]))
    records_of({"image/encoded": image, "label": number}, tmp_path / "other")
    check(
        tmp_path / "other",
        r"no 'image/class/label' of whole numbers, but image/encoded \(bytes\), label \(whole "
        r"numbers\); name the feature in task.train_data.label_field_key",
    )


def test_a_run_of_other_cells_is_no_start(run, digits_dir):
    with pytest.raises(UserError, match="holds no example"):
        complete.resolve(params(digits_dir, "task.train_data.tfds_split=train[3:3]"))
    assert model_dir.genotype(str(run[0])).name == "tiny"
