"""Several objectives: who dominates whom. All are maximized here; callers turn signs.

Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", sections III.A
and III.B.
"""

from __future__ import annotations

import numpy as np


def dominated(rewards: np.ndarray) -> np.ndarray:
    """Which points are dominated: another one is at least as good in all and better in one.

    Args:
        rewards: `(n, objectives)`, larger is better.

    Returns:
        `(n,)` of truth values.
    """
    answer = np.zeros(len(rewards), bool)
    front = np.empty((0, rewards.shape[1]))
    # Best first by the first objective, then the second, ...: none is dominated by a later one.
    for i in np.lexsort(-rewards.T[::-1]):
        reward = rewards[i]
        answer[i] = ((front >= reward).all(axis=1) & (front > reward).any(axis=1)).any()
        if not answer[i]:
            front = np.vstack([front, reward])
    return answer


def ranks(rewards: np.ndarray) -> np.ndarray:
    """The front that each point belongs to: 0 is not dominated, 1 by points of front 0 only, ...

    All pairs are compared at once: for populations, not for whole studies.

    Args:
        rewards: `(n, objectives)`, larger is better.

    Returns:
        `(n,)` of integers.
    """
    one, other = rewards[:, None, :], rewards[None, :, :]
    dominates = np.all(one >= other, axis=-1) & np.any(one > other, axis=-1)
    rank = np.full(len(rewards), -1)
    for front in range(len(rewards)):
        left = rank < 0
        if not left.any():
            break
        rank[left & ~dominates[left].any(axis=0)] = front
    return rank


def crowding(rewards: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """How much room each point has within its own front: the sum over the objectives of the
    distance between its two neighbours, in parts of the front's extent; infinite at the ends.

    Args:
        rewards: `(n, objectives)`.
        rank: `(n,)`, see `ranks`.

    Returns:
        `(n,)`, larger is lonelier.
    """
    room = np.zeros(len(rewards))
    for front in np.unique(rank):
        members = np.flatnonzero(rank == front)
        for values in rewards[members].T:
            order = np.argsort(values, kind="stable")
            ends = members[order[[0, -1]]]
            extent = values[order[-1]] - values[order[0]]
            if extent > 0:
                room[members[order[1:-1]]] += (values[order[2:]] - values[order[:-2]]) / extent
            room[ends] = np.inf
    return room
