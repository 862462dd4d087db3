"""Where candidates are evaluated: a pool takes requests and hands out futures."""

from __future__ import annotations

from cell_search.pools._inline import Inline
from cell_search.pools._pool import POOLS, Pool, PoolSettings
from cell_search.pools._processes import Processes
from cell_search.pools._ray import Ray

__all__ = ["POOLS", "Inline", "Pool", "PoolSettings", "Processes", "Ray"]
