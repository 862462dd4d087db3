"""Hand-designed networks under this project's recipes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from PIL import Image
from transfer_runs import params

from cells.support.errors import UserError
from transfer import evaluation, prediction
from transfer.config import configure, schema
from transfer.exporting import batch_norm_folding, export, formats
from transfer.model import baselines
from transfer.runs import model_dir
from transfer.summary import summary
from transfer.training import checkpoints, complete, runner
from transfer.training.task import ClassificationTask


def model(name, size):
    return schema.Model(num_classes=1000, input_size=[size, size, 3], baseline=name)


# Parameters as keras.io/api/applications has them, at 1000 classes; multiply-adds of ResNet-50
# as He et al. 2015 (arXiv:1512.03385, table 1) have them: 3.8e9.
@pytest.mark.parametrize(
    ("name", "size", "total"),
    [("resnet_50", 224, 25.6e6), ("xception", 299, 22.9e6), ("inception_resnet_v2", 299, 55.9e6)],
)
def test_the_networks_are_the_published_ones(name, size, total):
    params = configure.configure(
        configure.experiment(),
        override=f"task: {{model: {{num_classes: 1000, baseline: {name}, "
        f"input_size: [{size}, {size}, 3]}}}}",
    )
    counts = summary(params)
    assert counts["total"] == pytest.approx(total, abs=0.06e6)
    if name == "resnet_50":
        assert counts["multiply_adds"] == pytest.approx(3.8e9, rel=0.03)


# By hand, and as measured beside other networks: Page's network at a quarter of its width.
def test_the_residual_network_for_small_images_is_counted_and_trained_like_the_others(
    digits_dir, digits, tmp_path
):
    size = "task: {model: {num_classes: 10, baseline: resnet_9, input_size: [32, 32, 3]}}"
    counts = summary(configure.configure(configure.experiment(), override=size))
    assert (counts["total"], counts["multiply_adds"]) == (414_074, 24_036_608)
    settings = params(digits_dir, "task.model.baseline=resnet_9,trainer.train_steps=2")
    runner.run(settings, "train", str(tmp_path / "model"))
    kinds, folder = ("keras", "tflite"), tmp_path / "exported"
    told = export.export(str(tmp_path / "model"), str(folder), formats=kinds)
    assert told["baseline"] == "resnet_9" and told["compared_on"] == "100 real images"
    trained = checkpoints.open_trained(str(tmp_path / "model"))
    pixels = np.round((digits[0][:20] + 1) * 127.5).astype("uint8")
    expected = trained.model(digits[0][:20], training=False).numpy()
    for form in (formats.FORMATS[kind] for kind in kinds):
        given = form.open(str(folder / form.file))(pixels)
        np.testing.assert_allclose(given, expected, atol=1e-4 * np.abs(expected).max())
    with pytest.raises(UserError, match="weights is for networks of cells, not for resnet_9"):
        export.export(str(tmp_path / "model"), str(tmp_path / "out"), formats=("weights",))


def test_a_step_has_cross_entropy_and_half_the_sum_of_squares_of_every_kernel():
    settings = schema.Task(
        model=schema.Model(num_classes=5, input_size=[32, 32, 3], baseline="resnet_50"),
        losses=schema.Losses(l2_weight_decay=0.01),
    )
    task = ClassificationTask(settings)
    built = task.build_model()
    kernels = [w.numpy() for w in built.trainable_weights if "kernel" in w.name]
    assert len(built.losses) == len(kernels) == 54  # 53 convolutions and the classifier.
    decay = 0.01 / 2 * sum(float((k.astype("float64") ** 2).sum()) for k in kernels)
    assert float(tf.add_n(built.losses)) == pytest.approx(decay, rel=1e-4)
    batch = tf.random.uniform([2, 32, 32, 3], -1, 1, seed=0), tf.constant([0, 3])
    before = built.get_layer("conv1_conv").get_weights()[0]
    task.train_step(batch, built, tf_keras.optimizers.legacy.SGD(0.01))
    assert np.any(built.get_layer("conv1_conv").get_weights()[0] != before)


def test_what_cannot_be_is_told():
    with pytest.raises(UserError, match=r"xception; use at least 71x71"):
        baselines.check(model("xception", 64))
    params = configure.configure(
        configure.experiment(), override="task.model.baseline=resnet50,task.model.num_classes=3"
    )
    with pytest.raises(UserError, match="did you mean 'resnet_50'"):
        complete.resolve_model(params)


@pytest.fixture(scope="module")
def trained(digits_dir, tmp_path_factory):
    """A ResNet-50 that saw two batches of digits: its folder, and the network out of it."""
    folder = tmp_path_factory.mktemp("resnet_50") / "model"
    settings = params(digits_dir, "task.model.baseline=resnet_50,trainer.train_steps=2")
    runner.run(settings, "train", str(folder))
    tf_keras.backend.clear_session()
    return folder, checkpoints.open_trained(str(folder))


@pytest.fixture(scope="module")
def expected(trained, digits):
    """Logits of the digits: Keras's own ResNet-50 with the trained weights."""
    model = export.keras_model(trained[1])
    return np.concatenate([model(part, training=False) for part in np.split(digits[0], 4)])


