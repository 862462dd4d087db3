"""What the cost model predicts against real steps of the children's engine.

  python -m benchmarks.cost_model --table=costs.json          measures the table where there is none
  python -m benchmarks.cost_model --table=costs.json --output=DIR    goes on where it was stopped

Random networks of the NASNet space, wide and narrow: N from 1 to 4, F from 8 to 64. A step draws
and augments images and trains with them; processor time, the shortest of several runs. Beside the
model, multiply-adds with one pace for all networks, the one that suits them best: random cells mix
all operations, so that within this space the size of a network says much of its time, too.
"""

from __future__ import annotations

import argparse
import gc
import os
import pathlib
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.kept import Records
from benchmarks.report import Figure, observed, print_figures, required

LIMITS = {
    "step seconds predicted, median error": ("<= 0.15", 0.6, "one time for all networks, about"),
    "step seconds predicted, rank correlation": (">= 0.95", 0.0, "one time for all networks"),
    "default cells of `cells auto` in training, G multiply-adds a second": (
        ">= 6",
        2.0,
        "cells of separable operations, `snas_mild` at N = 1, F = 8",
    ),
}

#: Height and width of the images, and their classes.
SIZE, CLASSES = 32, 10

BATCHES = (32, 64)

#: F of the networks: with full and with ragged vectors.
FILTERS = tuple(range(8, 65, 4))


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--largest", type=int, default=4, help="N, at most")
    parser.add_argument("--runs", type=int, default=5, help="steps of which the shortest counts")
    parser.add_argument("--table", default="runs/cost_model/costs.json", help="cost table")
    parser.add_argument("--output", default="runs/cost_model", help="folder of the results")
    args = parser.parse_args()
    table = _table(pathlib.Path(args.table))
    records = Records(pathlib.Path(args.output) / "steps.jsonl")
    rows = []
    for seed in range(args.networks):
        rows.append(_row(table, records, seed, args))
        last = rows[-1]
        print(
            f"network {seed}: N={last['normal_cells']} F={last['filters']} batch {last['batch']}: "
            f"{last['predicted']:.4f} s predicted, {last['seconds']:.4f} s taken",
            flush=True,
        )
    print_figures(_figures(rows) + _paces(args.runs), seeds=range(args.networks))


def _table(path: pathlib.Path) -> Any:
    from cell_search.costs import table
    from cell_search.costs.measure import measure

    if not path.exists():
        began = time.perf_counter()
        table.write(measure(report=lambda line: print(line, flush=True)), path)
        print(f"the table was measured in {time.perf_counter() - began:.0f} s")
    return table.read(path)


