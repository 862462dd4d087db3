"""All that CPUs cannot show, checked and measured on one GPU within eight minutes.

Half precision and XLA against float32; children's first step and images a second against Keras; a
training step of the transfer stage against `keras.applications`; a detector's step; the peak of
the memory of each. Every part is a process of its own, which ends where its time is over: what the
others found is printed all the same.

    python -m benchmarks.accelerator              on a machine with a GPU; without one it says so
    python -m benchmarks.accelerator --dry        the same program on tiny sizes, on a CPU

Needs no data but what comes with the project. Times are wall time.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import numpy as np

from benchmarks.report import Figure, observed, print_figures, read_figures, required

LIMITS = {
    "*, largest error of float16": ("<= 0.01", 1.0, "another kernel, about"),
    "*, largest error of bfloat16": ("<= 0.05", 1.0, "another kernel, about"),
    "XLA: *, largest difference": ("<= 0.001", 1.0, "another network, about"),
    "*, times Keras's speed": (">= 1.0", 0.5, "layers that run one by one, about"),
    "children: first step, parts of Keras's time": ("<= 0.5", 1.0, "a Keras model"),
    "parts that did not end well": ("<= 0", 1.0, "a part that is killed"),
}

#: Seconds of all parts together.
BUDGET = 480


def main() -> None:
    """Runs the parts one after the other and prints their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dry", action="store_true", help="tiny sizes, on whatever is there")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds (%(default)s)")
    parser.add_argument("--parts", default=",".join(PARTS), help="%(default)s")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        print_figures([*PARTS[args.part](args.dry), _memory(args.part)], seeds=[0])
        return
    if not args.dry and not _gpus():
        # A row, too: whoever reads the figures sees that nothing was measured.
        print_figures([observed("GPUs", 0, note="nothing is measured; --dry runs on a CPU")])
        return
    end = time.monotonic() + args.budget
    figures, bad = [], []
    parts = args.parts.split(",")
    for i, part in enumerate(parts):
        # No part takes what those behind it need: at most twice its share of what is left.
        left = end - time.monotonic()
        share = left * min(1.0, 2.0 / (len(parts) - i))
        found, fault = _run(part, args.dry, share)
        figures += found
        if fault:
            bad.append(f"{part} {fault}")
    name = "parts that did not end well"
    figures.append(required(LIMITS, name, len(bad), note="; ".join(bad)))
    print_figures(figures, seeds=[0])


def _gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def _run(part: str, dry: bool, seconds: float) -> tuple[list[Figure], str]:
    """The figures of a part, and what went wrong with it."""
    command = [sys.executable, "-m", "benchmarks.accelerator", f"--part={part}"]
    print(f"{part}: {seconds:.0f} s at most", flush=True)
    try:
        done = subprocess.run(
            command + ["--dry"] * dry, stdout=subprocess.PIPE, text=True, timeout=max(seconds, 0.1)
        )
    except subprocess.TimeoutExpired:
        return [], f"took more than {seconds:.0f} s"
    print(done.stdout, flush=True)
    if done.returncode:
        return [], f"ended with exit code {done.returncode}"
    return read_figures(done.stdout)[0], ""


def _judged(dry: bool, name: str, value: float, note: str = "") -> Figure:
    """On a CPU and with tiny sizes no speed means anything."""
    return observed(name, value, note=note) if dry else required(LIMITS, name, value, note=note)


def _memory(part: str) -> Figure:
    """The peak of the GPU's memory; without one, of the process's."""
    import resource

    import tensorflow as tf

    if _gpus():
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
        return observed(f"{part}: peak of the GPU's memory, MiB", round(peak))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return observed(f"{part}: peak of the process's memory, MiB", round(peak))


