"""Strategies on tables that nobody has tuned them to: made from a seed, read as `--table` reads
them.

  python -m benchmarks.unseen_tables --queries=100 --seeds=10
  python -m benchmarks.unseen_tables --listed --queries=100 --seeds=10

Every row of `TABLES` is a space of 3 to 12 decisions and a rule: `pairs`, effects of single
decisions and of pairs of them, or `nk`, the rugged landscapes of Kauffman & Levin 1987, where the
worth of each choice depends on some other decisions. Values may be noisy and rows may be missing,
at random or wherever two decisions exclude each other. `LISTED` are tables of some hundred rows of
a space of more than 10^10 points, which are what strategies choose from. Each seed makes another
table of every row.

What counts is how close the best value that was found comes to the best of the table, in percent
of the way there from the table's mean. A strategy is better than another one where the mean
difference, over tables and seeds, is above two standard errors.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import pathlib
import sys
import tempfile
from typing import Any, NamedTuple

import numpy as np
import optuna

from benchmarks.report import Figure, judged, observed, print_figures
from benchmarks.table_searches import Contender, contenders
from cell_search.evaluators.tables import Table, read_table
from cell_search.space import space_file
from cell_search.strategies._listed import Listed
from cell_search.study import trials

LIMITS = {
    "*, % of the way that bayesian gets further": (
        "> 0 by 2 standard errors",
        0.0,
        "any strategy against itself",
    )
}


class Made(NamedTuple):
    """How a table is made.

    Attributes:
        name: for people.
        sizes: how many choices each decision has.
        rule: `pairs` or `nk`.
        others: `nk`: how many other decisions the worth of one depends on.
        noise: deviation of what is measured, in parts of the deviation of the true values.
        missing: the share of rows that are missing at random.
        excluded: how many pairs of choices of different decisions exclude each other.
        rows: how many points there are, drawn at random; 0: all of the space.
    """

    name: str
    sizes: tuple[int, ...]
    rule: str
    others: int = 0
    noise: float = 0.0
    missing: float = 0.0
    excluded: int = 0
    rows: int = 0


TABLES = (
    Made("4 decisions, pairs, few rows missing", (10, 10, 8, 6), "pairs", missing=0.1),
    Made("6 of 5, pairs, noisy", (5,) * 6, "pairs", noise=0.3),
    Made("6 of 2 to 10, pairs, half missing", (2, 3, 4, 5, 6, 10), "pairs", missing=0.5),
    Made("5 of 5 to 10, nk, 50,000 rows", (10, 10, 10, 10, 5), "nk", others=1),
    Made("9 of 3, nk, a third missing", (3,) * 9, "nk", others=2, missing=0.33),
    Made("12 of 2, nk, rugged", (2,) * 12, "nk", others=3),
    Made("7 of 3 to 5, nk, noisy, exclusions", (5, 4, 4, 3, 3, 4, 4), "nk", 2, 0.2, 0.0, 12),
    Made("3 of 10 and 20, pairs", (10, 10, 20), "pairs", noise=0.1),
)

LISTED = (
    Made("18 of 4, pairs, 1,000 rows", (4,) * 18, "pairs", noise=0.1, rows=1000),
    Made("12 of 8, pairs, 300 rows", (8,) * 12, "pairs", rows=300),
    Made("20 of 4, nk, 1,000 rows", (4,) * 20, "nk", others=1, rows=1000),
)


def _values(made: Made, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The true value of each row of choices."""
    total = np.zeros(len(rows))
    if made.rule == "pairs":
        for d, size in enumerate(made.sizes):
            total += rng.normal(size=size)[rows[:, d]]
        for a, b in itertools.combinations(range(len(made.sizes)), 2):
            effects = rng.normal(size=(made.sizes[a], made.sizes[b]))
            total += 0.5 * effects[rows[:, a], rows[:, b]]
        return total
    for d in range(len(made.sizes)):
        others = rng.permutation([e for e in range(len(made.sizes)) if e != d])[: made.others]
        read = [d, *others]
        worth = rng.random([made.sizes[e] for e in read])
        total += worth[tuple(rows[:, e] for e in read)]
    return total


