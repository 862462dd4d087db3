"""`python -m cells` and the console command `cells`: no part of the library, above all stages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from cells.support.errors import told_errors
from cells.support.program import ended_by_signals

if TYPE_CHECKING:
    import argparse


def main() -> None:
    """Runs the command line, until a signal ends it; never returns."""
    with ended_by_signals("cells"):
        run()


def run() -> None:
    """Runs the command line."""
    with told_errors("cells"):  # Whatever is wrong with a row of a table.
        from cells import cli

    cli.main(summary, auto)


def summary(args: argparse.Namespace) -> Iterator[str]:
    """`cells summary`: parameters and multiply-adds of a genotype's network."""
    from cells.commands import sizes

    if args.cost is None:
        return sizes.summary(args)
    # Of the first stage, whose networks the table is about; see `auto`. What machine this is, says
    # TensorFlow, and it alone.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from cell_search.costs import command

    costs = command.predict(args.cost, *sizes.configured(args), args.batch)
    return sizes.summary(args, costs, command.machine(args.cost))


def auto(args: argparse.Namespace) -> Iterator[str]:
    """`cells auto`: from a folder of images to a classifier, with a search of cells."""
    # Of all stages; this program alone stands above them.
    from auto import command
    from cell_search.output.progress import duration
    from cells.support import command_line

    quiet: AbstractContextManager[None] = nullcontext()
    if not args.verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        command_line.hush("cells")
        quiet = command_line.without_libraries()
    with quiet:
        result = command.run(
            args.images,
            args.output,
            budget=args.budget,
            genotype=args.genotype,
            search=args.search,
            entrants=args.entrants,
            size=args.size,
            flip=args.flip,
            balance=args.balance,
            weights=args.weights,
            shipped_weights=args.shipped_weights == "on",
            precision=args.precision,
            seed=args.seed,
        )
    yield (
        f"accuracy {result.accuracy:.1%} on {result.images:,} test images that no step before saw, "
        f"after {duration(result.seconds)} of {duration(result.budget)}"
    )
    yield f"report: {result.report}"
    yield f"its numbers: {result.data}"
    yield f"classifier: {result.exported}"


if __name__ == "__main__":
    main()
