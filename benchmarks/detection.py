"""Our NASNet-A detector against Model Garden's ResNet-50-FPN RetinaNet, in one run.

Both under the same recipe (`cells_retinanet_coco`, `resnet_retinanet_coco`), on the same real
images: weights, multiply-adds, and the wall time of a training step and of looking at a batch, from
normalised images to boxes behind non-maximum suppression. The ratios are medians over pairs that
take turns. Needs CELLS_DATA_DIR with `coco/2017` prepared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.data import data_dir
from benchmarks.report import Figure, print_figures, required
from detection.training import onednn

LIMITS = {
    "weights, parts of ResNet-50's": ("<= 1.0", 1.5, "NASNet-A (6 @ 4032), at least"),
    "multiply-adds, parts of ResNet-50's": ("<= 1.0", 1.5, "NASNet-A (6 @ 4032), at least"),
    "*, parts of ResNet-50's time": ("<= 1.0", 1.5, "NASNet-A (6 @ 4032), at least"),
}

EXPERIMENTS = {"NASNet-A 4 @ 1056": "cells_retinanet_coco", "ResNet-50": "resnet_retinanet_coco"}
PHASES = ("training step", "inference")


@dataclass(frozen=True)
class Contender:
    """One of the two.

    Attributes:
        weights, multiply_adds: of the whole detector.
        phases: of each, a function that does it once.
    """

    weights: int
    multiply_adds: int
    phases: dict[str, Callable[[], Any]]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, default=256, help="height and width, in pixels")
    args = parser.parse_args()
    data_dir()
    onednn.turn_off()  # As in trainings; before TensorFlow is imported.
    ours, theirs = (_build(name, args.size, args.batch) for name in EXPERIMENTS.values())
    times = _times([ours, theirs], args.pairs)
    figures: list[Figure] = []
    for name, contender in zip(EXPERIMENTS, (ours, theirs), strict=True):
        print(f"{name}: {contender.weights:,} weights, {contender.multiply_adds:,} multiply-adds")
    for what in ("weights", "multiply_adds"):
        ratio = round(getattr(ours, what) / getattr(theirs, what), 3)
        name = f"{what.replace('_', '-')}, parts of ResNet-50's"
        figures.append(required(LIMITS, name, ratio, note=f"{getattr(theirs, what):,}"))
    for phase, (mine, other) in times.items():
        ratios = [a / b for a, b in zip(mine, other, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        seconds = f"{statistics.median(mine):.2f} s to {statistics.median(other):.2f} s"
        median, told = round(statistics.median(ratios), 3), f"{seconds}; spread {spread}"
        figures.append(required(LIMITS, f"{phase}, parts of ResNet-50's time", median, note=told))
    print_figures(figures, seeds=[1])


def _build(experiment: str, size: int, batch: int) -> Contender:
    import tensorflow as tf

    from detection import summary
    from detection.config import experiments
    from detection.training import complete, task
    from transfer.config import configure

    params = configure.experiment(experiment, experiments.NAMES)
    config = params.task
    config.model.input_size = [size, size, 3]
    # The recipe's kind loops over classes and boxes, which hides the network on a CPU.
    config.model.detection_generator.nms_version = "batched"
    config.train_data = config.train_data.replace(
        global_batch_size=batch, dtype="float32", shuffle_buffer_size=1, seed=1
    )
    for side in (config.train_data, config.validation_data):
        side.tfds_data_dir = data_dir()
    complete.resolve(params)
    made = task.create(config)
    model = made.build_model()
    optimizer = made.create_optimizer(params.trainer.optimizer_config)
    images, labels = next(iter(made.build_inputs(config.train_data)))
    shape = tf.constant([[size, size]] * batch, tf.float32)

    @tf.function
    def step() -> tf.Tensor:
        return made.train_step((images, labels), model, optimizer)["loss"]

    @tf.function
    def look() -> tf.Tensor:
        return model(images, image_shape=shape, training=False)["detection_scores"]

    phases = dict(zip(PHASES, (step, look), strict=True))
    counts = summary.counts(model, config.model.input_size)
    return Contender(counts["total"], counts["multiply_adds"], phases)


def _times(contenders: list[Contender], pairs: int) -> dict[str, list[list[float]]]:
    """Seconds by phase, of each contender, of each pair; the first call of each is not timed."""
    times: dict[str, list[list[float]]] = {}
    for phase in PHASES:
        for contender in contenders:
            contender.phases[phase]().numpy()
        times[phase] = [[] for _ in contenders]
        for pair in range(pairs):
            places = range(len(contenders))
            for place in places if pair % 2 else reversed(places):
                start = time.perf_counter()
                contenders[place].phases[phase]().numpy()
                times[phase][place].append(time.perf_counter() - start)
            print(phase, pair + 1, [round(t[-1], 2) for t in times[phase]], flush=True)
    return times


if __name__ == "__main__":
    main()
