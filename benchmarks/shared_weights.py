"""Cells that a controller has learned to sample with shared weights, beside random cells.

  python -m benchmarks.shared_weights --output=DIR

For each seed: a search by `shared_weights` and `reinforce` (Pham et al. 2018) on 10,000 images of
CIFAR-10, scaled to 16 pixels (N = 1, F = 8, cells of three blocks); then `--cells` cells are
sampled from the policy as the search left it, and as many are drawn at random from the same space.
All are trained from scratch by one protocol with seeds of their own, and the mean held-out
accuracies are compared. Beside them stand the mean numbers of parameters, since larger cells tend
to be better ones. Needs --data_dir or CELLS_DATA_DIR with `cifar10`. Everything is kept in
--output, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import pathlib
import tempfile
from typing import Any

import numpy as np

from benchmarks.report import Figure, observed, print_figures, required

LIMITS = {
    "held-out accuracy * from scratch, sampled cells less random ones": (
        "> 0",
        0.0,
        "a policy that has learnt nothing, in the mean",
    )
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many searches")
    parser.add_argument("--trials", type=int, default=150, help="candidates of a search")
    parser.add_argument("--cells", type=int, default=3, help="sampled cells of a search")
    parser.add_argument("--epochs", type=int, default=5, help="of the training from scratch")
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", default="", help="folder of the searches; goes on with them")
    args = parser.parse_args()
    # It warns of every child that its functions are traced anew.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        kept = _Kept(folder / "retrained.jsonl")
        for seed in range(args.seeds):
            _seed(folder, kept, seed, args)
            figures = _figures(kept, seed + 1, args)
            print(f"== after seed {seed}:")
            print_figures(figures)
    # The whole, once more, as the last line.
    print_figures(figures, seeds=range(args.seeds))


class _Kept:
    """What cells reached, by their kind, seed and number, on disk."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.rows: dict[tuple, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.rows[row["kind"], row["seed"], row["number"]] = row

    def add(self, row: dict[str, Any]) -> None:
        self.rows[row["kind"], row["seed"], row["number"]] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def of(self, kind: str, what: str, seeds: int) -> np.ndarray:
        """A column of the cells of a kind."""
        return np.array([r[what] for k, r in self.rows.items() if k[0] == kind and k[1] < seeds])


def _settings(seed: int, args: argparse.Namespace) -> dict[str, Any]:
    child = {"normal_cells": 1, "filters": 8, "batch": 64, "shift": 2}
    return {
        "space": {"name": "enas", "blocks": 3},
        "strategy": {"type": "reinforce"},
        "evaluator": {
            "type": "shared_weights",
            "shared_weights": {
                **child,
                "steps": 8,
                "warm_up": 600,
                "learning_rate": 0.05,
                "period": 15,
                "validation_batch": 500,
                "save_every": 10,
            },
        },
        "images": {
            "name": "cifar10",
            "data_dir": args.data_dir,
            "split": "train[:20%]",
            "held_out": 2000,
            "size": 16,
        },
        "rerank": {"evaluator": {"train": {**child, "epochs": args.epochs, "l2": 1e-4}}},
        "trials": args.trials,
        "seed": seed,
        "report_minutes": 0.0,
    }


def _seed(folder: pathlib.Path, kept: _Kept, seed: int, args: argparse.Namespace) -> None:
    """One search, and the training of its cells and of random ones."""
    import cell_search
    from cell_search.driver import rerank
    from cell_search.evaluators import Request, evaluate
    from cell_search.study import trials

    result = cell_search.search(_settings(seed, args), directory=folder / f"search-{seed}")
    search, study = result.resolved, result.study
    # Another number for each cell: another draw from the same policy.
    sampled = [
        trials.propose(study, search.strategy, search.space, args.trials, i)
        for i in range(args.cells)
    ]
    rng = np.random.default_rng([seed, 1])
    random = [search.space.random(rng) for _ in range(args.cells)]
    longer = rerank.final(search)
    pairs = [
        (k, n, p)
        for n, both in enumerate(zip(sampled, random, strict=True))
        for k, p in zip(("sampled", "random"), both, strict=True)
    ]
    for kind, number, point in pairs:
        if (kind, seed, number) in kept.rows:
            continue
        genotype = search.space.decode(point)
        request = Request(
            number=number,
            genotype=genotype,
            decisions=point,
            space=search.space,
            evaluator=longer.evaluator,
            images=longer.images,
            seed=1_000_000 + 100 * seed + number,
        )
        result = evaluate(request)
        row = {"kind": kind, "seed": seed, "number": number, "genotype": genotype.name}
        kept.add({**row, **result.metrics, "failure": result.failure})
        print(f"{kind} cell {number} of seed {seed}: {result.metrics}", flush=True)


def _figures(kept: _Kept, seeds: int, args: argparse.Namespace) -> list[Figure]:
    sampled, random = (kept.of(kind, "accuracy", seeds) for kind in ("sampled", "random"))
    error = np.sqrt(sum(v.var(ddof=1) / len(v) for v in (sampled, random)))
    gain = float(sampled.mean() - random.mean())
    what = f"{len(sampled)} of each, from {seeds} searches with {args.trials} candidates each"
    figures = [
        required(
            LIMITS,
            f"held-out accuracy after {args.epochs} epochs from scratch, sampled cells less random "
            "ones",
            round(gain, 4),
            error=round(float(error), 4),
            note=what,
        )
    ]
    for kind, values in (("sampled", sampled), ("random", random)):
        parameters = kept.of(kind, "parameters", seeds).mean()
        told = f"{parameters:,.0f} parameters in the mean"
        mean = round(float(values.mean()), 4)
        figures.append(observed(f"mean accuracy, {kind} cells", mean, note=told))
    return figures


if __name__ == "__main__":
    main()
