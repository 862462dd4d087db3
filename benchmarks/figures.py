"""Runs measured figures by name and records them in docs/figures.json.

  make figures                    all that have no row for this commit yet
  make figures FIGURE=01-demo     one, whether it has a row or not
  python -m benchmarks.figures 10-strategies-nb301 --strategies=bayesian
                                  some rows of one; the others stay as they are
  python -m benchmarks.figures --list

Each figure is a program that ends in one JSON line (`benchmarks.report`). A run that is
interrupted goes on where it was: rows are written one figure at a time.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import re
import shlex
import subprocess
import sys
from dataclasses import asdict

from benchmarks.report import read_figures
from cells.support.files import write_atomically

ROOT = pathlib.Path(__file__).parents[1]
ROWS = ROOT / "docs" / "figures.json"

_STRATEGIES = (
    "random:attempts=1,random,regularized_evolution:population=10,sample=3,reinforce,ppo,"
    "large_scale_evolution,local_search,bayesian"
)

#: Figures by name, with the arguments of `python`.
FIGURES = {
    "01-demo": "-m benchmarks.demo --output=demo",
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
    "10-strategies-nb301": "-m benchmarks.strategies --table=nb301 --queries=50,100,200,500 "
    f"--seeds=50 --strategies={_STRATEGIES}",
    "11-strategy-cost": "-m benchmarks.strategy_cost",
    "12-children-needed": "-m benchmarks.children_needed",
    "13-settings": "-m benchmarks.settings --trials=14 --seeds=3",
    "14-hypervolume": "-m benchmarks.hypervolume --queries=200 --seeds=50",
    "15-children": "-m benchmarks.children",
    "16-children-memory": "-m benchmarks.children_memory",
    "17-skip-connections": "-m benchmarks.skip_connections",
    "18-pools": "-m benchmarks.pools",
    "19-unseen-tables": "-m benchmarks.unseen_tables --queries=100 --seeds=10",
    "20-proxies": "-m benchmarks.proxies --output=runs/proxies",
    "21-scale": "-m benchmarks.scale",
    "22-driver-cost": "-m benchmarks.driver_cost",
    "23-shared-weights": "-m benchmarks.shared_weights --seeds=3 --trials=150 --cells=3",
    # A network of one block a cell, minutes in place of an hour.
    "24-finetuning": "-m benchmarks.finetuning --genotype=tests/transfer/tiny.json --filters=16 "
    "--before=400 --steps=80",
    "25-transfer-speed": "-m benchmarks.transfer",
    "25-transfer-speed-large": "-m benchmarks.transfer --large",
    "26-auto": "-m benchmarks.auto --budget=8m --seeds=2",
    "27-overfit": "-m benchmarks.overfit",
    "28-two-stages": "-m benchmarks.two_stages",
    "30-detection-speed": "-m benchmarks.detection",
    "29-detection-overfit": "-m benchmarks.detection_overfit",
    "31-detection-files": "-m benchmarks.detection_files",
    "32-detection-masks": "-m benchmarks.detection_masks",
    "33-house": "-m benchmarks.house",
    "34-mutated-inputs": "-m benchmarks.mutated_inputs",
}


def main() -> None:
    """Runs the command line; exits with 1 where a figure is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument(
        "--strategies", default="", help="of one figure that compares strategies, which to measure"
    )
    args = parser.parse_args()
    unknown = [name for name in args.figures if name not in FIGURES]
    if unknown:
        parser.error(f"no figure {unknown[0]!r}; there are {', '.join(FIGURES)}")
    if args.strategies and len(args.figures) != 1:
        parser.error("--strategies belongs to one figure, by name")
    if args.list:
        print("\n".join(f"{name:<24} python {command}" for name, command in FIGURES.items()))
        return
    commit = _commit()
    done = {row["figure"] for row in _rows() if row["commit"] == commit}
    names = args.figures or [name for name in FIGURES if name not in done]
    bad = [name for name in names if not run(name, commit, args.strategies)]
    if bad:
        sys.exit(f"not met: {', '.join(bad)}")


def run(name: str, commit: str, strategies: str = "") -> bool:
    """Runs one figure, records its rows, and says whether all of them are met.

    Args:
        name: of the figure.
        commit: what is measured.
        strategies: which of those it compares, in place of all; the rows of the others stay.
    """
    arguments = FIGURES[name]
    if strategies:
        others = re.sub(r" --strategies=\S+", "", arguments)
        arguments = f"{others} --strategies={strategies}"
    command = [sys.executable, *shlex.split(arguments)]
    shown = f"python {arguments}"
    print(f"== {name}: {shown}", flush=True)
    lines = []
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() not in (0, 1):
        return False
    try:
        figures = read_figures("".join(lines))
    except ValueError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    measured = {figure.name for figure in figures}
    kept = [
        row
        for row in _rows()
        if row["figure"] != name or (strategies and row["name"] not in measured)
    ]
    today = datetime.date.today().isoformat()
    rows = [
        {"figure": name, **asdict(figure), "command": shown, "commit": commit, "date": today}
        for figure in figures
    ]
    rows = sorted([*kept, *rows], key=lambda row: row["figure"])
    write_atomically(ROWS, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
    return all(figure.ok for figure in figures)


def _rows() -> list[dict]:
    return json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else []


def _commit() -> str:
    """The commit that is measured, marked where the working tree differs from it."""

    def git(*args: str) -> str:
        done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    dirty = git("status", "--porcelain", "--untracked-files=no", "--", ":!docs/figures.json")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+changes" if dirty else "")


if __name__ == "__main__":
    main()
