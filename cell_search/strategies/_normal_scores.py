"""Rewards as normal scores: only their order counts."""

from __future__ import annotations

import numpy as np


def normal_scores(rewards: np.ndarray) -> np.ndarray:
    """The normal quantiles of the ranks; equal rewards share the mean of their ranks.

    A few children that have learned nothing would otherwise hide the differences between the
    good ones.

    Args:
        rewards: float64 `(n,)`.

    Returns:
        float64 `(n,)`, nearly of mean 0 and variance 1.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return ndtri((rankdata(rewards) - 0.5) / len(rewards))
