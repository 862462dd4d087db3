"""What comparisons of strategies must show: exact expectations and the figures to reach."""

from __future__ import annotations

import numpy as np

from benchmarks.table_searches import Contender
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


DATASETS = ("c10", "c100", "in16")

#: A limit is reached by a mean of which two standard errors more reach it.
LIMITS = {
    "*: standard errors from the exact mean": (
        "<= 3",
        3.5,
        "evolution 10/3 in place of draws, where it is nearest",
    ),
    "nb201-c10 regularized_evolution:population=10,sample=3 200 queries, test, %": (
        ">= 94.13 less 2 standard errors",
        93.903,
        "random search",
    ),
    "nb201-c100 regularized_evolution:population=10,sample=3 200 queries, test, %": (
        ">= 72.47 less 2 standard errors",
        71.706,
        "random search",
    ),
    "nb201-in16 regularized_evolution:population=10,sample=3 200 queries, test, %": (
        ">= 45.96 less 2 standard errors",
        45.288,
        "random search",
    ),
    "nb301 regularized_evolution:population=10,sample=3 200 queries, test, %": (
        ">= 96.03 less 2 standard errors",
        95.514,
        "random search",
    ),
    "nb201-c10 reinforce 200 queries, test, %": (
        ">= 94.06 less 2 standard errors",
        93.903,
        "random search",
    ),
    "nb201-c100 reinforce 200 queries, test, %": (
        ">= 72.4 less 2 standard errors",
        71.706,
        "random search",
    ),
    "nb201-in16 reinforce 200 queries, test, %": (
        ">= 45.8 less 2 standard errors",
        45.288,
        "random search",
    ),
    "nb301 reinforce 200 queries, test, %": (
        ">= 96.1 less 2 standard errors",
        95.514,
        "random search",
    ),
    "nb201-c10 ppo 200 queries, test, %": (
        ">= 94.06 less 2 standard errors",
        93.903,
        "random search",
    ),
    "nb201-c100 ppo 200 queries, test, %": (
        ">= 72.4 less 2 standard errors",
        71.706,
        "random search",
    ),
    "nb201-in16 ppo 200 queries, test, %": (
        ">= 45.8 less 2 standard errors",
        45.288,
        "random search",
    ),
    "nb301 ppo 200 queries, test, %": (
        ">= 96.1 less 2 standard errors",
        95.514,
        "random search",
    ),
    "nb201-c10 bayesian 100 queries, valid, %": (
        ">= 84.7 less 2 standard errors",
        83.753,
        "random search",
    ),
    "nb201-c100 bayesian 100 queries, valid, %": (
        ">= 61.1 less 2 standard errors",
        59.164,
        "random search",
    ),
    "nb201-in16 bayesian 100 queries, valid, %": (
        ">= 38.1 less 2 standard errors",
        36.017,
        "random search",
    ),
    "nb201-c10 bayesian 200 queries, valid, %": (
        ">= 84.85 less 2 standard errors",
        84.035,
        "random search",
    ),
    "nb201-c100 bayesian 200 queries, valid, %": (
        ">= 61.3 less 2 standard errors",
        59.777,
        "random search",
    ),
    "nb201-in16 bayesian 200 queries, valid, %": (
        ">= 38.5 less 2 standard errors",
        36.592,
        "random search",
    ),
    "nb301 bayesian 100 queries, test, %": (
        ">= 96.38 less 2 standard errors",
        95.414,
        "random search",
    ),
    "nb301 bayesian 200 queries, test, %": (
        ">= 96.57 less 2 standard errors",
        95.514,
        "random search",
    ),
    "nb301 bayesian 500 queries, test, %": (
        ">= 96.6 less 2 standard errors",
        95.583,
        "random search",
    ),
    "nb201-c10 bayesian:patience=50 100 queries, valid, %": (
        ">= 84.7 less 2 standard errors",
        83.753,
        "random search",
    ),
    "nb201-c100 bayesian:patience=50 100 queries, valid, %": (
        ">= 61.1 less 2 standard errors",
        59.164,
        "random search",
    ),
    "nb201-in16 bayesian:patience=50 100 queries, valid, %": (
        ">= 38.1 less 2 standard errors",
        36.017,
        "random search",
    ),
    "nb201-c10 bayesian:patience=50 200 queries, valid, %": (
        ">= 84.85 less 2 standard errors",
        84.035,
        "random search",
    ),
    "nb201-c100 bayesian:patience=50 200 queries, valid, %": (
        ">= 61.3 less 2 standard errors",
        59.777,
        "random search",
    ),
    "nb201-in16 bayesian:patience=50 200 queries, valid, %": (
        ">= 38.5 less 2 standard errors",
        36.592,
        "random search",
    ),
}


def is_uniform(contender: Contender) -> bool:
    """Whether a contender draws uniformly, with duplicates: its expectation is known."""
    return contender.name == "random" and contender.settings == {"attempts": 1}
