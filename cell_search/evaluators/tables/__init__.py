"""Tables of candidates that others have trained: a search on them takes seconds.

A table has a space and looks points of it up. `valid` is what a search may see; `test` is what is
reported of the candidate that it chose, and no search may look at it.
"""

from __future__ import annotations

from cell_search.evaluators.tables._file import read_table
from cell_search.evaluators.tables._nas_bench_201 import CLASSES, DATASETS, nas_bench_201
from cell_search.evaluators.tables._nas_bench_301 import Surrogate, nas_bench_301
from cell_search.evaluators.tables._nats_bench import NatsBench, nats_bench
from cell_search.evaluators.tables._table import NB201, NB301, Entry, Lookup, Table, data_file

__all__ = [
    "CLASSES",
    "DATASETS",
    "NB201",
    "NB301",
    "Entry",
    "Lookup",
    "NatsBench",
    "Surrogate",
    "Table",
    "data_file",
    "nas_bench_201",
    "nas_bench_301",
    "nats_bench",
    "read_table",
]
