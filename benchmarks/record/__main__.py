"""The search of record, the random search beside it, and what their cells are worth.

  python -m benchmarks.record                what is known so far, from what is committed
  python -m benchmarks.record --hours=2      goes on for two hours by the clock, on one core
  python -m benchmarks.record --rerank --hours=2
                                             trains the best of both arms again, several times each
  python -m benchmarks.record --compare=screening --hours=2
                                             compares them with others (then finals, transfers)

Both arms are ordinary searches with the settings of configs/search/record_cpu.yaml; `random` has
another strategy and is equal in all else. They take turns, so that both have as many trials, and
trials cost the same by the cost table. The directories are runs/record/ARM; what is committed is
benchmarks/record/data, which is written at the end, from which a fresh clone goes on.

While anybody measures (`python -m benchmarks.figures`, or any command behind `python -m
benchmarks.quiet`), the search stands still. Ctrl-C or SIGTERM end it; what was running is evaluated
again when it goes on. Needs CELLS_DATA_DIR with `cifar10`.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
from functools import partial
from typing import Any

from benchmarks.kept import read_lines
from benchmarks.record import compare, lists, packed
from benchmarks.record.runs import ARMS, Record
from benchmarks.report import Figure, mean_and_error, observed, print_figures, required
from cells.support.errors import UserError

LIMITS = {
    "processor hours of both arms": (">= 20", 0.2, "a search that is cut off after minutes"),
    "trials of the arms, larger difference than a turn": (
        "== 0",
        1,
        "arms that run one after the other",
    ),
    "finals: points of the search's best above * *": (
        "> 0 by 2 standard errors",
        0.0,
        "a search that finds what is there already",
    ),
    "transfers: points of seven, where it is above the best published cell": (
        ">= 4",
        0,
        "cells that are good for the set of the search alone",
    ),
    "images that serve two purposes": ("== 0", 15_000, "all purposes take the first images"),
}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=0.0, help="by the clock, pauses included")
    parser.add_argument("--arm", choices=list(ARMS), help="only one")
    parser.add_argument("--rerank", action="store_true", help="train the best again")
    parser.add_argument("--compare", choices=compare.STAGES, help="a stage of the comparison")
    parser.add_argument("--pack", action="store_true", help="write what is to be committed")
    args = parser.parse_args()
    record = Record()
    if args.hours <= 0 and not args.pack:
        if args.rerank or args.arm or args.compare:
            parser.error("--hours: say for how long")
        print_figures(figures(record), seeds=[0])
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        record.unpack()
        try:
            if args.hours > 0:
                _go_on(record, args)
        finally:
            record.pack()
    except UserError as error:
        parser.exit(2, f"{error}\n")
    print(f"commit {record.data.relative_to(record.root)}")


def _go_on(record: Record, args: argparse.Namespace) -> None:
    arms = [args.arm] if args.arm else list(ARMS)
    if args.compare:
        compare.run(record, args.compare, args.hours)
    elif args.rerank:
        record.rerank(args.hours, arms)
    else:
        record.search(args.hours, arms)


def figures(record: Record) -> list[Figure]:
    """What is known from what is committed.

    Args:
        record: where it lies.
    """
    turns = list(read_lines(record.data / "turns.jsonl"))
    hours = sum(turn["processor_seconds"] for turn in turns) / 3600
    known = {arm: packed.read(record.files(arm)[""])[1] for arm in ARMS}
    counts = [len(_scores(rows)) for rows in known.values()]
    shared = sum(
        len(set(lists.numbers(one)) & set(lists.numbers(other)))
        for one in lists.PARTS
        for other in lists.PARTS
        if one < other
    )
    found = [
        required(LIMITS, "processor hours of both arms", round(hours, 2)),
        required(
            LIMITS,
            "trials of the arms, larger difference than a turn",
            max(max(counts) - min(counts) - record.turn, 0),
            note=", ".join(f"{n} of {arm}" for arm, n in zip(ARMS, counts, strict=True)),
        ),
        required(LIMITS, "images that serve two purposes", shared),
    ]
    for arm, rows in known.items():
        found += _of_arm(arm, rows, packed.read(record.files(arm)["rerank"])[1])
    return found + _compared(record)


def _compared(record: Record) -> list[Figure]:
    """Nothing of a stage that is not complete."""
    if not (record.data / "costs.json").exists():
        return []
    found = []
    for group in ("hand_written", "random", "published", "resnet_9"):
        for label, points, error in compare.ahead(record, "finals", group).values():
            # To the residual network the difference is stated.
            make = observed if group == "resnet_9" else partial(required, LIMITS)
            name = f"finals: points of the search's best above {group} cells"
            found.append(make(name, round(points, 2), error=round(error, 2), note=label))
    transferred = compare.ahead(record, "transfers", "published")
    for (images, count), (label, points, error) in transferred.items():
        point = f"{images}, {count} a class" if count else f"{images}, AP of a detector"
        name = f"transfers: points above the best published cell, {point}"
        found.append(observed(name, round(points, 2), error=round(error, 2), note=label))
    if transferred:
        found.append(
            required(
                LIMITS,
                "transfers: points of seven, where it is above the best published cell",
                sum(points > 0 for _, points, _ in transferred.values()),
            )
        )
    return found


def _scores(rows: list[dict[str, Any]]) -> list[float]:
    return [100.0 * row["values"][0] for row in rows if row["state"] == "COMPLETE"]


def _of_arm(arm: str, rows: list[dict[str, Any]], again: list[dict[str, Any]]) -> list[Figure]:
    scores = _scores(rows)
    if not scores:
        return [observed(f"{arm}: trials", 0)]
    best = sorted(scores, reverse=True)
    failed = sum(row["state"] == "FAIL" for row in rows)
    found = [
        observed(f"{arm}: trials", len(scores), note=f"{failed} more failed"),
        observed(f"{arm}: best score, held-out %", round(best[0], 2), note="one seed, optimistic"),
        observed(f"{arm}: mean score of the best 10, %", round(statistics.fmean(best[:10]), 2)),
        observed(f"{arm}: median score, %", round(statistics.median(scores), 2)),
    ]
    for row in rows:
        known = row.get("user", {}).get("first")
        if known and row["state"] == "COMPLETE":
            value = round(100.0 * row["values"][0], 2)
            found.append(observed(f"{arm}: score of {known}, %", value))
    if _scores(again):
        groups: dict[str, list[float]] = {}
        for row in again:
            if row["state"] == "COMPLETE":
                groups.setdefault(str(row["point"]), []).append(100.0 * row["values"][0])
        name = f"{arm}: best mean when trained again, %"
        values = max(groups.values(), key=statistics.fmean)
        mean, error = mean_and_error(values)
        note = f"{len(values)} seeds, {len(groups)} candidates"
        found.append(observed(name, mean, error=error, note=note))
    return found


if __name__ == "__main__":
    main()
