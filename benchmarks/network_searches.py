"""Networks that are searched layer by layer on CIFAR-10, beside random ones and beside cells.

  python -m benchmarks.network_searches --output=DIR
  python -m benchmarks.network_searches --minutes=20 --arms=evolution,graphs,cells --output=DIR

Images have 16 pixels. A search sees the last fifth of the training images; its best network is then
trained again, longer and `--seeds` times, on others of them and scored on 5,000 that neither has
seen. That is the same for every arm, and so is the bound on multiply-adds.

By default each search has 60 children: regularized evolution of networks of 4 to 6 layers with 12
or 24 filters, and random ones. About two hours of a processor for three searches of each, by the
time of a median child (9 s) and of its last training (3 minutes). What evolution makes of skip
connections is counted, too: the share of pairs of layers that are joined, in its last population
less that in its first, which is random.

With `--minutes` each search has so much time of a processor in place of so many children: whole
networks, evolved graphs, and cells (NASNet's space, N = 1, F = 24) at equal cost.

All of it lies in DIR, and the same command goes on there. `--only=1` does the searches of one
number and judges nothing; `python -m benchmarks.kept DIR/.../trained.jsonl` keeps what was measured
for another day. Needs CELLS_DATA_DIR with `cifar10`.
"""

from __future__ import annotations

import argparse
import math
import os
import pathlib
import statistics
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.data import data_dir
from benchmarks.kept import Records
from benchmarks.report import Figure, mean_and_error, observed, print_figures, required
from benchmarks.searches import search_for

LIMITS = {
    "*: accuracy of its best, percent": (">= 35", 23.4, "softmax regression on the mean colour")
}

_LAYERWISE = {
    "name": "layerwise",
    "layerwise": {
        "layers": 6,
        "first_layers": 4,
        "more_layers": 1,
        "every": 0,
        "filters": [12, 24],
    },
}
_EVOLUTION = {"type": "regularized_evolution"}

#: Space, strategy, and what the children have beside what all have.
ARMS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "evolution": (_LAYERWISE, _EVOLUTION, {}),
    "random": (_LAYERWISE, {"type": "random"}, {}),
    "cells": ({"name": "nasnet"}, _EVOLUTION, {"normal_cells": 1, "filters": 24}),
    "graphs": (
        {"name": "graph"},
        {"type": "large_scale_evolution", "large_scale_evolution": {"founders": 2}},
        {},
    ),
}

#: A search's children, and its winner.
_TRAINING = {"batch": 64, "learning_rate": 0.05, "l2": 1e-4, "shift": 2}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="runs/network_searches")
    parser.add_argument("--arms", default="evolution,random", help=", ".join(ARMS))
    parser.add_argument("--trials", type=int, default=60, help="children of a search")
    parser.add_argument("--minutes", type=float, default=0.0, help="of a processor, in their place")
    parser.add_argument("--searches", type=int, default=3, help="of each arm")
    parser.add_argument("--only", type=int, help="the searches of this number, and no figures")
    parser.add_argument("--seeds", type=int, default=3, help="of the last training")
    parser.add_argument("--population", type=int, default=20)
    parser.add_argument("--images", type=int, default=8000, help="that train a child, twice each")
    parser.add_argument("--held_out", type=int, default=2000, help="that score a child")
    parser.add_argument("--last_images", type=int, default=20_000, help="that train the winner")
    parser.add_argument("--epochs", type=int, default=20, help="of the last training")
    parser.add_argument("--multiply_adds", type=float, default=4e7, help="of a network, at most")
    args = parser.parse_args()
    data_dir()
    # Another size of anything is another comparison.
    own = "_".join(f"{name}={value:g}" for name, value in vars(args).items() if _counts(name))
    folder = pathlib.Path(args.output) / own
    records = Records(folder / "trained.jsonl")
    arms = args.arms.split(",")
    scores: dict[str, list[list[float]]] = {arm: [] for arm in arms}
    notes: dict[str, str] = {}
    skips: list[float] = []
    for number in range(args.searches) if args.only is None else (args.only,):
        for arm in arms:
            if (known := records.find([arm, number])) is None:
                result = _searched(folder / f"{arm}_{number}", arm, number, args)
                found, told = _trained_again(records, result, arm, number, args)
                drift = _drift(result, args.population) if arm == "evolution" else 0.0
                known = {"scores": found, "told": told, "drift": drift}
                records.add([arm, number], known)
            scores[arm].append(known["scores"])
            notes[arm] = "; ".join(filter(None, (known["told"], records.measured_on())))
            if arm == "evolution":
                skips.append(known["drift"])
    if args.only is None:
        print_figures(figures_of(scores, notes, skips), seeds=range(args.searches))