def _depthwise(dry: bool) -> list[Figure]:
    """Depthwise convolutions and their gradients in half precision, in parts of the largest."""
    import tensorflow as tf

    from cells.network.depthwise import depthwise

    rng = np.random.default_rng(0)
    batch, size, channels = (2, 8, 4) if dry else (32, 32, 64)
    worst = {"float16": 0.0, "bfloat16": 0.0}
    for width in (3, 5, 7):
        for stride in (1, 2):
            x = rng.normal(size=(batch, size, size, channels)).astype(np.float32)
            kernel = (rng.normal(size=(width, width, channels, 1)) / width).astype(np.float32)

            def run(dtype: str, x: Any = x, kernel: Any = kernel, stride: int = stride) -> list:
                given = [tf.cast(tf.constant(a), dtype) for a in (x, kernel)]
                with tf.GradientTape() as tape:
                    tape.watch(given)
                    y = depthwise(*given, (stride, stride), "SAME")
                    total = tf.reduce_mean(tf.cast(y, tf.float32) ** 2)
                return [
                    np.asarray(tf.cast(a, tf.float32)) for a in (y, *tape.gradient(total, given))
                ]

            exact = run("float32")
            for dtype in worst:
                for a, b in zip(run(dtype), exact, strict=True):
                    worst[dtype] = max(worst[dtype], float(np.abs(a - b).max() / np.abs(b).max()))
    return [
        required(
            LIMITS, f"depthwise: largest of all, largest error of {dtype}", float(f"{error:.2g}")
        )
        for dtype, error in worst.items()
    ]


def _xla(dry: bool) -> list[Figure]:
    """A small network, its logits and gradients, compiled by XLA or not."""
    import keras
    import tensorflow as tf

    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.build import build_network

    # XLA compiles NASNet-A's cells for minutes on a CPU.
    cells = catalogue.load("darts_v2" if dry else "nasnet_a")
    filters, batch = (4, 2) if dry else (32, 128)
    stack = presets.configure(cells, "cifar", normal_cells=1, filters=filters)
    model = build_network(cells, stack, keras)
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(batch, 32, 32, 3)).astype(np.float32))
    labels = tf.constant(rng.integers(10, size=batch))

    def step() -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(images, training=False)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            total = tf.reduce_mean(loss)
        by_weights = tape.gradient(total, [v.value for v in model.trainable_variables])
        return logits, tf.concat([tf.reshape(g, [-1]) for g in by_weights], axis=0)

    figures, found, seconds = [], {}, {}
    for name, jit in (("plain", False), ("XLA", True)):
        function = tf.function(step, jit_compile=jit)
        found[name] = [np.asarray(a) for a in function()]
        seconds[name] = _median(lambda function=function: function()[1].numpy(), 2 if dry else 20)
    for what, a, b in zip(("logits", "gradients"), found["XLA"], found["plain"], strict=True):
        error = float(f"{np.abs(a - b).max() / np.abs(b).max():.2g}")
        figures.append(required(LIMITS, f"XLA: {what}, largest difference", error))
    speed = round(seconds["plain"] / seconds["XLA"], 3)
    return [*figures, observed("XLA: speed of a step, times that without", speed)]


def _children(dry: bool) -> list[Figure]:
    """The engine of children and Keras, as `benchmarks.children` compares them, by wall time."""
    from benchmarks.children import Keras, _Engine

    batch, steps = (8, 2) if dry else (256, 20)
    firsts, speeds, absolute = [], [], []
    for seed in range(1 if dry else 3):
        ours, theirs = _Engine(seed, batch), Keras(seed, batch)
        first = [_seconds(one.first) for one in (ours, theirs)]
        ours.steps(1)  # It traces the whole step.
        times = [_median(functools.partial(one.steps, steps), 3) for one in (ours, theirs)]
        firsts.append(first[0] / first[1])
        speeds.append(times[1] / times[0])
        absolute.append(batch * steps / times[0])
        theirs.forget()
    return [
        _judged(
            dry,
            "children: first step, parts of Keras's time",
            round(statistics.median(firsts), 3),
            f"the first, with a cold bank, {firsts[0]:.2f}",
        ),
        _judged(
            dry, "children: training, times Keras's speed", round(statistics.median(speeds), 3)
        ),
        observed("children: images a second", round(statistics.median(absolute))),
    ]


