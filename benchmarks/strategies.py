"""Strategies compared on a benchmark table, by queries: mean, deviation and standard error.

  python -m benchmarks.strategies --table=nb201 --dataset=c10 \\
    --strategies=random:attempts=1,regularized_evolution:population=10,sample=3

Needs --data_dir or CELLS_DATA_DIR with `nas_bench/`. Every query counts, also one of a candidate
that was looked up before. `valid` is the best value that the search has seen, `test` the test
accuracy of the candidate that had it (the earliest of equals).

Results are kept in --output by strategy, settings, seed and the state of the code, one line a
seed, so that a run which is stopped goes on where it was. Strategies of this project are driven
through `reset`, `propose`, `meet` and `learn`, with the generators that an Optuna study would
give them: the same proposals without the bookkeeping of a study (a test compares the two), which
costs more than most strategies. Other samplers run on a study in memory.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
import yaml

from benchmarks.report import Figure, print_figures
from cell_search import trials
from cell_search.strategies import STRATEGIES, Strategy
from cell_search.tables import Lookup, Table, nas_bench_201, nas_bench_301
from cells.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]
TABLES = ("nb201", "nb301")

#: What decides the sequence of results: another state of these files is another measurement.
_CODE = ("cell_search/strategies", "cell_search/tables", "cell_search/*space*.py")


@dataclass(frozen=True)
class Contender:
    """A strategy and its settings, as `name:setting=value,setting=value`."""

    text: str
    name: str
    settings: dict[str, Any] = field(compare=False)

    def make(self, lookup: Lookup, seed: int) -> Any:
        """The sampler for the space of a table."""
        return STRATEGIES.find(self.name)(lookup.space, seed=seed, **self.settings)


def contenders(text: str) -> list[Contender]:
    """Reads `a,b:x=1,y=2,c`: a setting alone belongs to the strategy before it.

    Raises:
        UserError: there is no such strategy.
    """
    parts: list[str] = []
    for part in text.split(","):
        if parts and "=" in part and ":" not in part.partition("=")[0]:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return [_contender(part) for part in parts]


def _named(text: str) -> str:
    """The longest name of a strategy that the text begins with, else ""."""
    names = [n for n in STRATEGIES if text == n or text.startswith(f"{n}:")]
    return max(names, key=len, default="")


def _contender(text: str) -> Contender:
    name = _named(text)
    if not name:
        STRATEGIES.find(text.partition(":")[0])
    settings = text[len(name) + 1 :]
    pairs = [pair.partition("=") for pair in settings.split(",")] if settings else []
    return Contender(text, name, {key: yaml.safe_load(value) for key, _, value in pairs})


def look_up(table: str, dataset: str, data_dir: str = "") -> Lookup:
    """The table of a name."""
    if table == "nb301":
        return nas_bench_301(data_dir)
    return nas_bench_201(dataset, data_dir)


def search(lookup: Lookup, contender: Contender, seed: int, queries: int) -> dict[str, list]:
    """Runs one search.

    Returns:
        `valid` and `test` of each query, in order.
    """
    strategy = contender.make(lookup, seed)
    step = _steps if _is_plain(strategy) else _study_steps
    valid, test = [], []
    for entry in step(lookup, strategy, seed, queries):
        valid.append(entry.valid)
        test.append(entry.test)
    return {"valid": valid, "test": test}


def _is_plain(strategy: Any) -> bool:
    """Whether nothing but a strategy's own four methods decide what it proposes."""
    return (
        isinstance(strategy, Strategy)
        and type(strategy).sample_relative is Strategy.sample_relative
    )


def _steps(lookup: Lookup, strategy: Strategy, seed: int, queries: int) -> Iterator[Any]:
    strategy.reset()
    strategy.finished = 0
    for number in range(queries):
        point = strategy.propose(np.random.default_rng([seed, number]))
        entry = lookup.look_up(point)
        assert entry is not None
        strategy.meet(point)
        strategy.finished, strategy.proposed_after = number + 1, number
        strategy.learn(point, entry.valid)
        yield entry


