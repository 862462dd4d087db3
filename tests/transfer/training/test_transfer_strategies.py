"""Strategies, precisions and compilation change how a network is trained, not what it learns."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from forked_commands import run_forked
from official.core import config_definitions
from official.modeling import optimization
from transfer_runs import LIGHT, params, training

from transfer import evaluation
from transfer.data import dataset
from transfer.runs import model_dir
from transfer.training import checkpoints, failures, runner
from transfer.training.loss_scaling import ScaledAverages
from transfer.training.task import ClassificationTask

#: Nothing is dropped, and a rate at which rounding does not grow to something else.
SMALL = """
task:
  model: {auxiliary_head: false, input_size: [8, 8, 3], synchronized_batch_norm: true,
          cells: {filters: 4, drop_path_keep: 1.0}}
  train_data: {global_batch_size: 16, shuffle_buffer_size: 100, seed: 2, aug_shift: 1}
trainer:
  {train_steps: 10, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 10,
   optimizer_config: {learning_rate: {cosine: {initial_learning_rate: 0.01}}}}
"""

#: Three loops of one step.
STEPS = 3
SHORT = SMALL.replace(
    "train_steps: 10, steps_per_loop: 4, summary_interval: 4, checkpoint_interval: 10",
    f"train_steps: {STEPS}, steps_per_loop: 1, summary_interval: 1, checkpoint_interval: {STEPS}",
)

#: By how much losses and weights may differ by rounding alone, on any processor: the longest sums
#: are those of batch norms, over 16 images of 8x8 pixels, and each is off by at most the number of
#: its terms times float32's epsilon (Higham 2002, section 4.2). They differ by a hundredth of it
#: here; with batch statistics of their own, losses of two devices differ by hundredths.
CLOSE = STEPS * 16 * 8 * 8 * float(np.finfo("float32").eps)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    tf_keras.mixed_precision.set_global_policy("float32")


def losses(told: str) -> list[float]:
    """The mean loss of each loop of a run, from what it prints."""
    lines = [line for line in told.splitlines() if line.startswith("step ")]
    return [float(line.split("loss ")[1].split()[0]) for line in lines]


def weights(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The variables of a run's last checkpoint by name."""
    reader = tf.train.load_checkpoint(str(folder))
    return {
        name: reader.get_tensor(name)
        for name, dtype in reader.get_variable_to_dtype_map().items()
        if dtype != tf.string and not name.startswith("save_counter")
    }


def assert_same(actual: pathlib.Path, expected: pathlib.Path, tolerance: float) -> None:
    actual, expected = weights(actual), weights(expected)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            actual[name], value, rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_in_half_precision_the_loss_falls_and_weights_stay_float32(
    digits_dir, tmp_path, capsys, dtype
):
    settings = params(
        digits_dir,
        SMALL + f"runtime: {{mixed_precision_dtype: {dtype}}}\n",
        LIGHT,
    )
    settings.trainer.train_steps = 24
    settings.trainer.optimizer_config.learning_rate.cosine.initial_learning_rate = 0.1
    metrics = runner.run(settings, "train_and_eval", str(tmp_path / "run"))
    told = losses(capsys.readouterr().out)
    assert np.isfinite(metrics["validation_loss"])
    assert np.mean(told[-2:]) < told[0]
    kept = weights(tmp_path / "run")
    assert {value.dtype for value in kept.values()} <= {np.dtype(x) for x in ("float32", "int64")}
    scales = [name for name in kept if "loss_scale" in name and "SLOT" not in name]
    assert bool(scales) == (dtype == "float16")
    assert any("average" in name for name in kept)


@pytest.fixture
def step():
    """A task, its network, and a batch."""

    def build(digits_dir, override: str = ""):
        # Another task takes the place of the small one.
        trainer = SMALL[SMALL.index("trainer:") :]
        settings = params(
            digits_dir, trainer + override if "task:" in override else SMALL + override
        )
        settings.task.model.num_classes = 10
        settings.trainer.optimizer_config.learning_rate.cosine.decay_steps = 100
        task = ClassificationTask(settings.task)
        images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 3)).astype("float32")
        return settings, task, task.build_model(), (tf.constant(images), tf.range(16) % 10)

    return build


def test_an_infinite_gradient_of_loss_scaling_is_no_spoilt_training(digits_dir, step):
    """The step is left out and the scale halved; Model Garden's order of wrappers would fail."""
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    settings, task, model, batch = step(digits_dir)
    runtime = config_definitions.RuntimeConfig(mixed_precision_dtype="float16")
    optimizer = task.create_optimizer(settings.trainer.optimizer_config, runtime)
    assert isinstance(optimizer, ScaledAverages)
    assert isinstance(optimizer, optimization.ExponentialMovingAverage)
    optimizer.shadow_copy(model)
    scaling = optimizer.inner_optimizer
    assert float(scaling.loss_scale) == 2**15
    task.train_step(batch, model, optimizer)
    scaling._loss_scale.current_loss_scale.assign(2.0**100)
    before = [w.numpy() for w in model.trainable_weights]
    loss = float(task.train_step(batch, model, optimizer)["loss"])
    failures.check_numbers(2, loss, model.trainable_variables, None)
    for now, then in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert float(scaling.loss_scale) == 2.0**99
    scaling._loss_scale.current_loss_scale.assign(2.0**10)
    task.train_step(batch, model, optimizer)
    assert any(
        np.any(w.numpy() != then) for w, then in zip(model.trainable_weights, before, strict=True)
    )