def _transfer(dry: bool, precision: str = "float32") -> list[Figure]:
    """NASNet-A mobile (dry: a tiny one): a step of the task and Keras's `train_on_batch`."""
    import keras
    import tensorflow as tf
    import tf_keras
    from keras.src.applications import nasnet  # Of any size; the public module has two.

    from benchmarks import transfer

    size, batch, classes, rounds = (32, 2, 10, 2) if dry else (224, 64, 1000, 20)
    penultimate, cells, stem = (192, 1, 8) if dry else (1056, 4, 32)
    for library in (keras, tf_keras):
        policy = precision if precision == "float32" else f"mixed_{precision}"
        library.mixed_precision.set_global_policy(policy)
    cell_settings = f"filters: {penultimate // 24}, normal_cells: {cells}, stem_filters: {stem}"
    step = transfer.training_step(
        f"num_classes: {classes}, auxiliary_head: false, cells: {{{cell_settings}}}, "
        f"input_size: [{size}, {size}, 3]"
    )
    images = np.random.default_rng(0).normal(size=(batch, size, size, 3)).astype(np.float32)
    labels = np.arange(batch) % classes
    given = tf.constant(images), tf.constant(labels)
    theirs = nasnet.NASNet(
        (size, size, 3), penultimate, cells, stem, False, weights=None, classes=classes,
        classifier_activation=None, default_size=size,
    )  # fmt: skip
    theirs.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ours_s = _median(lambda: step(given), rounds)
    theirs_s = _median(lambda: theirs.train_on_batch(images, labels), rounds)
    what = f"transfer in {precision}"
    return [
        _judged(dry, f"{what}, times Keras's speed", round(theirs_s / ours_s, 3)),
        observed(f"{what}, images a second", round(batch / ours_s, 1)),
        observed(f"{what}, images a second of keras.applications", round(batch / theirs_s, 1)),
    ]


def _detection(dry: bool) -> list[Figure]:
    """A training step of RetinaNet on NASNet-A mobile (dry: a tiny one), on drawn scenes."""
    from detection.training import onednn

    onednn.turn_off()  # As in trainings; before TensorFlow is imported.
    import tensorflow as tf

    from detection.config import experiments
    from detection.training import complete, task
    from transfer.config import configure

    params = configure.experiment(
        "cells_retinanet" if dry else "cells_retinanet_coco", experiments.NAMES
    )
    size, batch = (64, 1) if dry else (640, 16)
    config = params.task
    config.model.input_size = [size, size, 3]
    for side in (config.train_data, config.validation_data):
        side.tfds_name, side.dtype = "digits_scenes", "float32"
    config.train_data.tfds_split = "train[:32]"
    config.train_data.global_batch_size = batch
    complete.resolve(params)
    made = task.create(config)
    model = made.build_model()
    optimizer = made.create_optimizer(params.trainer.optimizer_config)
    images, labels = next(iter(made.build_inputs(config.train_data)))
    step = tf.function(lambda: made.train_step((images, labels), model, optimizer)["loss"])
    losses: list[float] = []
    seconds = _median(lambda: losses.append(float(step())), 2 if dry else 10)
    assert all(map(np.isfinite, losses)), losses
    return [
        observed("detection: a step, s", float(f"{seconds:.3g}"), note=f"batch {batch}, {size} px"),
        observed("detection: images a second", round(batch / seconds, 2)),
    ]


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _median(function: Callable[[], Any], rounds: int) -> float:
    """The median time of a call, behind one to warm up."""
    function()
    return statistics.median(_seconds(function) for _ in range(rounds))


PARTS: dict[str, Callable[[bool], list[Figure]]] = {
    "depthwise": _depthwise,
    "children": _children,
    "transfer": _transfer,
    "transfer_bfloat16": functools.partial(_transfer, precision="bfloat16"),
    "detection": _detection,
    "xla": _xla,
}

if __name__ == "__main__":
    main()
