"""The transfer stage against plain Keras and, where it is installed, timm: step and inference.

NASNet-A mobile at 224 pixels: a training step of `transfer.training.task` against `train_on_batch`
of `keras.applications.NASNetMobile`, both with momentum and without the auxiliary head, which Keras
does not have; the exported SavedModel (which scales pixels itself) against `predict_on_batch`,
TFLite and ONNX Runtime in rows of their own. With --large the large networks instead, two images of
331 pixels at a time.

What is compared takes turns in one process with the same threads. Speeds are ratios of medians;
their spread is that of the ratios of single rounds. Weights are random: they do not change speed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.report import Figure, judged, observed, print_figures, required

LIMITS = {
    "training step, times Keras's speed": (">= 1.0", 0.5, "layers that run one by one, about"),
    "inference of the SavedModel, times Keras's speed": (">= 1.2", 1.0, "Keras's own prediction"),
    "ours: * large at 331 pixels, parts of timm's time": (
        "<= 1.0",
        2.0,
        "every cell computed twice, about",
    ),
}

Runs = dict[str, Callable[[], Any]]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--large", action="store_true", help="the large networks instead")
    args = parser.parse_args()
    if args.large and importlib.util.find_spec("timm"):
        import timm  # noqa: F401  # PyTorch dies where TensorFlow was loaded before it.
    import tensorflow as tf

    # It warns of functions that are traced once each, but are called by the same name.
    tf.get_logger().setLevel("ERROR")
    if args.large:
        print_figures(_large(args.rounds, 2), seeds=[0])
        return
    figures = _training(args.rounds, args.batch)
    with tempfile.TemporaryDirectory() as folder:
        figures += _inference(args.rounds, args.batch, folder)
    print_figures(figures, seeds=[0])


def _training(rounds: int, batch: int) -> list[Figure]:
    import keras
    import tensorflow as tf

    labels = np.arange(batch) % 1000
    theirs = keras.applications.NASNetMobile(weights=None, classifier_activation=None)
    theirs.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images = _pixels(batch, 224) / 127.5 - 1.0
    given = tf.constant(images), tf.constant(labels)
    step = training_step()
    times = _times(
        {
            "ours": lambda: step(given),
            "keras": lambda: theirs.train_on_batch(images, labels),
        },
        rounds,
    )
    keras.utils.clear_session()
    return [_speed("training step", times)]


def training_step(
    model: str = "num_classes: 1000, auxiliary_head: false",
) -> Callable[[Any], float]:
    """A step of the task that Model Garden's trainer runs: of a batch to its loss.

    Args:
        model: what is set of `task.model` of ImageNet's small network.
    """
    import tensorflow as tf
    import tf_keras

    from transfer.config import configure
    from transfer.training.task import ClassificationTask

    settings = f"{{model: {{{model}}}, losses: {{label_smoothing: 0, l2_weight_decay: 0}}}}"
    params = configure.configure(
        configure.experiment("cells_imagenet_mobile"), override=f"task: {settings}"
    )
    task = ClassificationTask(params.task)
    network = task.build_model()
    optimizer = tf_keras.optimizers.legacy.SGD(0.01, momentum=0.9)
    step = tf.function(lambda given: task.train_step(given, network, optimizer)["loss"])
    return lambda given: float(step(given))


def _inference(rounds: int, batch: int, folder: str) -> list[Figure]:
    import keras

    pixels = _pixels(batch, 224)
    theirs = keras.applications.NASNetMobile(weights=None)
    runs: Runs = {"keras": lambda: theirs.predict_on_batch(pixels)}
    network = _network("nasnet_a", "imagenet_mobile")
    kinds = ["saved_model", "tflite"]
    kinds += ["onnx"] if importlib.util.find_spec("tf2onnx") else []
    for kind in kinds:
        runs[kind] = _exported(network, kind, folder, pixels)
    times = _times(runs, rounds)
    keras.utils.clear_session()
    figures = [_speed("inference of the SavedModel", times, ours="saved_model")]
    return figures + [_speed(f"inference of {kind}", times, ours=kind) for kind in kinds[1:]]


def _large(rounds: int, batch: int) -> list[Figure]:
    """Milliseconds an image; at most those of timm where it is installed."""
    import keras

    pixels = _pixels(batch, 331)
    theirs = keras.applications.NASNetLarge(weights=None)
    runs: Runs = {"keras nasnet_a": lambda: theirs.predict_on_batch(pixels)}
    for genotype in ("nasnet_a", "pnasnet_5"):
        with tempfile.TemporaryDirectory() as folder:
            network = _network(genotype, "imagenet_large")
            runs[f"ours {genotype}"] = _exported(network, "saved_model", folder, pixels)
    if importlib.util.find_spec("timm"):
        runs |= {f"timm {name}": _timm(model, pixels) for name, model in _TIMM.items()}
    times = {name: [1e3 * t / batch for t in some] for name, some in _times(runs, rounds).items()}
    figures = []
    for name, some in times.items():
        whose, genotype = name.split()
        what = f"{whose}: {genotype} large at 331 pixels"
        median, spread = statistics.median(some), f"spread {min(some):.0f} to {max(some):.0f}"
        told = f"{what}, batch {batch}, ms an image"
        figures.append(observed(told, round(median), note=spread))
        if whose == "ours" and (rival := times.get(f"timm {genotype}")):
            ratio = round(median / statistics.median(rival), 3)
            figures.append(required(LIMITS, f"{what}, parts of timm's time", ratio))
    keras.utils.clear_session()
    return figures


_TIMM = {"nasnet_a": "nasnetalarge", "pnasnet_5": "pnasnet5large"}


def _timm(name: str, pixels: np.ndarray) -> Callable[[], Any]:
    import timm
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    model = timm.create_model(name, pretrained=False).eval().to(memory_format=torch.channels_last)
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 127.5 - 1.0)
    images = images.to(memory_format=torch.channels_last)

    def run() -> Any:
        with torch.inference_mode():
            return model(images).numpy()

    return run


def _network(genotype: str, network: str) -> Any:
    """What `transfer.exporting.export` writes of a run, with random weights."""
    import keras

    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.build import build_network
    from transfer.exporting import formats

    cells = catalogue.load(genotype)
    stack = presets.configure(cells, network, dropout=0.0)
    return formats.Network(
        model=build_network(cells, stack, keras),
        class_names=[str(i) for i in range(stack.num_classes or 0)],
        representative=np.zeros((0,), np.uint8),
        genotype=cells,
        stack=stack,
        source="random",
    )


def _exported(network: Any, kind: str, folder: str, pixels: np.ndarray) -> Callable[[], Any]:
    from transfer.exporting import formats

    form = formats.FORMATS[kind]
    path = os.path.join(folder, form.file)
    form.write(network, path)
    run = form.open(path)
    return lambda: run(pixels)


def _pixels(batch: int, size: int) -> np.ndarray:
    shape = (batch, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def _times(runs: Runs, rounds: int) -> dict[str, list[float]]:
    """Seconds of each in each round, in which they take turns, behind two rounds to warm up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds + 2):
        for name in list(runs) if i % 2 else reversed(runs):
            start = time.perf_counter()
            runs[name]()
            times[name].append(time.perf_counter() - start)
    times = {name: some[2:] for name, some in times.items()}
    print({name: [round(t, 3) for t in some] for name, some in times.items()}, flush=True)
    return times


def _speed(what: str, times: dict[str, list[float]], ours: str = "ours") -> Figure:
    ratios = [b / a for a, b in zip(times[ours], times["keras"], strict=True)]
    speed = statistics.median(times["keras"]) / statistics.median(times[ours])
    name, spread = f"{what}, times Keras's speed", f"spread {min(ratios):.2f} to {max(ratios):.2f}"
    return judged(LIMITS, name, round(speed, 3), note=spread)


if __name__ == "__main__":
    main()