@pytest.fixture(scope="module")
def plain(digits_dir, tmp_path_factory):
    """A run on one device, with all that a recipe has: its folder, and what it prints."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        runner.run(params(digits_dir, SHORT, LIGHT), "train", str(folder))
    return folder, told.getvalue()


def test_two_devices_learn_what_one_learns(digits_dir, tmp_path, plain):
    """From halves of the same batches, up to rounding.

    And are evaluated as one is: of 9 images in batches of 8 one device has none of the last batch.
    """
    odd = "{global_batch_size: 8, tfds_split: 'test[:9]'}"
    mirrored = SHORT + "runtime: {distribution_strategy: mirrored}\n"
    mirrored = mirrored.replace("trainer:", f"  validation_data: {odd}\ntrainer:")
    _, *arguments = training(tmp_path, digits_dir, mirrored, LIGHT)

    def of_two(*arguments: str) -> str:
        done = run_forked("run_mirrored", *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    folder = str(tmp_path / "model")
    told = of_two("--mode=train_and_eval", *arguments)
    assert "2 replicas share each batch of 16 images" in told
    np.testing.assert_allclose(losses(told), losses(plain[1]), atol=CLOSE)
    assert_same(tmp_path / "model", plain[0], CLOSE)

    figures = json.loads((tmp_path / "model" / "evaluation.json").read_text())
    settings = model_dir.read_params(folder)
    images = evaluation.evaluate(settings, folder)
    decay = sum(map(float, checkpoints.open_trained(folder).model.losses))
    mean = images.metrics()["cross_entropy"]
    assert figures["validation_loss"] == pytest.approx(mean + decay, rel=1e-4)
    settings = model_dir.read_params(folder)
    # One device, and a short last batch.
    alone = runner.run(settings, "eval", folder)
    assert alone["validation_loss"] == pytest.approx(mean + decay, rel=1e-4)

    of_two("--mode=eval", f"--model_dir={folder}", f"--data_dir={digits_dir}")
    again = json.loads((tmp_path / "model" / "evaluation.json").read_text())
    assert again["images"] == 9
    assert again["cross_entropy"] == pytest.approx(mean, rel=1e-4)


def test_compiled_training_learns_the_same(digits_dir, tmp_path, capsys, plain):
    """The whole step is one XLA program."""
    traced = []

    class Counting(ClassificationTask):
        def train_step(self, *arguments, **named):
            traced.append(1)
            return super().train_step(*arguments, **named)

    settings = params(digits_dir, SHORT + "runtime: {enable_xla: true}\n", LIGHT)
    runner.run(settings, "train", str(tmp_path / "xla"), task_class=Counting)
    np.testing.assert_allclose(losses(capsys.readouterr().out), losses(plain[1]), atol=CLOSE)
    assert_same(tmp_path / "xla", plain[0], CLOSE)
    assert traced == [1]  # And not once for each of three loops.


#: Operations that leave the device for the host.
HOST = {"PyFunc", "EagerPyFunc", "PyFuncStateless", "PrintV2", "Print", "StringFormat"}


def is_room_for_a_gradient(op) -> bool:
    """The sixth output of a batch norm is the kernel's own; its gradient is made, and not used."""
    of = op.inputs[0] if op.type == "ZerosLike" else None
    return of is not None and of.op.type == "FusedBatchNormV3" and of.value_index == 5


def test_a_training_step_has_static_shapes_and_stays_on_the_device(digits_dir, step):
    """As a TPU wants it; with drop path, dropout, the auxiliary head and averages."""
    settings, task, model, _ = step(
        digits_dir,
        "task: {model: {auxiliary_head: true, cells: {drop_path_keep: 0.5, dropout: 0.5, "
        "drop_path_steps: 9}}}",
    )
    given = settings.task.train_data.replace(tfds_split="train[:32]")
    spec = dataset.build_dataset(given, settings.task.model).element_spec
    assert all(part.shape.is_fully_defined() for part in spec), spec
    optimizer = task.create_optimizer(settings.trainer.optimizer_config)
    optimizer.shadow_copy(model)

    @tf.function
    def train(*batch):
        return task.train_step(batch, model, optimizer)["loss"]

    graph = train.get_concrete_function(*spec).graph
    bodies = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    operations = [op for body in bodies for op in body.get_operations()]
    assert len(operations) > 500
    assert not {op.type for op in operations} & HOST
    loose = [
        (op.type, out.shape)
        for op in operations
        if not is_room_for_a_gradient(op)
        for out in op.outputs[:5]
        if out.dtype not in (tf.resource, tf.variant) and not out.shape.is_fully_defined()
    ]
    assert not loose