def write(made: Made, seed: int, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes a table and its space; returns both paths."""
    rng = np.random.default_rng([seed, len(made.name)])
    rows = np.indices(made.sizes).reshape(len(made.sizes), -1).T if not made.rows else None
    if rows is None:
        rows = np.unique(rng.integers(made.sizes, size=(made.rows, len(made.sizes))), axis=0)
    values = _values(made, rows, rng)
    measured = values + made.noise * values.std() * rng.normal(size=len(values))
    there = rng.random(len(rows)) >= made.missing
    for _ in range(made.excluded):
        a, b = rng.choice(len(made.sizes), 2, replace=False)
        both = (rng.integers(made.sizes[a]), rng.integers(made.sizes[b]))
        there &= ~((rows[:, a] == both[0]) & (rows[:, b] == both[1]))
    names = [f"decision {d}" for d in range(len(made.sizes))]
    table, space = folder / "table.csv", folder / "space.json"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "valid", "test"])
        for i in np.flatnonzero(there):
            writer.writerow([*rows[i].tolist(), float(measured[i]), float(values[i])])
    decisions = [
        {"name": name, "choices": list(range(size))}
        for name, size in zip(names, made.sizes, strict=True)
    ]
    space.write_text(json.dumps({"format_version": 1, "decisions": decisions}))
    return table, space


def search(table: Table, contender: Contender, seed: int, queries: int) -> np.ndarray:
    """What the best value found is worth after each query, in percent; see the module."""
    known = np.array([entry.valid for entry in table.entries.values()])
    sampler: Any = contender.make(table, seed)
    if len(table.entries) < 0.01 * table.space.size:
        names = [d.name for d in table.space.decisions]
        rows = [dict(zip(names, choices, strict=True)) for choices in table.entries]
        sampler.listed = Listed([table.space.indices(row) for row in rows])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    found = []
    for number in range(queries):
        point, rejected = trials.propose_feasible(
            study, sampler, table.space, number, lambda p: table.look_up(p) is not None
        )
        trials.begin(study, table.space, point, rejected, after=number)
        entry = table.look_up(point)
        assert entry is not None
        study.tell(number, entry.valid)
        found.append(entry.valid)
    return 100.0 * (np.maximum.accumulate(found) - known.mean()) / (known.max() - known.mean())


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--strategies",
        default="bayesian,random,regularized_evolution:population=10,sample=3,local_search",
        help="the first is compared with the others",
    )
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--listed", action="store_true", help="tables that are lists of rows")
    args = parser.parse_args()
    chosen = contenders(args.strategies)
    tables, seeds = LISTED if args.listed else TABLES, range(args.seeds)
    worth = np.empty((len(chosen), len(tables), args.seeds, args.queries))
    for t, made in enumerate(tables):
        for number in seeds:
            seed = args.first_seed + number
            with tempfile.TemporaryDirectory() as folder:
                table, space = write(made, seed, pathlib.Path(folder))
                read = read_table(table, space_file.read(space))
            for c, contender in enumerate(chosen):
                worth[c, t, number] = search(read, contender, seed, args.queries)
        means = (f"{c.text} {worth[i, t, :, -1].mean():.2f}" for i, c in enumerate(chosen))
        print(f"{made.name}: {'; '.join(means)}", file=sys.stderr, flush=True)
    figures = _figures(chosen, worth[..., -1].reshape(len(chosen), -1), args.queries)
    print_figures(figures, seeds=range(args.first_seed, args.first_seed + args.seeds))


def _figures(chosen: list[Contender], worth: np.ndarray, queries: int) -> list[Figure]:
    rows: list[Figure] = []
    first = chosen[0].text
    for contender, values in zip(chosen, worth, strict=True):
        name = f"{contender.text}, {queries} queries of unseen tables, % of the way to the best"
        less = worth[0] - values
        error = float(less.std(ddof=1) / np.sqrt(len(less)))
        told = f"{len(values)} searches"
        rows.append(observed(name, round(float(values.mean()), 2), note=told))
        if contender is not chosen[0]:
            name = f"{contender.text}, {queries} queries, % of the way that {first} gets further"
            gain = round(float(less.mean()), 2)
            rows.append(judged(LIMITS, name, gain, error=round(error, 2), note=told))
    return rows


if __name__ == "__main__":
    main()
