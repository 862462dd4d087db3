"""NAS-Bench-201 (Dong & Yang 2020): all 15,625 cells of four nodes, trained on three data sets."""

from __future__ import annotations

import csv
import functools
import io
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from cell_search.space import Decision, Space
from cell_search.tables._table import Entry, Table, data_file, read_text
from cells.cli import choose
from cells.errors import UserError

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

#: An edge i -> j of the cell is one operation; the order is that of the architecture string.
EDGES = ("op01", "op02", "op12", "op03", "op13", "op23")

NAS_BENCH_201 = Space(tuple(Decision(edge, OPERATIONS, "operation") for edge in EDGES))

#: Seconds of an epoch in units of an epoch on CIFAR-10, whose search trains on 25,000 images;
#: the others train on 50,000 and on 151,700.
DATASETS = {"c10": 1.0, "c100": 2.0, "in16": 6.068}

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
    return _read(data_file(data_dir, "nb201.csv.gz"), dataset)


@functools.lru_cache(maxsize=3)
def _read(path: pathlib.Path, dataset: str) -> Table:
    entries: dict[tuple[Any, ...], Entry] = {}
    for line, row in enumerate(csv.DictReader(io.StringIO(read_text(path))), start=2):
        try:
            choices = tuple(OPERATIONS[int(row[edge])] for edge in EDGES)
            entry = Entry(
                float(row[f"{dataset}_val12"]),
                float(row[f"{dataset}_test200"]),
                float(row["c10_train12_s"]) * DATASETS[dataset],
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"{path}: line {line} is damaged ({error})") from None
        if not all(map(math.isfinite, entry)):  # type: ignore[arg-type]
            raise UserError(f"{path}: line {line} is damaged (a value is not finite)")
        entries[choices] = entry
    if len(entries) != NAS_BENCH_201.size:
        raise UserError(
            f"{path}: holds {len(entries):,} of the {NAS_BENCH_201.size:,} cells; fetch it again"
        )
    return Table(NAS_BENCH_201, entries)


def architecture(point: Mapping[str, Any]) -> str:
    """The benchmark's own name of a cell, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    return "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*(point[edge] for edge in EDGES))


def network_size(point: Mapping[str, Any], classes: int = 10) -> tuple[int, int]:
    """Trainable parameters and multiply-adds (32x32 images) of the network of a cell.

    The network of Dong & Yang 2020, section 2.1: a 3x3 convolution to 16 channels, three stages
    of five cells with 16, 32 and 64, a residual block with stride 2 between them, global pooling
    and a linear layer. Biases are there only in the last, scales and shifts after every
    convolution but the shortcuts'; scales and shifts cost no multiply-adds, the last biases do.
    """
    channels, cells, image = (16, 32, 64), 5, 32 * 32
    kernels = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}
    weights = [kernels[point[edge]] for edge in EDGES if point[edge] in kernels]
    parameters, multiply_adds = 3 * 9 * channels[0] + 2 * channels[0], 3 * 9 * channels[0] * image
    for stage, width in enumerate(channels):
        pixels = image // 4**stage
        if stage:
            before = width // 2
            block = 9 * before * width + 9 * width * width + before * width
            parameters += block + 2 * width * 2
            multiply_adds += block * pixels
        parameters += cells * sum(k * width * width + 2 * width for k in weights)
        multiply_adds += cells * pixels * sum(k * width * width for k in weights)
    last = channels[-1]
    linear = last * classes + classes
    return parameters + 2 * last + linear, multiply_adds + linear