def _counts(name: str) -> bool:
    return name not in ("output", "arms", "searches", "only")


def settings_of(arm: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """A search, but for its trials."""
    space, strategy, child = ARMS[arm]
    strategy = dict(strategy)
    if (kind := strategy["type"]) != "random":
        strategy[kind] = {**strategy.get(kind, {}), "population": args.population}
    if kind == "regularized_evolution":
        strategy[kind]["sample"] = max(2, args.population // 4)
    # The bound is that of the child, in whichever space.
    limit = {"network": "cifar", "multiply_adds": args.multiply_adds, "image_size": 16, **child}
    return {
        "space": space,
        "strategy": strategy,
        "evaluator": {"type": "train", "train": {**_TRAINING, "epochs": 2, **child}},
        "limits": limit,
        "images": {
            "name": "cifar10",
            "split": "train[80%:]",
            "training": args.images,
            "held_out": args.held_out,
            "size": 16,
        },
        "seed": seed,
        "top": 1,
        "report_minutes": 0.0,
    }


def _searched(folder: pathlib.Path, arm: str, seed: int, args: argparse.Namespace) -> Any:
    """The search, finished."""
    import cell_search

    settings = settings_of(arm, seed, args)
    if not args.minutes:
        return cell_search.search({**settings, "trials": args.trials}, directory=folder)
    search_for(folder, settings, args.minutes, chunk=args.population, name=f"{arm}, {seed}")
    return cell_search.open_search(folder / "search")


def _trained_again(
    records: Records, result: Any, arm: str, number: int, args: argparse.Namespace
) -> tuple[list[float], str]:
    """Accuracies of the winner by the longer training, and what it is."""
    from cell_search import images
    from cell_search.evaluators import Train
    from cell_search.evaluators.train.loop import train_child
    from cells.network.stack import stack
    from cells.operations.counts import summarize

    unseen = images.ImageSettings(
        name="cifar10", split="train[:80%]", held_out=5000, training=args.last_images, size=16
    )
    settings = Train(**_TRAINING, epochs=args.epochs, inherit=False, **ARMS[arm][2])
    network = result.genotype
    config = settings.trained_child(network, (16, 16), 10)
    counts = summarize(stack(network, config), ("logits",), (16, 16))
    found: list[float] = []
    for seed in range(args.seeds):
        key = [arm, number, seed, result.best.trial]
        if records.find(key) is None:
            metrics = train_child(network, config, images.load(unseen), settings, seed=seed)
            records.add(key, metrics["accuracy"])
            print(f"{arm}, search {number}, seed {seed}: {metrics['accuracy']:.4f}", flush=True)
        found.append(100.0 * records.find(key))
    told = (
        f"{len(result.trials)} children; the last winner has {counts.trainable:,} parameters and "
        f"{counts.multiply_adds:,} multiply-adds"
    )
    return found, told


def _drift(result: Any, population: int) -> float:
    """The share of pairs of layers that are joined, last networks less first ones, in points."""
    from optuna.trial import TrialState

    space = result.resolved.space
    trials = result.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    shares = [joined(space.decode(trial.params)) for trial in trials]
    return 100.0 * (statistics.mean(shares[-population:]) - statistics.mean(shares[:population]))


def joined(network: Any) -> float:
    """The share of the pairs of layers of which the later one reads the earlier one."""
    count = len(network.layers)
    read = sum(number > 0 for layer in network.layers for number in layer.inputs)
    return read / (count * (count - 1) / 2)


def figures_of(
    scores: dict[str, list[list[float]]], notes: dict[str, str], skips: list[float]
) -> list[Figure]:
    """What each arm reached, how much more than the others, and what became of skip connections."""
    figures: list[Figure] = []
    found = {
        arm: mean_and_error([score for search in each for score in search])
        for arm, each in scores.items()
    }
    for arm, (mean, error) in found.items():
        name = f"{arm}: accuracy of its best, percent"
        figures.append(required(LIMITS, name, mean, error=error, note=notes[arm]))
    first, *others = found
    for other in others:
        (ours, error), (theirs, their_error) = found[first], found[other]
        both = round(math.hypot(error or 0.0, their_error or 0.0), 2)
        figures.append(
            observed(f"{first} less {other}, points", round(ours - theirs, 2), error=both)
        )
    if skips:
        mean, error = mean_and_error(skips)
        name = "evolution: pairs of layers that are joined, last less first population, points"
        figures.append(observed(name, mean, error=error))
    return figures


if __name__ == "__main__":
    main()
