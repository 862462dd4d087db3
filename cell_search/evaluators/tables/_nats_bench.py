"""NATS-Bench (Dong et al. 2021): the authors' own file of NAS-Bench-201's cells, by their API."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Mapping
from typing import Any

from cell_search.evaluators.tables._nas_bench_201 import DATASETS
from cell_search.evaluators.tables._table import Entry
from cell_search.space.nas_bench_201 import SPACE, architecture
from cell_search.space.space import Space
from cells.support.errors import UserError
from cells.support.files import expanded
from cells.support.registry import choose

#: What the API calls the set that the search trains on, and the set of the final training: the
#: search on CIFAR-10 trains on half of the images and validates on the other.
_NAMES = {
    "c10": ("cifar10-valid", "cifar10"),
    "c100": ("cifar100", "cifar100"),
    "in16": ("ImageNet16-120", "ImageNet16-120"),
}


class NatsBench:
    """The topology cells of an API object.

    Entries are those of `nas_bench_201`: validation accuracy after 12 epochs, test accuracy after
    200, seconds of training for 12 epochs; each the mean of all runs.

    Attributes:
        space: that of NAS-Bench-201.

    Args:
        api: of the package `nats_bench`.
        dataset: `c10`, `c100` or `in16`.
    """

    def __init__(self, api: Any, dataset: str):
        self.space: Space = SPACE
        self._api = api
        self._searched, self._final = _NAMES[dataset]

    def look_up(self, point: Mapping[str, Any]) -> Entry | None:
        """The entry of a cell.

        Args:
            point: its decisions.

        Returns:
            None where the file does not hold it.
        """
        index = self._api.query_index_by_arch(architecture(point))
        if index < 0:
            return None
        try:
            short = self._api.get_more_info(index, self._searched, hp="12", is_random=False)
            long = self._api.get_more_info(index, self._final, hp="200", is_random=False)
        except (AssertionError, KeyError, ValueError):  # the API's ways to say that it has none
            return None
        valid, test = short.get("valid-accuracy"), long.get("test-accuracy")
        if valid is None or not math.isfinite(valid):
            return None
        return Entry(float(valid), test, short.get("train-all-time"))


def nats_bench(path: str | os.PathLike[str], dataset: str = "c10") -> NatsBench:
    """Opens a NATS-Bench file. It is a pickle, so open only one that comes from its authors.

    Args:
        path: `NATS-tss-v1_0-3ffb9.pickle.pbz2`, or the folder `NATS-tss-v1_0-3ffb9-simple`, of
            which only the cells that are looked up are read.
        dataset: `c10`, `c100` or `in16`.

    Raises:
        UserError: the package `nats_bench` is missing, or there is no such file.
    """
    choose("dataset", dataset, DATASETS)
    return _open(os.fspath(path), dataset)


@functools.lru_cache(maxsize=3)
def _open(path: str, dataset: str) -> NatsBench:
    try:
        from nats_bench import create
    except ImportError:
        raise UserError(
            "evaluator.nats_bench: needs the package nats_bench; install transferable-cells[nats]"
        ) from None
    place = str(expanded(path))
    if not os.path.exists(place):
        raise UserError(f"evaluator.nats_bench.file: there is no {path}")
    try:
        return NatsBench(create(place, "tss", os.path.isdir(place), verbose=False), dataset)
    except Exception as error:  # whatever a pickle that is none may raise
        raise UserError(f"{path}: is not a NATS-Bench topology file ({error})") from None
