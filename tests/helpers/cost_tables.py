"""Cost tables whose times follow from known rates, so that sums can be computed by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cell_search.costs.kinds import Amount, amount_of, kind_of
from cell_search.costs.machine import this_machine
from cell_search.costs.measure import _pieces
from cell_search.costs.table import CostTable, Overheads

#: Of the small networks of the tests.
OPERATIONS = ("identity", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_1x7_7x1")
PNAS = (*OPERATIONS, "avg_pool_3x3", "max_pool_3x3", "dil_conv_3x3")


def seconds(amount: Amount, call: float = 1e-5) -> float:
    """Of a piece: `call`, 1 ns for each number read, 0.1 ns for a product."""
    return call + 1e-9 * amount.read + 1e-10 * amount.products


def made(
    operations: Sequence[str] = PNAS, overheads: Overheads | None = None, **machine: object
) -> CostTable:
    """A table of this machine, or of one that differs from it in `machine`."""
    import dataclasses

    samples: dict = {"training": defaultdict(list), "inference": defaultdict(list)}
    for piece in _pieces(operations, (4, 6, 16), ("nasnet", "pnasnet")):
        for pass_, batch in (("training", 32), ("inference", 1)):
            amount = amount_of(piece, batch)
            samples[pass_][kind_of(piece)].append((amount, seconds(amount)))
    frozen = {p: {k: tuple(rows) for k, rows in kinds.items()} for p, kinds in samples.items()}
    here = dataclasses.replace(this_machine(), **machine)  # type: ignore[arg-type]
    return CostTable(here, frozen, overheads or Overheads())
