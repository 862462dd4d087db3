"""All contenders and `cells auto` side by side, on the same images with the same processor time.

  python -m benchmarks.contenders
  python -m benchmarks.contenders --budget=1800 --only=product,product_without_search
  python -m benchmarks.contenders --dataset=signs --only=product,hog_svm,residual_network
  python -m benchmarks.contenders --seeds=1 --training=500 --test=500 --budget=60    a trial

Each contender is a process of its own with one thread on one core, while all other cores work at a
fixed load (`--load=all` puts one on its own core, too). It gets images drawn by seed, the same for
all, and a budget of processor seconds, in which its start, its processes, the test and what it
writes count. Odd seeds run in the opposite order. Each row is kept in --output while code, versions
and machine are unchanged, so a run that is stopped goes on where it was. Needs CELLS_DATA_DIR with
the data set prepared.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.contenders import comparison, images, neighbour
from benchmarks.contenders.entries import LEFT_OUT, NAMES, USUAL
from benchmarks.contenders.environments import UnavailableError
from benchmarks.contenders.product import ARMS
from benchmarks.contenders.rows import Conditions, FailedError, Row, Rows
from benchmarks.data import data_dir
from benchmarks.kept import ROOT
from benchmarks.report import Figure, judged, observed, print_figures

LIMITS = {
    "cifar10, 8 minutes: points of product above residual_network": (
        ">= 0",
        -9.9,
        "the rule of before, snas_mild with 33 thousand parameters",
    ),
    "cifar10, 8 minutes: points of product above plain_keras": ("> 0", 0.0, "plain_keras itself"),
    "cifar10, 8 minutes: points of product above hog_svm": ("> 0", 0.0, "hog_svm itself"),
    "cifar10, 8 minutes: points of product above autokeras": ("> 0", 0.0, "autokeras itself"),
    "cifar10, 30 minutes: points of product above product_without_search": (
        "> 0 by 2 standard errors",
        0.0,
        "the command without its search",
    ),
    "cifar10, 30 minutes: points of product above residual_network": (
        ">= 0",
        -6.2,
        "the search of before, less what the residual network reached in 8 minutes",
    ),
    "signs, 8 minutes: accuracy of product, %": (">= 99.8", 95.0, "HOG and a vector machine"),
    "signs, 8 minutes: points of product above hog_svm": ("> 0", 0.0, "hog_svm itself"),
    "signs, 8 minutes: points of product above residual_network": (
        ">= 0 less 2 standard errors",
        -4.8,
        "HOG and a vector machine",
    ),
    "bangla, 8 minutes: accuracy of product, %": (">= 99.3", 98.0, "the rule of before"),
    "bangla, 8 minutes: points of product above hog_svm": ("> 0", 0.0, "hog_svm itself"),
    "bangla, 8 minutes: points of product above residual_network": (
        ">= 0 less 2 standard errors",
        -1.3,
        "the rule of before",
    ),
    "*: largest wall time of the product, parts of the budget": (
        "<= 1.05",
        1.25,
        "a command that tests and exports when the budget is over",
    ),
    "*: least part of the budget that the product uses": (
        ">= 0.9",
        0.85,
        "a tenth kept back and unused, and one too early an end",
    ),
}

#: Images of a comparison that counts.
TRAINING, TEST = 5000, 10000


def main() -> None:
    """Prints the figures."""
    args = _arguments()
    first, *others = sorted(os.sched_getaffinity(0))
    load = {"others": others, "all": [first, *others], "none": []}[args.load]
    conditions = Conditions(
        dataset=args.dataset,
        training=args.training,
        test=args.test,
        budget=args.budget,
        core=first,
        load=tuple(load),
        onednn=args.onednn,
    )
    rows = Rows(conditions, data_dir(), args.output)
    found: dict[str, dict[int, Row]] = {name: {} for name in args.only}
    missing: dict[str, str] = dict(LEFT_OUT)
    with neighbour.load(load):
        for seed in range(args.seeds):
            for name in args.only if seed % 2 == 0 else args.only[::-1]:
                try:
                    row = found[name][seed] = rows.row(name, seed)
                except (FailedError, UnavailableError) as error:
                    missing[name] = str(error)
                    print(f"== {name}, seed {seed}: {error}", file=sys.stderr, flush=True)
                else:
                    print(f"== {name}, seed {seed}: {_line(row)}", flush=True)
    print_figures(
        [
            *_figures(found, conditions),
            *(observed(f"left out: {n}", w) for n, w in missing.items()),
        ],
        seeds=range(args.seeds),
    )
    if any(name in ARMS for name in missing):
        sys.exit("the product gave no answer")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=images.SOURCES, default="cifar10")
    parser.add_argument("--budget", type=float, default=480.0, help="processor seconds of each")
    parser.add_argument("--training", type=int, default=TRAINING, help="images, drawn by seed")
    parser.add_argument("--test", type=int, default=TEST, help="images, at most")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument(
        "--only",
        default=",".join(USUAL),
        help=f"names, by commas, of {', '.join(NAMES)}; by default %(default)s",
    )
    parser.add_argument(
        "--load", choices=("others", "all", "none"), default="others", help="which cores work"
    )
    parser.add_argument("--onednn", type=int, choices=(0, 1), default=1, help="its kernels")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "runs" / "contenders")
    args = parser.parse_args()
    args.only = [name.strip() for name in args.only.split(",") if name.strip()]
    unknown = [name for name in args.only if name not in NAMES]
    if unknown or not args.only:
        parser.error(f"--only: {', '.join(unknown) or 'nobody'}: use {', '.join(NAMES)}")
    if args.seeds < 1 or args.training < 1 or args.test < 2 or args.budget < 30.0:
        parser.error("give a seed, a training image, two test images and 30 s at least")
    return args


def _line(row: Row) -> str:
    told = ", ".join(
        f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in row.told.items()
    )
    kinds = ", ".join(f"{k} {100 * r.mean():.2f} %" for k, r in row.right.items() if k != "answer")
    words = [f"{100 * row.accuracy:.2f} %", kinds, f"{row.processor:.0f} processor s", told]
    return "; ".join(filter(None, words))


def _figures(found: dict[str, dict[int, Row]], asked: Conditions) -> list[Figure]:
    what = f"{asked.dataset}, {asked.budget / 60:g} minutes"
    if (asked.training, asked.test) != (TRAINING, TEST):
        # A trial, of which nothing is required.
        what += f" ({asked.training} training images, {asked.test} test images)"
    if asked.load and asked.core in asked.load:
        what += ", core shared"
    return [
        *(f for name, rows in found.items() if rows for f in _accuracies(what, name, rows, asked)),
        *(
            _above(f"{what}: points of product above {name}", found["product"], rows)
            for name, rows in found.items()
            if name != "product" and found.get("product", {}).keys() & rows.keys()
        ),
        *_promise(what, [r for n in found if n in ARMS for r in found[n].values()], asked),
    ]


def _accuracies(what: str, name: str, rows: dict[int, Row], asked: Conditions) -> Iterator[Figure]:
    every = list(rows.values())
    mean = np.mean([row.accuracy for row in every])
    table = np.stack([row.right["answer"] for row in every])
    seconds = [np.mean([getattr(row, clock) for row in every]) for clock in ("processor", "wall")]
    note = (
        f"{len(every)} seeds, {table.shape[1]} test images, {seconds[0]:.0f} processor s, "
        f"{seconds[1]:.0f} s, oneDNN {'on' if asked.onednn else 'off'}"
    )
    yield judged(
        LIMITS,
        f"{what}: accuracy of {name}, %",
        round(100 * float(mean), 2),
        error=round(100 * comparison.error(table), 2),
        note=note,
    )
    for kind in every[0].right:
        if kind != "answer":
            table = np.stack([row.right[kind] for row in every])
            yield observed(
                f"{what}: accuracy of {name}, {kind}, %",
                round(100 * float(table.mean()), 2),
                error=round(100 * comparison.error(table), 2),
            )


def _above(name: str, product: dict[int, Row], other: dict[int, Row]) -> Figure:
    """A difference, paired by seed and image."""
    pairs = [(product[seed], other[seed]) for seed in sorted(product.keys() & other.keys())]
    mean = np.mean([ours.accuracy - theirs.accuracy for ours, theirs in pairs])
    table = np.stack([1.0 * o.right["answer"] - t.right["answer"] for o, t in pairs])
    return judged(
        LIMITS,
        name,
        round(100 * float(mean), 2),
        error=round(100 * comparison.error(table), 2),
        note=f"{len(pairs)} seeds, paired by seed and image",
    )


def _promise(what: str, rows: list[Row], asked: Conditions) -> Iterator[Figure]:
    """Whether the product's wall time is what it was given."""
    parts = [row.wall / asked.budget for row in rows]
    if parts:
        largest = f"{what}: largest wall time of the product, parts of the budget"
        least = f"{what}: least part of the budget that the product uses"
        note = f"{len(parts)} runs"
        yield judged(LIMITS, largest, round(max(parts), 3), note=note)
        yield judged(LIMITS, least, round(min(parts), 3), note=note)


if __name__ == "__main__":
    main()