def softmax(logits):
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def test_evaluation_and_predictions_are_those_of_keras(trained, digits, expected, tmp_path):
    folder = trained[0]
    found = evaluation.evaluate(model_dir.read_params(str(folder)), str(folder))
    np.testing.assert_allclose(found.probabilities, softmax(expected), atol=1e-5)
    np.testing.assert_array_equal(found.labels, digits[1])
    pixels = np.round((digits[0][5] + 1) * 127.5).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    (told,) = prediction.predict(trained[1], [tmp_path / "digit.png"], top=10)
    shares = {guess.label: guess.probability for guess in told.guesses}
    np.testing.assert_allclose([shares[i] for i in range(10)], softmax(expected)[5], atol=1e-5)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The folder of files of all kinds whose packages are installed, which were compared."""
    installed = all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime"))
    kinds = ("saved_model", *(["onnx"] if installed else []))
    folder = tmp_path_factory.mktemp("exported")
    told = export.export(str(trained[0]), str(folder), formats=kinds)
    assert told["baseline"] == "resnet_50" and told["compared_on"] == "100 real images"
    assert tuple(told["files"]) == kinds
    return folder


@pytest.mark.parametrize("kind", ["saved_model", "onnx"])
def test_exported_files_are_the_network(exported, digits, expected, kind):
    if kind == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    form = formats.FORMATS[kind]
    pixels = np.round((digits[0][:20] + 1) * 127.5).astype("uint8")
    given = form.open(str(exported / form.file))(pixels)
    np.testing.assert_allclose(given, expected[:20], atol=1e-4 * np.abs(expected).max())


def test_files_of_cells_are_refused(trained, tmp_path):
    with pytest.raises(UserError, match="keras is for networks of cells, not for resnet_50"):
        export.export(str(trained[0]), str(tmp_path / "classifier.keras"))


@pytest.mark.parametrize(("name", "size"), [("xception", 71)])
def test_the_network_for_files_is_the_one_that_is_trained(name, size):
    """Weights by order of layers, since some names are numbered anew; then without batch norms."""
    settings = schema.Experiment(task=schema.Task(model=model(name, size)))
    built = baselines.build(settings.task.model, tf_keras)
    rng = np.random.default_rng(0)
    for layer in built.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    trained = checkpoints.Trained(built, None, settings, (), step=0, averaged=False)
    folded = batch_norm_folding.fold(export.keras_model(trained))
    images = rng.uniform(-1, 1, (2, size, size, 3)).astype("float32")
    expected = built(images, training=False).numpy()
    difference = np.abs(np.asarray(folded(images, training=False)) - expected).max()
    assert difference <= 1e-4 * np.abs(expected).max()
