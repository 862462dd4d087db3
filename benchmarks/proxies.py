"""Cheap scores of cells beside what a longer training says of the same cells, on real CIFAR-10.

  python -m benchmarks.proxies --output=DIR                  what is not in DIR yet
  python -m benchmarks.proxies --output=DIR truth scores     some stages of it

Stages:
  truth      random genotypes, each trained by the protocol
  scores     each cheap score of the same genotypes: rank correlation with the truth, and cost
  afternoon  the search of configs/search/cifar10_afternoon.yaml, and its re-ranking
  chosen     its best cells, and the candidate of its sieve with the most parameters, trained by the
             protocol with several seeds, against the random genotypes
  cost       a score of a new genotype against the first step of the same network in Keras

Each result is a line of DIR at once, so what is stopped goes on. Needs CELLS_DATA_DIR with
`cifar10` prepared. The protocol trains and scores on the second half of the training images; the
search and the scores have the first.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
import os
import pathlib
import time
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.kept import ROOT, Records
from benchmarks.report import Figure, judged, mean_and_error, observed, print_figures, required
from cells.genotype import genotype_file
from cells.genotype.genotype import Genotype

LIMITS = {
    "the afternoon, minutes by the clock": (
        "<= 60",
        250,
        "all candidates trained to the end, about",
    ),
    "the best * of the afternoon, less random ones, in standard errors": (
        ">= 2.0",
        0.0,
        "cells drawn at random",
    ),
    "a zero-cost score, parts of Keras's time to the first step": ("<= 0.1", 1.0, "a Keras model"),
}

STAGES = ("truth", "scores", "afternoon", "chosen", "cost")

#: The longest training that 24 cells, and the chosen ones several times, can have here.
PROTOCOL: dict[str, Any] = {
    "normal_cells": 1,
    "filters": 8,
    "epochs": 8,
    "batch": 64,
    "learning_rate": 0.05,
    "l2": 1e-4,
    "flip": True,
    "shift": 2,
}
IMAGES: dict[str, Any] = {
    "name": "cifar10",
    "split": "train[50%:]",
    "held_out": 5000,
    "training": 7000,
    "size": 16,
}
AFTERNOON = "configs/search/cifar10_afternoon.yaml"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--genotypes", type=int, default=24, help="random ones")
    parser.add_argument("--cells", type=int, default=3, help="of the search, best first")
    parser.add_argument("--seeds", type=int, default=3, help="of each chosen cell")
    parser.add_argument("--output", default="runs/proxies", help="folder of the results")
    args = parser.parse_args()
    stages = args.stages or STAGES
    if unknown := set(stages) - set(STAGES):
        parser.error(f"no stage {unknown.pop()!r}; there are {', '.join(STAGES)}")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    folder = pathlib.Path(args.output)
    truth = Truth(folder)
    random = sample(args.genotypes)
    accuracies = [truth.accuracy(genotype, 0) for genotype in random]
    figures = [_mean("random genotypes, mean accuracy", accuracies)]
    if "scores" in stages:
        figures += _compare(Scores(folder), random, accuracies)
    if "afternoon" in stages:
        figures.append(_afternoon(folder))
    if "chosen" in stages:
        figures += _chosen(folder, truth, accuracies, args)
    if "cost" in stages:
        figures.append(_cost(Records(folder / "cost.jsonl")))
    print_figures(figures, seeds=range(args.seeds))


def sample(count: int, seed: int = 24) -> list[Genotype]:
    """Different random genotypes of the NASNet space."""
    from cell_search.space import published

    space, rng = published.find("nasnet"), np.random.default_rng(seed)
    found: dict[Any, Any] = {}
    while len(found) < count:
        point = space.random(rng)
        found.setdefault(space.canonical_key(point), point)
    return [space.decode(point) for point in found.values()]


class Truth:
    """Trainings by the protocol; none is done twice."""

    def __init__(self, folder: pathlib.Path):
        self.records = Records(folder / "trained.jsonl")

    def accuracy(self, genotype: Genotype, seed: int) -> float:
        """Held-out accuracy after the training with a seed."""
        from cell_search.evaluators import Train
        from cell_search.images import ImageSettings

        settings = {**PROTOCOL, **{f"images.{k}": v for k, v in IMAGES.items()}}
        key = {"genotype": genotype.name, "seed": seed, "settings": settings}
        found = self.records.find(key)
        if found is None:
            found = _scored(genotype, seed, Train(**PROTOCOL), ImageSettings(**IMAGES))
            self.records.add(key, found)
            print(f"{genotype.name} seed {seed}: {found}", flush=True)
        return found["accuracy"]


class Scores:
    """Cheap scores, with the evaluators and the images of the afternoon's search."""

    def __init__(self, folder: pathlib.Path):
        from cell_search.evaluators import ZeroCost
        from cell_search.evaluators.zero_cost import SCORES

        self.records = Records(folder / "scores.jsonl")
        search = _search()
        assert search.sieve is not None
        filters = search.sieve.evaluator.network()
        self._images = search.images
        self._evaluators: dict[str, Any] = {
            name: ZeroCost(scores=(name,), **filters) for name in SCORES
        }
        self._evaluators["short training"] = search.evaluator
        self.names = tuple(self._evaluators)

    def of(self, genotype: Genotype, name: str) -> tuple[float, float]:
        """A score, and the seconds of processor time that it took."""
        evaluator = self._evaluators[name]
        key = {"genotype": genotype.name, "score": name}
        found = self.records.find(key)
        if found is None:
            found = _scored(genotype, 0, evaluator, self._images)
            self.records.add(key, found)
        return found[evaluator.reward], found["processor_seconds"]


