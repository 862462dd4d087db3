"""Strategies compared on a benchmark table, by queries: mean, deviation and standard error.

  python -m benchmarks.strategies --table=nb201 --dataset=c10 \\
    --strategies=random:attempts=1,regularized_evolution:population=10,sample=3

Needs --data_dir or CELLS_DATA_DIR with `nas_bench/`. Every query counts, also one of a candidate
that was looked up before. `valid` is the best value that the search has seen, `test` the test
accuracy of the candidate that had it (the earliest of equals).

Results are kept in --output by strategy, settings, seed and the state of the code, one line a
seed, so that a run which is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import pathlib
import sys
import time

import numpy as np

from benchmarks.curves import plot
from benchmarks.expected import DATASETS, LIMITS, expected_random, is_uniform
from benchmarks.kept import ROOT, Kept
from benchmarks.report import Figure, judged, observed, print_figures, required
from benchmarks.table_searches import TABLES, Contender, contenders, look_up, read_contender, search
from cell_search.evaluators.tables import Table
from cells.support.errors import UserError


def _one(job: tuple[str, str, str, str, int, int]) -> tuple[int, dict[str, list]]:
    table, dataset, data_dir, text, seed, queries = job
    return seed, search(look_up(table, dataset, data_dir), read_contender(text), seed, queries)


def run(args: argparse.Namespace, contender: Contender, queries: int) -> np.ndarray:
    """Runs what is missing.

    Returns:
        float64 `(2, seeds, queries)`: best `valid` so far, and `test` of the candidate with it.
    """
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    kept = Kept(args.output / "runs", args.table, args.dataset, contender)
    todo = kept.missing(seeds, queries)
    jobs = [(args.table, args.dataset, args.data_dir, contender.text, s, queries) for s in todo]
    started = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(args.jobs) if args.jobs > 1 else _serial() as pool:
        for done, (seed, result) in enumerate(pool.map(_one, jobs), start=1):
            kept.add(seed, result)
            _progress(contender.text, done, len(jobs), started)
    if jobs:
        print(file=sys.stderr)
    runs = [kept.runs[seed] for seed in seeds]
    valid = np.array([run["valid"][:queries] for run in runs])
    test = np.array([run["test"][:queries] for run in runs])
    return np.stack([np.maximum.accumulate(valid, axis=1), _of_the_best(valid, test)])


def _of_the_best(valid: np.ndarray, test: np.ndarray) -> np.ndarray:
    """`test` of the first query with the best `valid` so far, for each query."""
    best = np.maximum.accumulate(valid, axis=1)
    fresh = np.ones_like(valid, bool)
    fresh[:, 1:] = valid[:, 1:] > best[:, :-1]
    at = np.maximum.accumulate(np.where(fresh, np.arange(valid.shape[1]), 0), axis=1)
    return np.take_along_axis(test, at, axis=1)


class _serial:
    def __enter__(self) -> _serial:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    map = staticmethod(map)


def _progress(text: str, done: int, count: int, started: float) -> None:
    if sys.stderr.isatty() or done in (1, count) or done % max(1, count // 10) == 0:
        seconds = time.monotonic() - started
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{text}: seed {done}/{count}, {seconds:.1f} s", end=end, file=sys.stderr, flush=True)


def figures(args: argparse.Namespace, results: dict[Contender, np.ndarray]) -> list[Figure]:
    """Rows of all contenders and budgets.

    A limit is reached by a mean of which two standard errors more reach it.
    """
    rows = []
    lookup = look_up(args.table, args.dataset, args.data_dir)
    for contender, curves in results.items():
        for queries in args.queries:
            for i, measure in enumerate(("valid", "test")):
                if args.table == "nb301" and measure == "valid":
                    continue  # the surrogate's accuracy is both
                mean, deviation, error = _moments(curves[i, :, queries - 1])
                where = "-".join(filter(None, (args.table, args.dataset)))
                name = f"{where} {contender.text} {queries} queries, {measure}, %"
                spread, value = f"deviation {deviation:.3f}", round(mean, 3)
                rows.append(judged(LIMITS, name, value, error=round(error, 4), note=spread))
                if is_uniform(contender) and isinstance(lookup, Table):
                    exact = expected_random(lookup, queries)[i]
                    away = round(abs(mean - exact) / error, 2) if error else 0.0
                    name += ": standard errors from the exact mean"
                    rows.append(required(LIMITS, name, away, note=f"exact {exact:.3f}"))
    return rows


def needed(curves: np.ndarray, value: float) -> int | None:
    """After how many queries the mean over seeds is as good as a value; None: not within these.

    Args:
        curves: best values so far, `(seeds, queries)`.
        value: to be reached.

    Example:
        >>> needed(np.array([[1.0, 2.0, 4.0], [1.0, 3.0, 3.0]]), 2.5)
        2
    """
    reached = np.flatnonzero(curves.mean(axis=0) >= value)
    return int(reached[0]) + 1 if len(reached) else None


def against(args: argparse.Namespace, results: dict[Contender, np.ndarray]) -> list[Figure]:
    """How the others stand to the reference, by what was found and by queries.

    Differences are paired by seed: the 95 % interval of one says ahead, level or behind.
    """
    reference = next(c for c in results if c.text == args.reference)
    where = "-".join(filter(None, (args.table, args.dataset)))
    measure, i = ("test", 1) if args.table == "nb301" else ("valid", 0)
    rows = []
    for contender, curves in results.items():
        for queries in args.queries if contender is not reference else ():
            own = results[reference][i, :, queries - 1]
            mean, _, error = _moments(curves[i, :, queries - 1] - own)
            stands = "level" if abs(mean) <= 1.96 * error else "ahead" if mean > 0 else "behind"
            name = f"{where} {contender.text} {queries} queries, against {args.reference}"
            points = f"{name}: {measure}, points"
            rows.append(observed(points, round(mean, 3), error=round(error, 4), note=stands))
            count, most = needed(curves[i], float(own.mean())), curves.shape[-1]
            told = f"{count} queries" if count else f"not within {most} queries: more than that"
            times = round((count or most) / queries, 2)
            rows.append(observed(f"{name}: times its queries", times, note=told))
    return rows


def _moments(values: np.ndarray) -> tuple[float, float, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), deviation, deviation / len(values) ** 0.5


def show(args: argparse.Namespace, results: dict[Contender, np.ndarray]) -> None:
    """Prints the table for people."""
    width = max(len(c.text) for c in results)
    print(f"{args.table} {args.dataset}, {args.seeds} seeds: mean (deviation; standard error)")
    for contender, curves in results.items():
        for queries in args.queries:
            cells = []
            for i, measure in enumerate(("valid", "test")):
                mean, deviation, error = _moments(curves[i, :, queries - 1])
                cells.append(f"{measure} {mean:.3f} ({deviation:.3f}; {error:.4f})")
            print(f"{contender.text:<{width}} {queries:>6} queries  {'  '.join(cells)}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", choices=TABLES, default="nb201")
    parser.add_argument("--dataset", choices=DATASETS, default="c10", help="of nb201")
    parser.add_argument(
        "--strategies", default="random:attempts=1,regularized_evolution:population=10,sample=3"
    )
    parser.add_argument(
        "--reference", default="", help="one of --strategies that the others are compared with"
    )
    parser.add_argument("--queries", default="50,100,200", help="budgets that are reported")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--data_dir", default=os.environ.get("CELLS_DATA_DIR", ""))
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "runs" / "strategies")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    try:
        args.queries = sorted(int(n) for n in args.queries.split(","))
    except ValueError:
        parser.error(f"--queries: {args.queries!r} is not a list of numbers")
    if min(args.queries) < 1 or args.seeds < 1 or args.jobs < 1:
        parser.error("--queries, --seeds and --jobs must be at least 1")
    if args.table == "nb301":
        args.dataset = ""
    try:
        chosen = contenders(args.strategies)
        if args.reference and args.reference not in (c.text for c in chosen):
            parser.error(f"--reference: {args.reference!r} is none of --strategies")
        look_up(args.table, args.dataset, args.data_dir)
        results = {c: run(args, c, args.queries[-1]) for c in chosen}
    except UserError as error:
        sys.exit(f"strategies: {error}")
    show(args, results)
    print("\n".join(plot(args, results)))
    rows = figures(args, results) + (against(args, results) if args.reference else [])
    print_figures(rows, seeds=range(args.first_seed, args.first_seed + args.seeds))
    sys.exit(0 if all(row.ok for row in rows) else 1)


if __name__ == "__main__":
    main()
