"""What comparisons of strategies must show: exact expectations and the figures to reach."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders import Contender
from cell_search.evaluators.tables import Table


def expected_random(table: Table, queries: int) -> tuple[float, float]:
    """The exact expectations of uniform draws with duplicates: best `valid`, `test` of it.

    A group of entries of equal `valid`, with ranks in (a, b] from below, holds the best of n
    draws with the probability (b/N)^n - (a/N)^n, and then each of its entries is as likely.
    """
    valid = np.array([entry.valid for entry in table.entries.values()])
    test = np.array([entry.test for entry in table.entries.values()], np.float64)
    values, group, counts = np.unique(valid, return_inverse=True, return_counts=True)
    ranks = np.concatenate([[0], np.cumsum(counts)]) / len(valid)
    chance = np.diff(ranks**queries)
    means = np.bincount(group, weights=test) / counts
    return float(chance @ values), float(chance @ means)


#: The strategy that must beat all others, with its default settings.
CHAMPION = "bayesian"

DATASETS = ("c10", "c100", "in16")

#: The least means: strategy, table, queries, measure, and a value for each data set.
_ROWS: tuple[tuple[str, str, int, str, tuple[float, ...]], ...] = (
    ("regularized_evolution", "nb201", 200, "test", (94.13, 72.47, 45.96)),
    ("regularized_evolution", "nb301", 200, "test", (96.03,)),
    ("reinforce", "nb201", 200, "test", (94.06, 72.4, 45.8)),
    ("reinforce", "nb301", 200, "test", (96.1,)),
    ("ppo", "nb201", 200, "test", (94.06, 72.4, 45.8)),
    ("ppo", "nb301", 200, "test", (96.1,)),
    (CHAMPION, "nb201", 100, "valid", (84.70, 61.10, 38.10)),
    (CHAMPION, "nb201", 200, "valid", (84.85, 61.30, 38.50)),
    (CHAMPION, "nb301", 100, "test", (96.38,)),
    (CHAMPION, "nb301", 200, "test", (96.57,)),
    (CHAMPION, "nb301", 500, "test", (96.60,)),
)

LIMITS = {
    (strategy, table, dataset, queries, measure): value
    for strategy, table, queries, measure, values in _ROWS
    for dataset, value in zip(DATASETS if table == "nb201" else ("",), values, strict=True)
}

#: The settings that a limit is for, where they are not the defaults.
_SETTINGS = {"regularized_evolution": {"population": 10, "sample": 3}}


def limit(
    contender: Contender, table: str, dataset: str, queries: int, measure: str
) -> float | None:
    """The figure that a contender must reach, if there is one for its settings."""
    if contender.settings != _SETTINGS.get(contender.name, {}):
        return None
    return LIMITS.get((contender.name, table, dataset, queries, measure))


def is_uniform(contender: Contender) -> bool:
    """Whether a contender draws uniformly, with duplicates: its expectation is known."""
    return contender.name == "random" and contender.settings == {"attempts": 1}