def _scored(genotype: Genotype, seed: int, evaluator: Any, images: Any) -> dict[str, float]:
    """The metrics of a genotype, with the processor time that they took."""
    from cell_search import images as image_files
    from cell_search.evaluators import Request
    from cell_search.space import published

    request = Request(
        number=0,
        genotype=genotype,
        decisions={},
        space=published.find("nasnet"),
        evaluator=evaluator,
        images=images,
        seed=seed,
    )
    image_files.load(images)
    started = time.process_time()
    metrics = evaluator.score(request).metrics
    return {**metrics, "processor_seconds": round(time.process_time() - started, 2)}


def _compare(scores: Scores, random: list[Genotype], truth: list[float]) -> list[Figure]:
    """Of each score: how its order agrees with that of the truth, and what it costs."""
    from scipy.stats import rankdata

    values, figures = {}, []
    # The one that compiles the pieces is not what they cost.
    scores.of(random[0], "naswot")
    for name in scores.names:
        pairs = [scores.of(genotype, name) for genotype in random]
        values[name] = [value for value, _ in pairs]
        cost = np.median([seconds for _, seconds in pairs])
        told = f", {cost:.2f} s of the processor"
        figures.append(_agreement(name, values[name], truth, told))
    voters = ("naswot", "synflow")
    votes = np.mean([rankdata(values[name]) for name in voters], axis=0)
    figures.append(_agreement(f"vote of {' and '.join(voters)}", list(votes), truth, ""))
    return figures


def _agreement(name: str, values: list[float], truth: list[float], cost: str) -> Figure:
    from cell_search.selection.reranking import rank_correlations

    found = rank_correlations(values, truth)
    spearman, kendall = (
        math.nan if found[k] is None else found[k] for k in ("spearman", "kendall")
    )
    told = f"Kendall {kendall:.2f}{cost}"
    return observed(f"{name}: Spearman with the truth", round(spearman, 3), note=told)


def _search() -> Any:
    """The afternoon's search."""
    from cell_search.config import resolve, schema
    from cells.support import overrides

    return resolve.resolve(overrides.override(schema.SearchConfig(), [str(ROOT / AFTERNOON)]))


