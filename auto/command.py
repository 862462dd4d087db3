"""`cells auto`: from parsed arguments to lines to print."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from auto import budget, test_split
from auto.record import Settings, opened
from cells.genotype import catalogue
from cells.support.errors import Stopped, UserError
from cells.support.files import expanded, writing


def run(args: argparse.Namespace) -> Iterator[str]:
    """Takes all steps, or goes on with them.

    Args:
        args: `images`, `output`, `budget`, `genotype`, `search`, `size`, `flip` and `seed`.

    Raises:
        UserError: bad input; before anything is computed where it can be known.
        Stopped: by SIGTERM or Ctrl-C.
    """
    total = budget.seconds_of(args.budget)
    found = test_split.find(args.images)
    if args.genotype:
        catalogue.find(args.genotype)
    if args.search is None:
        args.search = 0.0 if args.genotype else budget.choice_of(total)
    if args.search and args.genotype:
        raise UserError("--search: cells that are given are not searched; leave out --genotype")
    folder = expanded(args.output).absolute()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        images=str(found.root.absolute()),
        fingerprint=found.fingerprint,
        budget=total,
        genotype=args.genotype or "",
        search=args.search,
        size=args.size,
        flip=args.flip,
        seed=args.seed,
    )
    record = opened(folder, settings)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from auto import report, steps
    from auto.context import Run
    from cell_search.driver.interruption import Interruptible, Interruption
    from cell_search.study.directory import SearchDirectory
    from cells.support import command_line

    command_line.hush()
    time = budget.Budget(total, folder / "seconds.json", args.search)
    directory = SearchDirectory(folder / "search")
    try:
        with directory.locked(), Interruptible().listening() as interruptible:
            whole = Run(folder, found, record, time, directory, interruptible)
            results = steps.take(whole)
    except Interruption as stop:
        raise Stopped(stop.signum, f"in {folder}; what is finished is kept") from None
    test = results["test"]
    page, data = report.write(folder, settings, results, time, whole.genotype)
    yield (
        f"accuracy {test['accuracy']:.4f} on {test['images']:,} test images that no step before "
        f"saw, after {sum(time.spent.values()):,.0f} of {total:,.0f} seconds"
    )
    yield from (page, data, str(whole.exported))
