"""Does evolution drift to cells without skip connections? Their share in the population over time.

  python -m benchmarks.skip_connections --data_dir=DIR

Runs regularized evolution on both tables and counts, in the population that lives after so many
queries, the share of operations that are skip connections. Beside it stands the share among all
cells, which is what chance gives, and in NAS-Bench-201 that of the best hundredth of the table.
Nothing has to be reached here: the direction is what is wanted.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.report import Figure, observed, print_figures
from benchmarks.table_searches import contenders, look_up, walk
from cell_search.evaluators.tables import Table

#: The name of the operation, by table.
SKIP = {"nb201": "skip_connect", "nb301": "identity"}


def share(point: Mapping[str, Any], skip: str, operations: list[str]) -> float:
    """The part of a candidate's operations that are skip connections."""
    return float(np.mean([point[name] == skip for name in operations]))


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir", default=os.environ.get("CELLS_DATA_DIR", ""))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--queries", default="100,300,1000")
    parser.add_argument("--population", type=int, default=50)
    args = parser.parse_args()
    budgets = [int(n) for n in args.queries.split(",")]
    sample = args.population // 5
    (evolution,) = contenders(f"regularized_evolution:population={args.population},sample={sample}")
    figures: list[Figure] = []
    for table, dataset in (("nb201", "c10"), ("nb201", "c100"), ("nb201", "in16"), ("nb301", "")):
        lookup = look_up(table, dataset, args.data_dir)
        operations = [d.name for d in lookup.space.decisions if d.kind == "operation"]
        skip = SKIP[table]
        shares = np.array(
            [
                [
                    share(point, skip, operations)
                    for point, _ in walk(lookup, evolution, seed, budgets[-1])
                ]
                for seed in range(args.seeds)
            ]
        )
        where = f"{table} {dataset}".strip()
        choices = next(d.choices for d in lookup.space.decisions if d.kind == "operation")
        chance = 1 / len(choices)
        print(f"{where}: {chance:.3f} among all cells", end="")
        if isinstance(lookup, Table):
            print(f", {_of_the_best(lookup, skip, operations):.3f} in the best hundredth", end="")
        print()
        for budget in budgets:
            living = shares[:, budget - args.population : budget].mean(axis=1)
            error = living.std(ddof=1) / len(living) ** 0.5
            name = f"{where}: share of skip connections in the population after {budget} queries"
            mean, told = round(float(living.mean()), 4), f"all cells {chance:.3f}"
            figures.append(observed(name, mean, error=round(float(error), 4), note=told))
            print(f"  after {budget:>5} queries {living.mean():.3f} (standard error {error:.4f})")
    print_figures(figures, seeds=range(args.seeds))


def _of_the_best(table: Table, skip: str, operations: list[str]) -> float:
    entries = sorted(table.entries.items(), key=lambda item: -item[1].valid)
    names = [d.name for d in table.space.decisions]
    best = [dict(zip(names, key, strict=True)) for key, _ in entries[: len(entries) // 100]]
    return float(np.mean([share(point, skip, operations) for point in best]))


if __name__ == "__main__":
    main()
