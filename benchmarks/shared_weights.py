"""Cells that a search by shared weights has found, beside random cells of the same space.

  python -m benchmarks.shared_weights --method=METHOD --output=DIR

Methods, each on images of CIFAR-10 scaled to 16 pixels, with N = 1, F = 8 and three blocks:

  shared              a controller and one set of weights, small (Pham et al. 2018); cells are
                      sampled from the policy as the search left it
  enas                `configs/search/enas_paper.yaml`, shortened: the controller attends to the
                      nodes before, other architectures train the weights than are scored, and the
                      cells are the best of those that the trained policy gives, scored with one
                      set of weights
  darts               `configs/search/darts_paper.yaml`, shortened, first order; the cells of the
                      last epoch
  darts_second_order  the same, second order: 5 passes a step in place of 2

For each seed: a search, its cells, and cells drawn at random. All are trained from scratch by one
protocol, on images that no search has seen, and held-out accuracies are compared. Beside them stand
the mean numbers of parameters, since larger cells tend to be better ones. DARTS leaves a picture of
its alphas, `DIR/METHOD/alphas-SEED.svg`.

Needs --data_dir or CELLS_DATA_DIR with `cifar10`. Everything is kept in --output, by method, and a
run that was stopped goes on; random cells are kept for all methods. What is not given (0) is the
method's own (--list shows it). A trial of DARTS is an epoch, and the first has no training.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.kept import Records
from benchmarks.report import Figure, judged, observed, print_figures

LIMITS = {
    "held-out accuracy * from scratch, sampled cells less random ones": (
        "> 0",
        0.0,
        "a policy that has learnt nothing, in the mean",
    )
}

_CHILD: dict[str, Any] = {"normal_cells": 1, "filters": 8, "batch": 64, "shift": 2}

#: Minibatches along a candidate, and before the first one.
_SHARED = {**_CHILD, "steps": 8, "warm_up": 600, "learning_rate": 0.05, "period": 15}

#: The papers make hundreds of times as many steps, so these are larger.
_ENAS = {**_CHILD, "steps": 2, "warm_up": 150, "validation_batch": 250, "final_candidates": 12}
_DARTS = {**_CHILD, "learning_rate": 0.05, "learning_rate_end": 0.005, "alpha_rate": 0.02}


@dataclass(frozen=True)
class _Method:
    """What a method is, and how much of it.

    Attributes:
        recipe: a configuration by name; none: the default one.
        settings: on top of it.
        images: of the search.
        held_out: how many of these score candidates, or train alphas.
        trials: candidates, or epochs and one.
        seeds: how many searches.
        cells: of a search, that are trained from scratch.
        random: cells for each search.
        repeats: how often a search's cells are trained, with other seeds; random ones are once.
        epochs: of the training from scratch.
    """

    recipe: str
    settings: dict[str, Any]
    images: int
    held_out: int
    trials: int
    seeds: int = 1
    cells: int = 3
    random: int = 3
    repeats: int = 1
    epochs: int = 5


def _darts(second_order: bool) -> _Method:
    darts = {**_DARTS, "second_order": second_order, "score_batches": 4}
    settings = {"space": {"blocks": 3}, "evaluator": {"darts": darts}}
    return _Method("darts_paper", settings, 5120, 2560, 5, cells=1, random=6, repeats=3, epochs=3)


METHODS = {
    "shared": _Method(
        "",
        {
            "space": {"name": "enas", "blocks": 3},
            "strategy": {"type": "reinforce"},
            "evaluator": {
                "type": "shared_weights",
                "shared_weights": {**_SHARED, "validation_batch": 500, "save_every": 10},
            },
        },
        images=10_000,
        held_out=2000,
        trials=150,
        seeds=3,
    ),
    "enas": _Method(
        "enas_paper",
        {
            "space": {"blocks": 3},
            "strategy": {"reinforce": {"learning_rate": 0.02, "batch": 5, "baseline": 0.9}},
            "evaluator": {
                "shared_weights": {
                    **_ENAS,
                    "period": 15,
                    "final_batches": 4,
                    "dropout": 0.0,
                    "drop_path_keep": 1.0,
                }
            },
        },
        images=5120,
        held_out=1280,
        trials=160,
        cells=4,
        random=4,
        epochs=3,
    ),
    "darts": _darts(second_order=False),
    "darts_second_order": _darts(second_order=True),
}

#: Of the training from scratch: images that no search has.
_FRESH: dict[str, Any] = {
    "name": "cifar10",
    "split": "train[50%:70%]",
    "held_out": 5000,
    "size": 16,
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", choices=METHODS, default="shared")
    parser.add_argument("--list", action="store_true", help="only show the methods' own numbers")
    for name, told in (
        ("seeds", "how many searches"),
        ("trials", "candidates of a search; of DARTS, epochs and one"),
        ("images", "of a search, with those held out"),
        ("held_out", "of these, that score candidates or train alphas"),
        ("cells", "of a search, that are trained from scratch"),
        ("random", "cells drawn for each search"),
        ("repeats", "trainings of each cell of a search, with other seeds"),
        ("epochs", "of the training from scratch"),
    ):
        parser.add_argument(f"--{name}", type=int, default=0, help=told)
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", default="", help="folder of everything; goes on with it")
    args = parser.parse_args()
    if args.list:
        for name, method in METHODS.items():
            print(name, {k: v for k, v in asdict(method).items() if isinstance(v, int)})
        return
    given = {k: v for k, v in vars(args).items() if isinstance(v, int) and v}
    given.pop("list", None)
    method = _Method(**{**vars(METHODS[args.method]), **given})
    # It warns of every child that its functions are traced anew.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        _Comparison(folder, args.method, method, args.data_dir).run()


class _Comparison:
    def __init__(self, folder: pathlib.Path, name: str, method: _Method, data_dir: str):
        self.folder, self.name, self.method, self.data_dir = folder, name, method, data_dir
        self.records = Records(folder / "trained.jsonl")
        self.minutes: list[float] = []
        #: Metrics by kind: a list for each cell, one entry for each training.
        self.found: dict[str, list[list[dict]]] = {"of the search": [], "random": []}

    def run(self) -> None:
        """Prints the figures after each search, and once more as the last line."""
        for seed in range(self.method.seeds):
            space, cells = self._search(seed)
            rng = np.random.default_rng([seed, 1])
            random = [space.random(rng) for _ in range(self.method.random)]
            for kind, points, repeats in (
                ("random", random, 1),
                ("of the search", cells, self.method.repeats),
            ):
                self.found[kind] += [
                    [self._trained(space, p, 100 * seed + 10 * n + r) for r in range(repeats)]
                    for n, p in enumerate(points)
                ]
            print(f"== after seed {seed}:")
            print_figures(self._figures(), seeds=range(seed + 1))

    def _search(self, seed: int) -> tuple[Any, list[Any]]:
        """The space, and the cells that a search leaves."""
        import cell_search
        from cell_search.study import trials

        method = self.method
        settings: dict[str, Any] = {
            **method.settings,
            "images": {
                "name": "cifar10",
                "data_dir": self.data_dir,
                "split": f"train[:{method.images}]",
                "held_out": method.held_out,
                "size": 16,
            },
            "trials": method.trials,
            "seed": seed,
            "report_minutes": 0.0,
        }
        if "darts" in self.name:
            settings["evaluator"]["darts"]["epochs"] = method.trials - 1
        folder = self.folder / self.name / f"search-{seed}"
        began = time.process_time()
        recipe = (method.recipe,) if method.recipe else ()
        result = cell_search.search(*recipe, settings=settings, directory=folder)
        key = {"search": self.name, "seed": seed, "trials": method.trials}
        if self.records.find(key) is None:
            self.records.add(key, round((time.process_time() - began) / 60, 2))
        self.minutes.append(self.records.find(key))
        search, study = result.resolved, result.study
        if "darts" in self.name:
            self._draw(search.space, folder, seed)
        if self.name == "shared":
            # Another number for each cell: another draw from the same policy.
            return search.space, [
                trials.propose(study, search.strategy, search.space, method.trials, i)
                for i in range(method.cells)
            ]
        best = trials.best(study.get_trials(), search.space, method.cells)
        return search.space, [search.space.point(trial) for trial in best]

    def _draw(self, space: Any, folder: pathlib.Path, seed: int) -> None:
        from benchmarks.alphas import draw
        from cell_search.evaluators._kept_files import Succession
        from cell_search.evaluators.darts.loop import State
        from cell_search.space.relaxed import RelaxedSpace

        last = Succession(str(folder / "weights" / "search")).read_before(
            self.method.trials, State.from_bytes
        )
        assert last is not None
        title = f"{self.name.replace('_', ' ')}, {self.method.trials - 1} epochs"
        draw(RelaxedSpace(space), last.alphas, title, folder.parent / f"alphas-{seed}.svg")

    def _trained(self, space: Any, point: Any, seed: int) -> dict[str, float]:
        """What a cell reaches from scratch."""
        from cell_search.evaluators import Request, Train
        from cell_search.images import ImageSettings

        key = {"cells": point, "seed": seed, "epochs": self.method.epochs}
        found = self.records.find(key)
        if found is None:
            request = Request(
                number=0,
                genotype=space.decode(point),
                decisions=point,
                space=space,
                evaluator=Train(**_CHILD, epochs=self.method.epochs, learning_rate=0.05, l2=1e-4),
                images=ImageSettings(**_FRESH, data_dir=self.data_dir),
                seed=1_000_000 + seed,
            )
            found = dict(request.evaluator.score(request).metrics)
            self.records.add(key, found)
            print(f"{request.cells.name}, seed {seed}: {found}", flush=True)
        return found

    def _figures(self) -> list[Figure]:
        words = "sampled" if self.name == "shared" else self.name.replace("_", " ")
        means, errors = {}, {}
        figures = []
        for kind, cells in self.found.items():
            scores = [[metrics["accuracy"] for metrics in one] for one in cells]
            # Of several cells their spread is the error, of a single one that of its trainings.
            values = np.array(scores[0] if len(scores) == 1 else [np.mean(s) for s in scores])
            means[kind] = float(values.mean())
            errors[kind] = (
                float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
            )
            parameters = np.mean([metrics["parameters"] for one in cells for metrics in one])
            trainings = sum(len(one) for one in cells)
            called = words if kind == "of the search" else kind
            figures.append(
                observed(
                    f"mean accuracy, {called} cells",
                    round(means[kind], 4),
                    error=round(errors[kind], 4),
                    note=f"{len(cells)} cells, {trainings} trainings; {parameters:,.0f} parameters "
                    f"in the mean; {min(map(min, scores)):.4f} to {max(map(max, scores)):.4f}",
                )
            )
        found, random = (means[kind] for kind in self.found)
        better = sum(one[0]["accuracy"] > found for one in self.found["random"])
        gain = judged(
            LIMITS,
            f"held-out accuracy after {self.method.epochs} epochs from scratch, {words} cells less "
            "random ones",
            round(found - random, 4),
            error=round(float(np.linalg.norm(list(errors.values()))), 4),
            note=f"{better} of {len(self.found['random'])} random cells are better; searches: "
            f"{len(self.minutes)}, of {self.method.trials} trials each",
        )
        minutes = round(float(np.mean(self.minutes)), 1)
        told = "of a search that was stopped, the minutes since then"
        return [gain, *figures, observed("processor minutes of a search", minutes, note=told)]


if __name__ == "__main__":
    main()
