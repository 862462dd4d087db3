"""The front that evolution finds beside that of Optuna's NSGA-II, on NAS-Bench-201.

  python -m benchmarks.hypervolume --queries=200 --seeds=50

Objectives: the validation accuracy after 12 epochs, larger is better, and the parameters of the
whole network (Dong & Yang 2020, section 2.1), fewer is better. Needs --data_dir or CELLS_DATA_DIR
with `nas_bench/`. Evolution runs with its default settings, NSGA-II with its own and with a
population that leaves it more generations; the better of the two is the figure to reach.

The hypervolume is the area that a front dominates, up to a reference point: the accuracy of a guess
and the parameters of the largest network. It is told in percent of that of the exact front of all
15,625 cells.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import optuna

from benchmarks.report import Figure, observed, print_figures, required
from cell_search.evaluators.tables import CLASSES, DATASETS, nas_bench_201
from cell_search.space.nas_bench_201 import SPACE, network_size
from cell_search.strategies import RandomSearch, RegularizedEvolution

LIMITS = {
    "percent of the exact hypervolume on *, regularized_evolution less NSGA-II": (
        "> 0",
        -0.195,
        "random search, on CIFAR-10",
    )
}

#: Samplers by name, made for a seed.
SAMPLERS = {
    "regularized_evolution": lambda seed: RegularizedEvolution(SPACE, seed=seed),
    "NSGA-II": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "NSGA-II, population 20": lambda seed: optuna.samplers.NSGAIISampler(
        seed=seed, population_size=20
    ),
    "random": lambda seed: RandomSearch(SPACE, seed=seed),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", default=",".join(DATASETS), help="c10, c100, in16")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=50, help="how many")
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--data_dir", default="")
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    figures: list[Figure] = []
    for dataset in args.datasets.split(","):
        shares = measure(dataset, args.queries, seeds, args.data_dir)
        for name, values in shares.items():
            error = values.std(ddof=1) / np.sqrt(len(values))
            print(
                f"{dataset:<5} {name:<22} {values.mean():8.3f} %  standard error {error:.3f}  "
                f"least {values.min():.3f}",
                flush=True,
            )
            what = f"percent of the exact hypervolume on {dataset}, {name}"
            value, told = round(float(values.mean()), 3), f"after {args.queries} queries"
            figures.append(observed(what, value, error=round(float(error), 3), note=told))
        peer = max(float(v.mean()) for name, v in shares.items() if name.startswith("NSGA-II"))
        figures.append(
            required(
                LIMITS,
                f"percent of the exact hypervolume on {dataset}, regularized_evolution less "
                "NSGA-II",
                round(float(shares["regularized_evolution"].mean()) - peer, 3),
                note=f"after {args.queries} queries, the better of its two populations",
            )
        )
    print_figures(figures, seeds=seeds)


def measure(
    dataset: str, queries: int, seeds: Iterable[int], data_dir: str = ""
) -> dict[str, np.ndarray]:
    """The hypervolume that each sampler reaches, in percent of the exact one, by seed."""
    table = nas_bench_201(dataset, data_dir)
    names = [d.name for d in table.space.decisions]
    every = {
        choices: _values(table, dict(zip(names, choices, strict=True)), dataset)
        for choices in table.entries
    }
    reference = (100.0 / CLASSES[dataset], max(size for _, size in every.values()))
    exact = hypervolume(every.values(), reference)
    return {
        name: np.array(
            [
                100.0 * hypervolume(_search(make(seed), every, queries), reference) / exact
                for seed in seeds
            ]
        )
        for name, make in SAMPLERS.items()
    }


def _values(table: Any, point: Mapping[str, Any], dataset: str) -> tuple[float, float]:
    entry = table.look_up(point)
    assert entry is not None
    return entry.valid, float(network_size(point, CLASSES[dataset])[0])


def _search(
    sampler: optuna.samplers.BaseSampler, every: Mapping[tuple, tuple[float, float]], queries: int
) -> list[tuple[float, float]]:
    """Accuracy and parameters of each query."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    found = []
    for _ in range(queries):
        trial = study.ask(dict(SPACE.distributions))
        values = every[tuple(trial.params[d.name] for d in SPACE.decisions)]
        study.tell(trial, values)
        found.append(values)
    return found


def hypervolume(points: Iterable[tuple[float, float]], reference: tuple[float, float]) -> float:
    """The area between the staircase of some points and a reference point.

    Args:
        points: the first value is maximized, the second minimized.
        reference: a point worse in both; what is not better than it counts for nothing.
    """
    area, best = 0.0, reference[0]
    # From the smallest on, each higher step adds what lies above the last one, to its right.
    for value, size in sorted(set(points), key=lambda p: (p[1], -p[0])):
        if value > best and size < reference[1]:
            area += (value - best) * (reference[1] - size)
            best = value
    return area


if __name__ == "__main__":
    main()
