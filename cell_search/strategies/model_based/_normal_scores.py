"""What models learn from: rewards as normal scores, and of many results the ones to keep."""

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


def remembered(rewards: np.ndarray, most: int) -> np.ndarray:
    """Which results a model keeps, so that it costs about the same however many there are: the
    newest, and the best of the older ones.

    Args:
        rewards: float64 `(n,)`, in the order in which they came.
        most: how many are kept, half of them for being new.

    Returns:
        Their places, int `(min(n, most),)`, in order.
    """
    newest = len(rewards) - most // 2 if len(rewards) > most else 0
    best = np.argsort(-rewards[:newest], kind="stable")[: most - most // 2]
    return np.concatenate([np.sort(best), np.arange(newest, len(rewards))])
