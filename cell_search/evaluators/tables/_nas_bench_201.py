"""NAS-Bench-201 (Dong & Yang 2020): all cells of its space, trained on three data sets."""

from __future__ import annotations

import csv
import functools
import math
import os
import pathlib
from typing import Any

from cell_search.evaluators.tables._table import (
    NB201,
    Entry,
    State,
    Table,
    data_file,
    read_lines,
    state,
)
from cell_search.space.nas_bench_201 import EDGES, OPERATIONS, SPACE
from cells.support.errors import UserError, cut
from cells.support.registry import choose

#: Seconds of an epoch in units of an epoch on CIFAR-10, whose search trains on 25,000 images;
#: the others train on 50,000 and on 151,700.
DATASETS = {"c10": 1.0, "c100": 2.0, "in16": 6.068}

_CODES = {str(code): name for code, name in enumerate(OPERATIONS)}

#: Classes of each data set.
CLASSES = {"c10": 10, "c100": 100, "in16": 120}


def nas_bench_201(dataset: str = "c10", data_dir: str | os.PathLike[str] = "") -> Table:
    """The table of a data set: `valid` is the validation accuracy after 12 epochs, `test` the
    test accuracy after 200 (both in percent), `cost` the seconds of training for 12 epochs.

    Args:
        dataset: `c10` (CIFAR-10), `c100` (CIFAR-100) or `in16` (ImageNet16-120).
        data_dir: the folder above `nas_bench/nb201.csv.gz`; "" is `CELLS_DATA_DIR`.

    Raises:
        UserError: there is no such data set or file, or the file is damaged.
    """
    choose("dataset", dataset, DATASETS)
    path = data_file(data_dir, NB201)
    return _read(path, dataset, state(path))


@functools.lru_cache(maxsize=3)
def _read(path: pathlib.Path, dataset: str, state: State) -> Table:
    entries: dict[tuple[Any, ...], Entry] = {}
    for line, row in enumerate(csv.DictReader(read_lines(path)), start=2):
        try:
            choices = tuple(_CODES[row[edge]] for edge in EDGES)
            values = (
                float(row[f"{dataset}_val12"]),
                float(row[f"{dataset}_test200"]),
                float(row["c10_train12_s"]) * DATASETS[dataset],
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"{path}: line {line} is damaged ({cut(str(error))})") from None
        if not all(map(math.isfinite, values)):
            raise UserError(f"{path}: line {line} is damaged (a value is not finite)")
        entries[choices] = Entry(*values)
    if len(entries) != SPACE.size:
        raise UserError(
            f"{path}: holds {len(entries):,} of the {SPACE.size:,} cells; fetch it again"
        )
    return Table(SPACE, entries)
