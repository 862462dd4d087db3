"""Cost tables for command lines: one is made, one is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cell_search.costs import table
from cell_search.costs.machine import VARIABLE, this_machine
from cell_search.costs.predict import costs
from cells.genotype.genotype import Genotype
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.support.errors import UserError
from cells.support.files import require_writable


def make(path: str, precision: str = "float32") -> Iterator[str]:
    """Measures this machine, for minutes; replaces what is at `path`.

    Args:
        path: the file.
        precision: of convolutions, `float32` or `mixed_bfloat16`.

    Yields:
        Lines for people.

    Raises:
        UserError: the file cannot be written.
    """
    if os.path.isdir(path) or not path.endswith(".json"):
        raise UserError(f"--costs: {path} is no name of a cost table; use one that ends in .json")
    require_writable(path, "--costs")
    from cell_search.children.precision import MIXED, mixed_bfloat16
    from cell_search.costs import measure

    yield "measures pieces of networks for some minutes; nothing else should be running"
    with mixed_bfloat16(precision == MIXED):
        made = measure.measure(report=lambda line: print(f"  {line}", flush=True))
    table.write(made, path)
    yield from (f"{name}: {value}" for name, value in measure.shown(made).items())
    yield path


def predict(
    path: str, genotype: Genotype | Architecture, config: StackConfig, batch: int
) -> dict[str, float]:
    """What a network costs by a table.

    Args:
        path: of the table; empty for that of the environment variable `CELLS_COSTS`.
        genotype: the cells.
        config: the network.
        batch: images of a training step.

    Returns:
        `step_seconds` and `inference_ms`.

    Raises:
        UserError: there is no table, or it has no times for this network.
    """
    path = path or os.environ.get(VARIABLE, "")
    if not path:
        raise UserError(
            f"--cost: name a cost table, --cost=FILE, or set {VARIABLE}; "
            "cell-search --mode=costs --costs=FILE makes one"
        )
    return costs(table.read(path), genotype, config, batch)


def machine(path: str) -> str:
    """Of which machine a table is, for people; says so where it is another one."""
    known = table.read(path or os.environ[VARIABLE]).machine
    different = known.differences(this_machine(known.precision))
    other = f", which is not this machine (here {', '.join(different)})" if different else ""
    threads = f"{known.threads} thread{'s' * (known.threads > 1)}"
    return f"{known.processor}, {threads}, {known.device}, {known.precision}{other}"
