"""Children of the search against the same networks in Keras, in one run.

For random genotypes of the NASNet space: time from the genotype to the first trained step, and
images per second from there on, of the engine of `cell_search.children` and of a functional Keras
model (build, compile, `fit`). With `--graphs`, for evolved graphs, whose channels no other
has. The two take turns, so that what else runs on the machine
meets both. Wall time, and beside it processor time, which others disturb less.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.children_memory import random_graph
from benchmarks.report import Figure, observed, print_figures, required

LIMITS = {
    "graphs: first step, parts of Keras's processor time": ("<= 0.3", 1.0, "a Keras model"),
    "first step, parts of Keras's processor time": ("<= 0.25", 1.0, "a Keras model"),
    "the same by wall time": ("<= 0.25", 1.0, "a Keras model"),
    "first and second step (which traces the whole), parts of Keras's first": (
        "<= 0.5",
        1.0,
        "a Keras model",
    ),
    "images per second of processor time, parts of Keras's": (
        ">= 1.0",
        0.5,
        "steps that are never traced as a whole, about",
    ),
}

#: Seconds of (wall, processor).
Times = tuple[float, float]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genotypes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of steps, by turns")
    parser.add_argument("--steps", type=int, default=3, help="of a round")
    parser.add_argument("--graphs", action="store_true")
    args = parser.parse_args()
    firsts: list[list[Times]] = []
    whole: list[Times] = []
    speeds: list[float] = []
    for seed in range(args.genotypes):
        ours, theirs = _Engine(seed, args.batch, args.graphs), Keras(seed, args.batch, args.graphs)
        order = (ours, theirs) if seed % 2 else (theirs, ours)
        times = {id(one): timed(one.first) for one in order}
        firsts.append([times[id(ours)], times[id(theirs)]])
        # The engine's second step traces the whole step; Keras's first did.
        whole.append(timed(functools.partial(ours.steps, 1)))
        theirs.steps(1)
        laps: dict[int, list[Times]] = {id(ours): [], id(theirs): []}
        for lap in range(args.rounds):
            for one in order if lap % 2 else order[::-1]:
                laps[id(one)].append(timed(functools.partial(one.steps, args.steps)))
        speeds.append(_median(laps[id(theirs)], 1) / _median(laps[id(ours)], 1))
        per_second = [args.batch * args.steps / _median(laps[id(o)], 0) for o in (ours, theirs)]
        print(
            f"genotype {seed}: first step {_shown(firsts[-1][0])} against {_shown(firsts[-1][1])},"
            f" second {_shown(whole[-1])}; images per second {per_second[0]:.0f} against "
            f"{per_second[1]:.0f}, by processor time {speeds[-1]:.2f} times Keras's",
            flush=True,
        )
        ours.forget()
        theirs.forget()
    print_figures(_figures(firsts, whole, speeds, args), seeds=range(args.genotypes))


def _figures(
    firsts: list[list[Times]], whole: list[Times], speeds: list[float], args: argparse.Namespace
) -> list[Figure]:
    def parts(of: int) -> list[float]:
        return [ours[of] / theirs[of] for ours, theirs in firsts]

    if args.graphs:
        spread = f"median of {args.genotypes} graphs, {min(parts(1)):.2f} to {max(parts(1)):.2f}"
        name = "graphs: first step, parts of Keras's processor time"
        return [required(LIMITS, name, round(statistics.median(parts(1)), 3), note=spread)]
    both = [
        (ours[1] + second[1]) / theirs[1]
        for (ours, theirs), second in zip(firsts, whole, strict=True)
    ]
    low, high = min(parts(1)), max(parts(1))
    return [
        required(
            LIMITS,
            "first step, parts of Keras's processor time",
            round(statistics.median(parts(1)), 3),
            note=f"median of {args.genotypes} genotypes, spread {low:.2f} to {high:.2f}",
        ),
        required(LIMITS, "the same by wall time", round(statistics.median(parts(0)), 3)),
        observed("the same by processor time, cold bank", round(parts(1)[0], 3)),
        required(
            LIMITS,
            "first and second step (which traces the whole), parts of Keras's first",
            round(statistics.median(both), 3),
        ),
        required(
            LIMITS,
            "images per second of processor time, parts of Keras's",
            round(statistics.median(speeds), 3),
            note=f"spread {min(speeds):.2f} to {max(speeds):.2f}",
        ),
    ]


def timed(function: Callable[[], object]) -> Times:
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def _median(times: list[Times], of: int) -> float:
    return statistics.median(t[of] for t in times)


def _shown(times: Times) -> str:
    return f"{times[0]:.2f} s ({times[1]:.2f} of the processor)"


class _Contestant:
    """N = 1, F = 16 on 32x32 images, momentum, L2 and clipping."""

    def __init__(self, seed: int, batch: int, graphs: bool = False):
        from cell_search.evaluators._child_network import child_config
        from cell_search.space import published
        from cells.network.stack_config import StackConfig

        rng = np.random.default_rng(seed)
        self.seed, self.batch = seed, batch
        if graphs:
            self.config = StackConfig()
            self.genotype: Any = random_graph(rng, (32, 32))
        else:
            space = published.find("nasnet", 5)
            self.genotype = space.decode(space.random(rng))
            self.config = child_config(
                self.genotype, normal_cells=1, filters=16, size=(32, 32), num_classes=10
            )
        self.images = rng.normal(size=(batch, 32, 32, 3)).astype(np.float32)
        self.labels = rng.integers(10, size=batch).astype(np.int32)

    def forget(self) -> None:
        import gc

        gc.collect()


class _Engine(_Contestant):
    def first(self) -> None:
        from cell_search.children import Child, Descent, Training, bank_of

        child = Child(
            self.genotype, self.config, bank_of(self.config.batch_norm_epsilon), self.seed
        )
        self.training = Training(child, Descent(momentum=0.9, l2=5e-4, clip=5.0))
        self.steps(1)

    def steps(self, count: int) -> None:
        for _ in range(count):
            loss = self.training.step(self.images, self.labels, 0.01)
        float(loss)
        self.training.child.trained.numpy()


class Keras(_Contestant):
    def first(self) -> None:
        import keras

        from cells.network.build import build_network

        self.model = build_network(self.genotype, self.config, keras, l2=5e-4)
        self.model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=5.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.steps(1)

    def steps(self, count: int) -> None:
        images, labels = (np.concatenate([a] * count) for a in (self.images, self.labels))
        self.model.fit(images, labels, batch_size=self.batch, verbose=0, shuffle=False)

    def forget(self) -> None:
        # Not `clear_session`: it empties TensorFlow's cache of kernels, the other's included.
        del self.model
        super().forget()


if __name__ == "__main__":
    main()
