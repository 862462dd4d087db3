"""The files that a trained network is written as, each with the way to open it again.

Keras and TensorFlow write them; what is ours is what stands in their signatures: `pixels` of 0 to
255 go in, which the file scales itself, and `logits` and `probabilities` come out. A `.keras` file
holds the bare network, whose images are scaled already.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.data import preprocessing
from cells.support.errors import UserError
from cells.weights import weights_file
from cells.weights.by_layer import weighted_layers
from transfer.exporting import batch_norm_folding, files, frozen_graph, keras_file

Logits = Callable[[np.ndarray], np.ndarray]
"""Pixels `(n, height, width, channels)`, whole numbers 0 to 255, -> logits `(n, num_classes)`."""

LABELS = "labels.txt"


@dataclass(frozen=True)
class Network:
    """What is written.

    Attributes:
        model: Keras 3: scaled images in, logits out.
        class_names: in the order of the labels.
        representative: pixels of real images, by which int8 finds its ranges; maybe none.
        genotype, stack: the network's layout.
        source: where the weights come from.
    """

    model: Any
    class_names: Sequence[str]
    representative: np.ndarray
    genotype: Any
    stack: Any
    source: str

    @functools.cached_property
    def folded(self) -> Any:
        """The model with its batch norms folded and without what only training needs."""
        return batch_norm_folding.fold(self.model)

    @functools.cached_property
    def serving(self) -> Any:
        """Around it: `pixels` in, a dictionary of `logits` and `probabilities` out."""
        import keras

        pixels = keras.Input(self.folded.input_shape[1:], name="pixels")
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(pixels)
        logits = self.folded(scaled)
        probabilities = keras.layers.Softmax(name="probabilities")(logits)
        return keras.Model(pixels, {"logits": logits, "probabilities": probabilities})


@dataclass(frozen=True)
class ClassifierFormat(files.Format[Network, Logits]):
    """A kind of file, with logits as its output; its `difference` is infinite where only the
    likeliest class counts.

    Attributes:
        agreement: share of images whose likeliest class must be the trainer's.
    """

    agreement: float = 0.99


def _write_keras(network: Network, path: str) -> None:
    keras_file.write(network.model, path)


def _open_keras(path: str) -> Logits:
    import keras

    return _of_model(keras.models.load_model(path))


def _of_model(model: Any) -> Logits:
    return lambda pixels: np.asarray(model(preprocessing.scale(pixels), training=False))


def _write_weights(network: Network, path: str) -> None:
    layers = {layer.name: layer.get_weights() for layer in weighted_layers(network.model)}
    file = weights_file.WeightsFile(network.genotype, network.stack, layers, network.source)
    weights_file.write(file, path)


def _open_weights(path: str) -> Logits:
    import keras

    return _of_model(weights_file.build(weights_file.read(path), keras))


def _write_saved_model(network: Network, path: str) -> None:
    """`serving_default` takes pixels, the signature `scaled` images that are scaled already."""
    import tensorflow as tf

    size = network.model.input_shape[1:]
    logits_of = frozen_graph.frozen(network.folded)

    @tf.function(
        input_signature=[tf.TensorSpec((None, *size), tf.float32, "scaled_images")], autograph=False
    )
    def scaled(scaled_images: Any) -> dict[str, Any]:
        logits = logits_of(scaled_images)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    @tf.function(
        input_signature=[tf.TensorSpec((None, *size), tf.float32, "pixels")], autograph=False
    )
    def serving_default(pixels: Any) -> dict[str, Any]:
        return scaled(preprocessing.scale(pixels))

    tf.saved_model.save(tf.Module(), path, {"serving_default": serving_default, "scaled": scaled})
    # TensorFlow's own place for files that users want beside a model.
    extra = os.path.join(path, "assets.extra")
    os.mkdir(extra)
    write_labels(network.class_names, extra)


def _open_saved_model(path: str) -> Logits:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def logits(pixels: np.ndarray) -> np.ndarray:
        run = loaded.signatures["serving_default"]
        return run(pixels=tf.constant(pixels, tf.float32))["logits"].numpy()

    return logits


def _write_tflite(network: Network, path: str) -> None:
    import tensorflow as tf

    _convert(network, path, target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]})


def _write_tflite_int8(network: Network, path: str) -> None:
    import tensorflow as tf

    if not len(network.representative):
        raise UserError(
            "--formats: tflite_int8 finds the ranges of its numbers by real images, and the run's "
            "data set cannot be read; set data_dir, or leave tflite_int8 out"
        )

    def representative() -> Iterator[list[np.ndarray]]:
        for image in network.representative:
            yield [image[None].astype(np.float32)]

    _convert(
        network,
        path,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=representative,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        inference_input_type=tf.uint8,
    )


def _convert(network: Network, path: str, **settings: Any) -> None:
    with files.quiet():
        network.serving.export(path, format="litert", verbose=False, **settings)
    files.attach(path, LABELS, _labels(network.class_names))


def _open_tflite(path: str) -> Logits:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=path, num_threads=os.cpu_count())
    run = interpreter.get_signature_runner()
    ((name, details),) = run.get_input_details().items()

    def logits(pixels: np.ndarray) -> np.ndarray:
        given = pixels.astype(details["dtype"])
        return np.concatenate([run(**{name: image[None]})["logits"] for image in given])

    return logits


def _write_onnx(network: Network, path: str) -> None:
    import keras

    shape = (None, *network.model.input_shape[1:])
    given = keras.InputSpec(dtype="float32", shape=shape, name="pixels")
    with files.quiet():
        network.serving.export(path, format="onnx", verbose=False, input_signature=[given])
    files.add_metadata(path, LABELS, _labels(network.class_names))


def _open_onnx(path: str) -> Logits:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()

    def logits(pixels: np.ndarray) -> np.ndarray:
        return session.run(["logits"], {given.name: pixels.astype(np.float32)})[0]

    return logits


FORMATS = {
    "keras": ClassifierFormat(
        "classifier.keras",
        _write_keras,
        _open_keras,
        f"scaled images: {preprocessing.SCALING}",
        opens_with=f"keras>={keras_file.LEAST_VERSION}",
    ),
    "weights": ClassifierFormat(
        "classifier.safetensors",
        _write_weights,
        _open_weights,
        f"scaled images: {preprocessing.SCALING}",
    ),
    "saved_model": ClassifierFormat(
        "saved_model",
        _write_saved_model,
        _open_saved_model,
        "pixels of 0 to 255, float32; signature 'scaled': scaled images",
    ),
    "tflite": ClassifierFormat(
        "classifier.tflite",
        _write_tflite,
        _open_tflite,
        "pixels of 0 to 255, float32",
        difference=1e-3,
    ),
    "tflite_int8": ClassifierFormat(
        "classifier_int8.tflite",
        _write_tflite_int8,
        _open_tflite,
        "pixels of 0 to 255, uint8",
        difference=math.inf,
        agreement=0.9,
    ),
    "onnx": ClassifierFormat(
        "classifier.onnx",
        _write_onnx,
        _open_onnx,
        "pixels of 0 to 255, float32",
        difference=1e-3,
        extra="onnx",
    ),
}


def _labels(class_names: Sequence[str]) -> str:
    # A line a class, whatever a name holds.
    return "".join(" ".join(name.split()) + "\n" for name in class_names)


def write_labels(class_names: Sequence[str], folder: str) -> None:
    """Writes the names of the classes, a line each, in the order of the labels."""
    with open(os.path.join(folder, LABELS), "w", encoding="utf-8") as file:
        file.write(_labels(class_names))