def _afternoon(folder: pathlib.Path) -> Figure:
    """Searches and re-ranks; what of it was done in an earlier process keeps its time."""
    import cell_search

    spent = Records(folder / "spent.jsonl")
    directory = folder / "search"
    parts = (
        ("search", lambda: cell_search.search(str(ROOT / AFTERNOON), directory=directory)),
        ("rerank", lambda: cell_search.rerank(directory)),
    )
    for name, part in parts:
        if spent.find(name) is None:
            wall, processor = time.perf_counter(), time.process_time()
            part()
            seconds = time.perf_counter() - wall, time.process_time() - processor
            spent.add(name, [round(s, 1) for s in seconds])
    wall, processor = (sum(spent.find(name)[i] for name, _ in parts) / 60 for i in (0, 1))
    return required(
        LIMITS,
        "the afternoon, minutes by the clock",
        round(wall, 1),
        note=f"{processor:.1f} of the processor",
    )


def _chosen(
    folder: pathlib.Path, truth: Truth, random: list[float], args: argparse.Namespace
) -> list[Figure]:
    """The cells of the search, and the pick by parameters, against random ones."""
    top = sorted((folder / "search" / "top").glob("*.json"))[: args.cells]
    cells = [genotype_file.read(path) for path in top]
    seeds = range(args.seeds)
    figures = []
    for what, genotypes in (
        (f"the best {len(cells)} of the afternoon", cells),
        # A control, which need not beat anything.
        ("picked by parameter count", [_largest(folder)]),
    ):
        found = [[truth.accuracy(genotype, seed) for seed in seeds] for genotype in genotypes]
        values = [value for of_one in found for value in of_one]
        difference = float(np.mean(values) - np.mean(random))
        error = math.hypot(*(mean_and_error(each, 6)[1] or 0.0 for each in (values, random)))
        each = ", ".join(f"{np.mean(of_one):.4f}" for of_one in found)
        figures.append(_mean(f"{what}, mean accuracy", values, note=f"of each: {each}"))
        name = f"{what}, less random ones, in standard errors"
        told = f"{difference:+.4f}, {error:.4f}"
        figures.append(judged(LIMITS, name, round(difference / error, 1), note=told))
    return figures


def _largest(folder: pathlib.Path) -> Genotype:
    """The candidate of the sieve with the most parameters."""
    from cell_search.space import published
    from cell_search.study.directory import SearchDirectory

    trials = SearchDirectory(folder / "search").open_sieve().get_trials(deepcopy=False)
    best = max(trials, key=lambda t: t.user_attrs.get("metrics", {}).get("parameters", 0.0))
    return published.find("nasnet").decode(best.params)


def _cost(records: Records, count: int = 10) -> Figure:
    """By turns, N = 1, F = 16, on images of 32x32 pixels; processor time."""
    from benchmarks.children import Keras, timed
    from cell_search.evaluators import ZeroCost

    images = dataclasses.replace(_search().images, size=0)
    parts = []
    for seed in range(count):
        found = records.find(seed)
        if found is None:
            keras = Keras(seed, batch=64)
            ours = _scored(keras.genotype, seed, ZeroCost(), images)["processor_seconds"]
            found = [ours, round(timed(keras.first)[1], 2)]
            keras.forget()
            records.add(seed, found)
            print(f"genotype {seed}: {found[0]} s against {found[1]} s of Keras", flush=True)
        parts.append(found[0] / found[1])
    return required(
        LIMITS,
        "a zero-cost score, parts of Keras's time to the first step",
        round(float(np.median(parts)), 3),
        note=f"median of {count} genotypes, spread {min(parts):.3f} to {max(parts):.3f}",
    )


def _mean(name: str, values: Sequence[float], note: str = "") -> Figure:
    mean, error = mean_and_error(values, 4)
    return observed(name, mean, error=error, note=note)


if __name__ == "__main__":
    main()
