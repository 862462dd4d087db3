"""What weights of another data set are worth: CIFAR-10 to handwritten Bangla numerals.

A network is trained on CIFAR-10. Then, for the same few steps of the same recipe, the numerals
are learnt from its weights, in stages, and from random ones; several seeds each. Besides, the
network of CIFAR-10 is exported as TFLite in int8, and compared with itself on real images.

Needs CELLS_DATA_DIR with `cifar10` and `cmaterdb/bangla` prepared.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import tempfile
from typing import Any

from benchmarks.data import data_dir
from benchmarks.report import observed, print_figures, required

LIMITS = {
    "accuracy on Bangla numerals, from CIFAR-10": (">= 0.3", 0.1, "chance, of ten numerals"),
    "difference": ("> 0", 0.0, "weights that are not taken over, in the mean"),
    "int8 agrees, share of images": (">= 0.95", 0.1, "chance, of ten classes"),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genotype", default="nasnet_a", help="the cells of all networks")
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--before", type=int, default=1000, help="steps on CIFAR-10")
    parser.add_argument("--steps", type=int, default=100, help="on the numerals")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=500, help="on which int8 is compared")
    args = parser.parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        source = str(folder / "cifar10")
        known = _train("cells_classification", _before(args), source)
        print(f"CIFAR-10: accuracy {known:.4f} after {args.before} steps", flush=True)
        agreement = _int8(source, str(folder / "exported"), args.images)
        scores: dict[str, list[float]] = {"from CIFAR-10": [], "from scratch": []}
        for seed in range(args.seeds):
            for name, found in scores.items():
                start = source if name == "from CIFAR-10" else ""
                settings = _numerals(args, seed, start)
                found.append(_train("cells_finetune", settings, str(folder / f"{name} {seed}")))
                print(f"{name}, seed {seed}: accuracy {found[-1]:.4f}", flush=True)
    tuned, scratch = (statistics.mean(found) for found in scores.values())
    print_figures(
        [
            required(LIMITS, "accuracy on Bangla numerals, from CIFAR-10", round(tuned, 4)),
            observed("accuracy on Bangla numerals, from scratch", round(scratch, 4)),
            required(LIMITS, "difference", round(tuned - scratch, 4)),
            required(
                LIMITS,
                "int8 agrees, share of images",
                round(agreement, 4),
                note=f"{args.images} images",
            ),
        ],
        seeds=range(args.seeds),
    )


def _train(experiment: str, settings: dict[str, Any], folder: str) -> float:
    """The accuracy behind a training."""
    import tf_keras

    from transfer.config import configure
    from transfer.training import runner

    params = configure.configure(
        configure.experiment(experiment),
        override=json.dumps(settings),
        data_dir=data_dir(),
    )
    metrics = runner.run(params, "train_and_eval", folder)
    tf_keras.backend.clear_session()
    assert metrics is not None
    return metrics["accuracy"]


def _int8(source: str, output: str, images: int) -> float:
    from transfer.exporting import export

    export.COMPARED = images
    told = export.export(source, output, formats=("tflite_int8",))
    return told["files"]["tflite_int8"]["top_1_agreement"]


def _before(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "task": {
            "seed": 0,
            "model": {"cells": _cells(args)},
            "train_data": {"tfds_name": "cifar10", "shuffle_buffer_size": 5000},
            "validation_data": {"tfds_name": "cifar10", "tfds_split": "test[:2000]"},
        },
        "trainer": {**_loops(args.before), "optimizer_config": _rate(0.1)},
    }


def _numerals(args: argparse.Namespace, seed: int, source: str) -> dict[str, Any]:
    return {
        "task": {
            "seed": seed,
            "init_checkpoint": source,
            # Five stages, of which the last has half of the time.
            "unfreeze_every": args.steps // 8 if source else 0,
            "model": {"input_size": [32, 32, 3], "cells": _cells(args)},
            "train_data": {
                "tfds_name": "cmaterdb/bangla",
                "seed": seed,
                "aug_rand_hflip": False,
                "shuffle_buffer_size": 5000,
            },
            "validation_data": {"tfds_name": "cmaterdb/bangla"},
        },
        "trainer": {
            **_loops(args.steps),
            "optimizer_config": {
                **_rate(0.05),
                "ema": {"average_decay": 0.9},
                "warmup": {"linear": {"warmup_steps": 10}},
            },
        },
    }


def _cells(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "genotype": args.genotype,
        "network": "cifar",
        "normal_cells": 1,
        "filters": args.filters,
    }


def _loops(steps: int) -> dict[str, int]:
    return {
        "train_steps": steps,
        "steps_per_loop": steps,
        "summary_interval": steps,
        "checkpoint_interval": steps,
        "validation_interval": steps,
    }


def _rate(rate: float) -> dict[str, Any]:
    return {"learning_rate": {"cosine": {"initial_learning_rate": rate}}}


if __name__ == "__main__":
    main()