def _study_steps(lookup: Lookup, sampler: Any, seed: int, queries: int) -> Iterator[Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for number in range(queries):
        point = trials.propose(study, sampler, lookup.space, number)
        trials.begin(study, lookup.space, point)
        entry = lookup.look_up(point)
        assert entry is not None
        study.tell(number, entry.valid)
        yield entry


# Results, kept.


def _code() -> str:
    digest = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(ROOT.glob(f"{pattern}/*.py" if "*" not in pattern else pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Kept:
    """The results of a contender on a table, one JSON line a seed; a torn line is skipped."""

    def __init__(self, folder: pathlib.Path, table: str, dataset: str, contender: Contender):
        slug = re.sub(r"[^\w.=,-]", "_", f"{table}-{dataset}-{contender.text}")
        self.path = folder / f"{slug}-{_code()}.jsonl"
        self.runs: dict[int, dict[str, list]] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    self._take(json.loads(line))

    def _take(self, run: dict) -> None:
        known = self.runs.get(run["seed"])
        if known is None or len(known["valid"]) < len(run["valid"]):
            self.runs[run["seed"]] = run

    def missing(self, seeds: range, queries: int) -> list[int]:
        """The seeds that have not been run so far."""
        return [s for s in seeds if len(self.runs.get(s, {"valid": ()})["valid"]) < queries]

    def add(self, seed: int, run: dict[str, list]) -> None:
        """Takes and writes a result."""
        record = {"seed": seed, **run}
        self._take(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            # First the end of a line that an earlier process may have left torn.
            file.write(f"\n{json.dumps(record)}\n")


def _one(job: tuple[str, str, str, str, int, int]) -> tuple[int, dict[str, list]]:
    table, dataset, data_dir, text, seed, queries = job
    return seed, search(look_up(table, dataset, data_dir), _contender(text), seed, queries)


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


# What must come out.


def expected_random(table: Table, queries: int) -> tuple[float, float]:
    """The exact expectations of uniform draws with duplicates: best `valid`, `test` of it.

    A group of entries of equal `valid`, with ranks in (a, b] from below, holds the best of n
    draws with the probability (b/N)^n - (a/N)^n, and then each of its entries is as likely.
    """
    valid = np.array([entry.valid for entry in table.entries.values()])
    test = np.array([entry.test for entry in table.entries.values()], np.float64)
    values, group, counts = np.unique(valid, return_inverse=True, return_counts=True)
    ranks = np.concatenate([[0], np.cumsum(counts)]) / len(valid)
    chance = np.diff(ranks**queries)
    means = np.bincount(group, weights=test) / counts
    return float(chance @ values), float(chance @ means)


#: The strategy that must beat all others, with its default settings.
CHAMPION = "bayesian"

_DATASETS = ("c10", "c100", "in16")

#: `table, dataset, queries, measure` and the least mean, by strategy.
LIMITS: dict[str, dict[tuple[str, str, int, str], float]] = {
    "regularized_evolution": {
        **{
            ("nb201", d, 200, "test"): v
            for d, v in zip(_DATASETS, (94.13, 72.47, 45.96), strict=True)
        },
        ("nb301", "", 200, "test"): 96.03,
    },
    **{
        name: {
            **{
                ("nb201", d, 200, "test"): v
                for d, v in zip(_DATASETS, (94.06, 72.4, 45.8), strict=True)
            },
            ("nb301", "", 200, "test"): 96.1,
        }
        for name in ("reinforce", "ppo")
    },
    CHAMPION: {
        **{
            ("nb201", d, n, "valid"): v
            for n, row in ((100, (84.70, 61.10, 38.10)), (200, (84.85, 61.30, 38.50)))
            for d, v in zip(_DATASETS, row, strict=True)
        },
        **{("nb301", "", n, "test"): v for n, v in ((100, 96.38), (200, 96.57), (500, 96.60))},
    },
}


def limit(contender: Contender, key: tuple[str, str, int, str]) -> float | None:
    """The figure that a contender must reach, if there is one for its settings."""
    wanted = {}
    if contender.name == "regularized_evolution":
        wanted = {"population": 10, "sample": 3}
    if contender.settings != wanted:
        return None
    return LIMITS.get(contender.name, {}).get(key)


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
                key = (args.table, args.dataset, queries, measure)
                where = "-".join(filter(None, (args.table, args.dataset)))
                name = f"{where} {contender.text} {queries} queries, {measure}, %"
                spread = f"deviation {deviation:.3f}, standard error {error:.4f}"
                least = limit(contender, key)
                text, ok = f"reported; {spread}", True
                if _is_uniform(contender) and isinstance(lookup, Table):
                    exact = expected_random(lookup, queries)[i]
                    ok = abs(mean - exact) <= 3 * error
                    text = f"within 3 standard errors of {exact:.3f}, exact; {spread}"
                elif least is not None:
                    ok = mean + 2 * error >= least
                    text = f">= {least} less 2 standard errors; {spread}"
                rows.append(Figure(name, round(mean, 3), text, bool(ok)))
    return rows


def _is_uniform(contender: Contender) -> bool:
    return contender.name == "random" and contender.settings == {"attempts": 1}


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


def plot(args: argparse.Namespace, results: dict[Contender, np.ndarray]) -> list[str]:
    """Draws the curves, with bands of two standard errors, as PNG and SVG.

    Returns:
        The paths.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from cells.files import atomic_path

    titles = ("best validation accuracy seen", "test accuracy of the cell with it")
    panels = 1 if args.table == "nb301" else 2
    fig, axes = plt.subplots(1, panels, figsize=(5.4 * panels, 4.2), squeeze=False)
    for i, axis in enumerate(axes[0]):
        lowest = []
        for contender, curves in results.items():
            mean = curves[i].mean(axis=0)
            error = 2 * curves[i].std(axis=0, ddof=min(1, args.seeds - 1)) / args.seeds**0.5
            x = np.arange(1, len(mean) + 1)
            (line,) = axis.plot(x, mean, label=contender.text, linewidth=1.6)
            axis.fill_between(x, mean - error, mean + error, color=line.get_color(), alpha=0.18)
            lowest.append(mean[min(len(mean) - 1, len(mean) // 10)])
        highest = axis.get_ylim()[1]
        axis.set_ylim(min(lowest) - 0.02 * (highest - min(lowest)), highest)
        axis.set_title(titles[i] if panels == 2 else "predicted accuracy of the best", fontsize=11)
        axis.set_xlabel("queries")
        axis.set_ylabel("%")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False, fontsize=9)
    name = "-".join(filter(None, (args.table, args.dataset)))
    fig.suptitle(f"{name}: mean of {args.seeds} seeds, band of 2 standard errors", fontsize=11)
    fig.tight_layout()
    paths = [args.output / f"{name}.{ending}" for ending in ("png", "svg")]
    for path in paths:
        with atomic_path(path) as temporary:
            fig.savefig(temporary, dpi=150)
    plt.close(fig)
    return [str(path) for path in paths]


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", choices=TABLES, default="nb201")
    parser.add_argument("--dataset", choices=_DATASETS, default="c10", help="of nb201")
    parser.add_argument(
        "--strategies", default="random:attempts=1,regularized_evolution:population=10,sample=3"
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
        look_up(args.table, args.dataset, args.data_dir)
        results = {c: run(args, c, args.queries[-1]) for c in chosen}
    except UserError as error:
        sys.exit(f"strategies: {error}")
    show(args, results)
    print("\n".join(plot(args, results)))
    rows = figures(args, results)
    print_figures(rows)
    sys.exit(0 if all(row.ok for row in rows) else 1)


if __name__ == "__main__":
    main()