def _row(table: Any, records: Records, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    from cell_search.costs.predict import step_seconds
    from cell_search.evaluators._child_network import child_config, child_summary
    from cell_search.space import published

    rng = np.random.default_rng([16, seed])
    space = published.find("nasnet")
    genotype = space.decode(space.random(rng))
    network = {
        "normal_cells": int(rng.integers(1, args.largest + 1)),
        "filters": int(rng.choice(FILTERS)),
    }
    batch = int(rng.choice(BATCHES))
    config = child_config(genotype, size=(SIZE, SIZE), num_classes=CLASSES, **network)
    key = {"genotype": genotype.name, "batch": batch, **network}
    found = records.find(key)
    if found is None:
        found = {"seconds": _seconds(genotype, config, batch, args.runs)}
        # A traced step and its child refer to each other.
        gc.collect()
        records.add(key, found)
    multiply_adds = child_summary(genotype, config).multiply_adds
    assert multiply_adds is not None
    return {
        **key,
        **found,
        "predicted": step_seconds(table, genotype, config, batch),
        "multiply_adds": batch * multiply_adds,
    }


def _seconds(genotype: Any, config: Any, batch: int, runs: int) -> float:
    """Of a step as the evaluator `train` makes it."""
    import tensorflow as tf

    from cell_search.children import Child, Descent, Training, bank_of
    from cell_search.costs.measure import shortest
    from cell_search.recipes.augmentation import augment

    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(batch, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(CLASSES, size=batch).astype(np.int32)
    training = Training(
        Child(genotype, config, bank_of(config.batch_norm_epsilon)),
        Descent(l2=1e-4),
        prepare=lambda images: tf.cast(images, tf.float32) / 255.0,
    )

    def step() -> None:
        float(training.step(augment(pixels, rng, 4, True), labels, 0.01))

    step()  # Compiles the pieces; the next one the whole.
    return shortest(step, runs)


def _figures(rows: list[dict[str, Any]]) -> list[Figure]:
    from scipy.stats import spearmanr

    taken = np.array([row["seconds"] for row in rows])
    by_model = np.array([row["predicted"] for row in rows])
    products = np.array([row["multiply_adds"] for row in rows])
    by_pace = products * np.median(taken / products)
    errors = {name: abs(p / taken - 1.0) for name, p in (("m", by_model), ("p", by_pace))}
    worst = (
        f"9 of 10 within {np.quantile(errors['m'], 0.9):.2f}, bias {_bias(by_model, taken):+.2f}"
    )
    return [
        required(
            LIMITS,
            "step seconds predicted, median error",
            round(float(np.median(errors["m"])), 3),
            note=worst,
        ),
        required(
            LIMITS,
            "step seconds predicted, rank correlation",
            round(float(spearmanr(by_model, taken).statistic), 4),
        ),
        observed(
            "multiply-adds with one pace, median error", round(float(np.median(errors["p"])), 3)
        ),
        observed(
            "multiply-adds with one pace, rank correlation",
            round(float(spearmanr(by_pace, taken).statistic), 4),
        ),
    ]


def _paces(runs: int) -> list[Figure]:
    """What those who take part in `cells auto` make of a processor: of the forward pass, as the
    multiply-adds of a network are counted, in seconds of the whole step."""
    from auto.entrants import CELLS, SIZES, STEM
    from cell_search.costs.measure import shortest
    from cell_search.recipes.recipe import Recipe
    from cell_search.recipes.training import WholeTraining
    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.residual import ResidualConfig, residual
    from cells.network.stack import stack
    from cells.operations.counts import summarize

    normal_cells, filters = SIZES[0]
    batch = max(BATCHES)
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(batch, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(CLASSES, size=batch)

    def pace(graph: Any, config: Any) -> float:
        training = WholeTraining(graph, config, Recipe(schedule="trapezoid"), (images, labels))
        training.run(2)
        count = summarize(graph, ("logits",), (SIZE, SIZE)).multiply_adds
        assert count is not None
        return round(1e-9 * batch * count / shortest(lambda: training.run(1), runs), 2)

    def of_cells(name: str) -> float:
        genotype = catalogue.load(name)
        sizes = {"normal_cells": normal_cells, "filters": filters, "num_classes": CLASSES}
        network = presets.OF_STEM[STEM]
        config = presets.configure(genotype, network, image_size=(SIZE, SIZE), **sizes)
        return pace(stack(genotype, config), config)

    plain = ResidualConfig(filters=filters, image_size=(SIZE, SIZE), num_classes=CLASSES)
    first, *others = CELLS
    name = "default cells of `cells auto` in training, G multiply-adds a second"
    return [
        required(LIMITS, name, of_cells(first), note=f"{first}, N = {normal_cells}, F = {filters}"),
        *(
            observed(f"{cells} in training, G multiply-adds a second", of_cells(cells))
            for cells in others
        ),
        observed("resnet_9 in training, G multiply-adds a second", pace(residual(plain), plain)),
    ]


def _bias(predicted: np.ndarray, taken: np.ndarray) -> float:
    """By which part predictions are too high, in the middle."""
    return float(np.median(predicted / taken - 1.0))


if __name__ == "__main__":
    main()
