"""Runs measured figures by name and records them in docs/figures.json, and checks what is there.

  make figures                    all that have no row for this commit yet
  make figures FIGURE=02-counts   one, whether it has a row or not
  python -m benchmarks.figures 10-strategies-nb301 --strategies=bayesian
                                  some rows of one; the others stay as they are
  python -m benchmarks.figures --check
                                  whether all rows are what they say; what is out of date
  python -m benchmarks.figures --list

Each figure is a program that ends in one JSON line (`benchmarks.report`). A run that is
interrupted goes on where it was: rows are written one figure at a time.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from benchmarks.recording import adopt, check, measure, missed, rows
from benchmarks.recording.git import Repository
from cells.support.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]

_STRATEGIES = (
    "random:attempts=1,random,regularized_evolution:population=10,sample=3,reinforce,ppo,"
    "large_scale_evolution,local_search,bayesian"
)

#: By `benchmarks/protocol.md`: seeds that nothing was chosen on.
_PEERED = "--queries=25,50,100 --first_seed=5000 --seeds=30 --reference=bayesian --strategies="
_PEERS = {
    "peers": "bayesian,optuna:TPESampler,peer:hyperopt",
    # Minutes a seed.
    "processes": "bayesian,peer:botorch,peer:optuna_gp,peer:smac",
}
_CAMPAIGN = {
    **{
        f"38-campaign-nb201-{dataset}": f"-m benchmarks.strategies --table=nb201 "
        f"--dataset={dataset} --queries=25,50,100,200,500 --first_seed=5000 --seeds=200 "
        f"--strategies={_STRATEGIES}"
        for dataset in ("c10", "c100", "in16")
    },
    "38-campaign-nb301": "-m benchmarks.strategies --table=nb301 --queries=25,50,100,200,500 "
    f"--first_seed=5000 --seeds=50 --strategies={_STRATEGIES}",
    **{
        f"39-{kind}-{name}": f"-m benchmarks.strategies {table} {_PEERED}{peers}"
        for kind, peers in _PEERS.items()
        for name, table in (
            ("nb201-c10", "--table=nb201 --dataset=c10"),
            ("nb201-c100", "--table=nb201 --dataset=c100"),
            ("nb201-in16", "--table=nb201 --dataset=in16"),
            ("nb301", "--table=nb301"),
        )
    },
    "40-unseen-tables": "-m benchmarks.unseen_tables --queries=100 --first_seed=5000 --seeds=10",
    "40-listed-tables": "-m benchmarks.unseen_tables --listed --queries=100 --first_seed=5000 "
    "--seeds=10 --strategies=bayesian,random,regularized_evolution:population=10,sample=3,"
    "local_search,reinforce,peer:ridge",
    # The papers' settings at the papers' numbers of children.
    **{
        f"41-papers-{name}": f"-m benchmarks.strategies {table} --first_seed=5000 --seeds={seeds} "
        "--strategies=random,regularized_evolution:population=100,sample=25,"
        "reinforce:preset=paper,ppo:preset=paper,progressive:preset=paper "
        "--reference=progressive:preset=paper"
        for name, table, seeds in (
            ("nb201-c10", "--table=nb201 --dataset=c10 --queries=500,1000,2000", 20),
            ("nb301", "--table=nb301 --queries=1000,2000,5000", 10),
        )
    },
}

#: Figures by name, with the arguments of `python`.
FIGURES = {
    "01-demo": "-m benchmarks.demo --output=demo --again --figures",
    "02-counts": "-m benchmarks.counts",
    "03-sizes": "-m benchmarks.sizes",
    "04-help": "-m benchmarks.help_time",
    "05-cifar10-smoke": "-m benchmarks.cifar10_smoke",
    "06-determinism": "-m benchmarks.determinism",
    "07-network": "-m benchmarks.network",
    "08-weights": "-m benchmarks.weights",
    **{
        f"09-strategies-nb201-{dataset}": f"-m benchmarks.strategies --table=nb201 "
        f"--dataset={dataset} --queries=50,100,200 --seeds=200 --strategies={_STRATEGIES}"
        for dataset in ("c10", "c100", "in16")
    },
    **{
        f"09-strategies-nb201-{dataset}-patience-50": f"-m benchmarks.strategies --table=nb201 "
        f"--dataset={dataset} --queries=50,100,200 --seeds=200 --strategies=bayesian:patience=50"
        for dataset in ("c10", "c100", "in16")
    },
    "10-strategies-nb301": "-m benchmarks.strategies --table=nb301 --queries=50,100,200,500 "
    f"--seeds=50 --strategies={_STRATEGIES}",
    "11-strategy-cost": "-m benchmarks.strategy_cost",
    "12-children-needed": "-m benchmarks.children_needed --queries=250 --seeds=50",
    "13-settings": "-m benchmarks.settings --trials=14 --seeds=3",
    "14-hypervolume": "-m benchmarks.hypervolume --queries=200 --seeds=50",
    "15-children": "-m benchmarks.children",
    "15-children-graphs": "-m benchmarks.children --graphs",
    "16-children-memory": "-m benchmarks.children_memory",
    "16-children-memory-afternoon": "-m benchmarks.children_memory --blocks=5 --filters=8 "
    "--size=16 --batch=64",
    "16-children-memory-graphs": "-m benchmarks.children_memory --graphs",
    "17-skip-connections": "-m benchmarks.skip_connections",
    "17-skip-attention": "-m benchmarks.skip_attention",
    "17-whole-networks": "-m benchmarks.whole_networks",
    "18-pools": "-m benchmarks.pools",
    "18-pools-12-epochs": "-m benchmarks.pools --epochs=12",
    "19-unseen-tables": "-m benchmarks.unseen_tables --queries=100 --seeds=10",
    **_CAMPAIGN,
    "20-proxies": "-m benchmarks.proxies --output=runs/proxies",
    "21-scale": "-m benchmarks.scale",
    "22-driver-cost": "-m benchmarks.driver_cost",
    "23-shared-weights": "-m benchmarks.shared_weights --seeds=3 --trials=150 --cells=3",
    "43-darts": "-m benchmarks.shared_weights --method=darts --output=runs/shared_weights",
    "43-darts-second-order": "-m benchmarks.shared_weights --method=darts_second_order "
    "--output=runs/shared_weights",
    "43-enas": "-m benchmarks.shared_weights --method=enas --output=runs/shared_weights",
    # A network of one block a cell, minutes in place of an hour.
    "24-finetuning": "-m benchmarks.finetuning --genotype=tests/transfer/tiny.json --filters=16 "
    "--before=400 --steps=80",
    "25-transfer-speed": "-m benchmarks.transfer",
    "25-transfer-speed-large": "-m benchmarks.transfer --large",
    "26-auto": "-m benchmarks.auto --budget=5m --seeds=2 --search=0.5",
    "26-auto-by-rule": "-m benchmarks.auto --budget=8m --seeds=2",
    "27-overfit": "-m benchmarks.overfit",
    "28-two-stages": "-m benchmarks.two_stages",
    "30-detection-speed": "-m benchmarks.detection",
    "29-detection-overfit": "-m benchmarks.detection_overfit",
    "31-detection-files": "-m benchmarks.detection_files",
    "32-detection-masks": "-m benchmarks.detection_masks",
    "33-house": "-m benchmarks.house",
    "34-mutated-inputs": "-m benchmarks.mutated_inputs",
    "35-cost-model": "-m benchmarks.cost_model",
    "36-recipes": "-m benchmarks.recipes --epochs=20",
    "36-recipes-schedules": "-m benchmarks.recipes --epochs=20 --ingredients='all that is usual;"
    "all that is usual, a trapezoid that falls for 40%;"
    "all that is usual, a trapezoid that falls for 75%'",
    "36-recipes-bfloat16": "-m benchmarks.recipes --epochs=20 "
    "--ingredients='bfloat16 convolutions'",
    "36-record": "-m benchmarks.record",
    "37-contenders-cifar10-8m": "-m benchmarks.contenders",
    # Who is near; `plain_keras` and AutoKeras take another hour and a half.
    "37-contenders-cifar10-8m-near": "-m benchmarks.contenders "
    "--only=product,residual_network,hog_svm",
    "37-contenders-cifar10-30m": "-m benchmarks.contenders --budget=1800 "
    "--only=product,product_without_search,product_cells,residual_network",
    "37-contenders-signs": "-m benchmarks.contenders --dataset=signs "
    "--only=product,residual_network,hog_svm",
    "37-contenders-bangla": "-m benchmarks.contenders --dataset=bangla "
    "--only=product,residual_network,hog_svm",
    "42-recurrent-children": "-m benchmarks.recurrent_children",
    "42-recurrent-search": "-m benchmarks.recurrent_search --output=runs/recurrent",
    # Of a machine with a GPU; others leave a row that says that they have none.
    "38-accelerator": "-m benchmarks.accelerator",
    "39-evolved-graphs": "-m benchmarks.evolved_graphs --output=runs/evolved_graphs",
    "39-evolved-graphs-readings": "-m benchmarks.evolved_graphs --readings=50",
    "39-evolved-graphs-first": "-m benchmarks.evolved_graphs --first",
    "43-network-searches": "-m benchmarks.network_searches --output=runs/network_searches",
    "43-networks-and-cells": "-m benchmarks.network_searches --minutes=20 "
    "--arms=evolution,graphs,cells --output=runs/network_searches",
    # The promise alone, with a busy process on the command's own core, too.
    "37-contenders-busy": "-m benchmarks.contenders --load=all --seeds=2 --only=product",
}


def main() -> None:
    """Runs the command line; exits with 1 where a figure is not met or a row is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--check", action="store_true", help="only check all rows")
    parser.add_argument(
        "--strategies", default="", help="of one figure that compares strategies, which to measure"
    )
    parser.add_argument(
        "--dirty", action="store_true", help="measure changes without a commit; the rows say so"
    )
    parser.add_argument(
        "--explain", action="store_true", help=f"bring the reasons of {missed.FILE} into the rows"
    )
    parser.add_argument(
        "--adopt", metavar="COMMIT", help="take over rows as they stood then, marked as unverified"
    )
    parser.add_argument("--named", default="", help="of --adopt: rows with this in their name")
    parser.add_argument("--under", default="", help="of --adopt: the figure they now belong to")
    args = parser.parse_args()
    # What was taken over may have belonged to a figure that is no more.
    for name in (args.under, *(() if args.adopt else args.figures)):
        if name and name not in FIGURES:
            parser.error(f"no figure {name!r}; there are {', '.join(FIGURES)}")
    if args.strategies and len(args.figures) != 1:
        parser.error("--strategies belongs to one figure, by name")
    if args.list:
        print("\n".join(f"{name:<24} python {command}" for name, command in FIGURES.items()))
    elif args.check:
        found = check.check(ROOT, FIGURES)
        found.show()
        sys.exit(1 if found.wrong else 0)
    elif args.explain:
        reasons = missed.read(ROOT)
        rows.write(ROOT, [missed.explained(row, reasons) for row in rows.read(ROOT)])
    elif args.adopt:
        try:
            number = adopt.adopt(
                ROOT, FIGURES, args.adopt, args.figures, named=args.named, under=args.under
            )
        except UserError as error:
            parser.error(str(error))
        print(f"{number} rows, unverified")
    else:
        _measure(args)


def _measure(args: argparse.Namespace) -> None:
    commit = Repository(ROOT).head()[0]
    done = {row["figure"] for row in rows.read(ROOT) if row["commit"] == commit}
    bad = []
    for name in args.figures or [name for name in FIGURES if name not in done]:
        try:
            met = measure.measure(ROOT, FIGURES, name, strategies=args.strategies, dirty=args.dirty)
        except measure.Unrecorded as error:
            print(f"not recorded: {error}", file=sys.stderr)
            met = False
        if not met:
            bad.append(name)
    if bad:
        sys.exit(f"not met: {', '.join(bad)}")


if __name__ == "__main__":
    main()
