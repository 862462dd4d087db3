"""Cells searched together with their training settings, beside the default settings.

  python -m benchmarks.settings --trials=14 --seeds=3

Two searches for each seed, equal but for `settings`: the one decides upon cells alone, with the
default training settings of the evaluator, the other upon learning rate, weight decay and
augmentation, too. Needs --data_dir or CELLS_DATA_DIR with `sign_language_digits`.

The reward of a winner is the best of many noisy ones, so each winner is trained again with
`--again` other seeds, and the mean of these is what counts. Searches and trainings are kept in
--output by the state of the code, so a run that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import pathlib
from typing import Any

import numpy as np

from benchmarks.kept import ROOT, code_of
from benchmarks.report import Figure, print_figures, required
from cells.support.files import write_atomically

LIMITS = {
    "* of the winner, settings searched along less default settings": (
        "> 0",
        0.0,
        "searched settings that do not reach the training",
    )
}

#: The evaluator's default is among the choices of each.
SETTINGS = {
    "learning_rate": [0.03, 0.1, 0.3],
    "l2": [5e-5, 5e-4],
    "flip": [True, False],
    "shift": [0, 2, 4],
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--again", type=int, default=2, help="trainings of each winner")
    parser.add_argument("--strategy", default="regularized_evolution")
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "runs" / "settings")
    args = parser.parse_args()
    # It warns of every child that its functions are traced anew.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    found: dict[str, list[tuple[float, float]]] = {"default": [], "searched": []}
    code = code_of(
        args.strategy, "cell_search.evaluators.train.settings", "cell_search.driver.driver"
    )
    for seed in range(args.seeds):
        for name, pairs in found.items():
            settings = SETTINGS if name == "searched" else {}
            path = args.output / f"{args.strategy}-{code}" / f"{name}-{seed}"
            pairs.append(_search(path, settings, seed, args))
            print(f"== {name}, seed {seed}: reward and again {pairs[-1]}", flush=True)
    gains = np.array(found["searched"]) - np.array(found["default"])
    print_figures(
        [
            _gain(
                f"{what} of the winner, settings searched along less default settings",
                gains[:, i],
                f"{args.trials} trials, mean of {args.seeds} seeds",
            )
            for i, what in enumerate(("reward", "accuracy when trained again"))
        ],
        seeds=range(args.seeds),
    )


def _gain(name: str, differences: np.ndarray, note: str) -> Figure:
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    value = round(float(differences.mean()), 4)
    return required(LIMITS, name, value, error=round(float(error), 4), note=note)


def _search(
    path: pathlib.Path, settings: dict[str, Any], seed: int, args: argparse.Namespace
) -> tuple[float, float]:
    """The reward of the winner of a search, and its mean accuracy when it is trained again."""
    import cell_search
    from cell_search.config.searched_settings import chosen
    from cell_search.evaluators import Request, evaluate
    from cell_search.output import results

    values = {
        "space": {"name": "pnas", "blocks": 2},
        "strategy": {
            "type": args.strategy,
            "regularized_evolution": {"population": 8, "sample": 4},
        },
        "evaluator": {
            "type": "train",
            # What a child costs; its training settings are the defaults.
            "train": {"normal_cells": 1, "filters": 8, "epochs": 5, "batch": 32},
        },
        "images": {
            "name": "sign_language_digits",
            "data_dir": args.data_dir,
            "held_out": 400,
            "size": 24,
        },
        "settings": settings,
        "trials": args.trials,
        "seed": seed,
        "report_minutes": 0.0,
    }
    result = cell_search.search(values, directory=path)
    search = result.resolved
    winner = results.best_of(search, result.study)[0]
    print(f"winner of {path.name}: {chosen(winner.params) or 'default settings'}", flush=True)
    request = Request(
        number=winner.number,
        genotype=search.space.decode(winner.params),
        decisions=winner.params,
        space=search.space,
        evaluator=search.evaluator_of(winner.params),
        images=search.images,
        seed=0,
    )
    file = path / f"again-{winner.number}.json"
    again = json.loads(file.read_text()) if file.exists() else []
    for i in range(len(again), args.again):
        result = evaluate(dataclasses.replace(request, seed=1_000_000 + i))
        again.append(result.reward or 0.0)
        write_atomically(file, json.dumps(again).encode())
    return winner.values[0], float(np.mean(again[: args.again]))


if __name__ == "__main__":
    main()
