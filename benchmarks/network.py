"""NASNet-A mobile here against `keras.applications.NASNetMobile`, in one run.

Wall time to build, to trace and run the first training step, of a forward pass and of a training
step; the median ratio over pairs that take turns. Below 1 is faster than Keras's own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.report import Figure, print_figures, required

LIMITS = {"*, parts of Keras's time": ("<= 1.0", 2.0, "every cell built and computed twice, about")}

PHASES = ("build", "first training step", "forward pass", "training step")


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args()
    import keras
    import tensorflow as tf

    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.build import build_network

    # It warns of functions that are traced once each, but are called by the same name.
    tf.get_logger().setLevel("ERROR")
    genotype = catalogue.load("nasnet_a")
    config = presets.configure(genotype, "imagenet_mobile", dropout=0.0)
    builders: dict[str, Callable] = {
        "ours": lambda: build_network(genotype, config, keras),
        "keras": lambda: keras.applications.NASNetMobile(weights=None, classifier_activation=None),
    }
    x = np.random.default_rng(0).uniform(-1, 1, (args.batch, 224, 224, 3)).astype("float32")
    y = np.arange(args.batch) % 1000
    ratios: dict[str, list[float]] = {phase: [] for phase in PHASES}
    for pair in range(args.pairs):
        order = list(builders) if pair % 2 else list(reversed(builders))
        times = {name: _times(builders[name], x, y) for name in order}
        for i, phase in enumerate(PHASES):
            ratios[phase].append(times["ours"][i] / times["keras"][i])
        print(pair + 1, {n: [round(t, 2) for t in v] for n, v in times.items()}, flush=True)
    figures: list[Figure] = []
    for phase, values in ratios.items():
        low, high = min(values), max(values)
        median, spread = round(statistics.median(values), 3), f"spread {low:.2f} to {high:.2f}"
        figures.append(required(LIMITS, f"{phase}, parts of Keras's time", median, note=spread))
    print_figures(figures, seeds=[0])


def _times(build: Callable, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Seconds of the four phases, for one fresh model."""
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    start = time.perf_counter()
    model = build()
    built = time.perf_counter() - start
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return value

    @tf.function
    def forward(images):
        return model(images, training=False)

    images, labels = tf.constant(x), tf.constant(y)
    start = time.perf_counter()
    optimizer.build(model.trainable_variables)
    float(step(images, labels))
    first = time.perf_counter() - start
    forward(images)
    passes = []
    for function in (lambda: forward(images).numpy(), lambda: float(step(images, labels))):
        laps = []
        for _ in range(5):
            start = time.perf_counter()
            function()
            laps.append(time.perf_counter() - start)
        passes.append(min(laps))
    return [built, first, *passes]


if __name__ == "__main__":
    main()
