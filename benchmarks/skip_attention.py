"""Does attention find skip connections that depend on what layers are? Samples to the optimum.

  python -m benchmarks.skip_attention

Networks of 8 layers, of each of which the filters (4 choices) and the skip connections to all
layers before it are decided, 4^8 * 2^28 points. Nothing is trained: the reward is a share of the
28 pairs.

  tied   layer i is to read layer j exactly if both have equally many filters, so that what is right
         for one decision depends on two others;
  free   layer i is to read layer j or not by a list that is drawn with the seed: no decision
         depends on another, so nothing is to be gained by attention.

Compared are `reinforce` with attention (`inputs: attention`, all skip connections of a layer at
once), `reinforce` with a softmax for each decision, and `random`, all with the same settings. A
search that does not meet the optimum within `--most` samples counts as `--most`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.report import Figure, judged, observed, print_figures
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.strategies import STRATEGIES

LAYERS = 8

#: Settings of the strategies, but for their seed: those of the preset `quick`, but that both
#: controllers learn three times as slowly: at its rate some end beside the optimum (seeds 0 and 1).
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("reinforce", {"inputs": "attention", "learning_rate": 0.005}),
    "softmax": ("reinforce", {"inputs": "softmax", "learning_rate": 0.005}),
    "random": ("random", {}),
}

LIMITS = {
    "tied: samples that attention saves against softmax, in standard errors": (
        ">= 2",
        0.0,
        "about; attention that tells nothing of what layers are",
    ),
    "tied: samples that attention saves against random, in standard errors": (
        ">= 2",
        0.0,
        "about; a controller that learns nothing",
    ),
}

#: A layer and one before it.
_PAIRS = [(i, j) for i in range(2, LAYERS + 1) for j in range(1, i)]

Reward = Callable[[Mapping[str, Any]], float]


def tied(seed: int) -> Reward:
    """The share of pairs that are joined exactly if their filters are equally many."""

    def reward(point: Mapping[str, Any]) -> float:
        filters = [0, *(point[f"layer_{n}/filters"] for n in range(1, LAYERS + 1))]
        return float(np.mean([_skip(point, i, j) == (filters[i] == filters[j]) for i, j in _PAIRS]))

    return reward


def free(seed: int) -> Reward:
    """The share of pairs that are joined or not as a drawn list says."""
    wanted = dict(zip(_PAIRS, np.random.default_rng([seed, 1]).random(28) < 0.5, strict=True))

    def reward(point: Mapping[str, Any]) -> float:
        return float(np.mean([_skip(point, *pair) == wanted[pair] for pair in _PAIRS]))

    return reward


def _skip(point: Mapping[str, Any], i: int, j: int) -> bool:
    return point[f"layer_{i}/skip_{j}"]


def samples(arm: str, reward: Reward, seed: int, most: int) -> int:
    """After how many samples a search meets the optimum.

    Args:
        arm: one of `ARMS`.
        reward: of a point; 1 is the optimum.
        seed: of the strategy.
        most: samples.
    """
    # Equal points are told apart by how they are written: the strategies look them up.
    space = LayerwiseSpace(layers=LAYERS, sizes=(3,), as_written=True)
    name, settings = ARMS[arm]
    strategy = STRATEGIES.find(name)(space, seed=seed, **settings)
    for number in range(most):
        point = strategy.propose(np.random.default_rng([seed, number, 0]))
        value = reward(point)
        if value == 1.0:
            return number + 1
        strategy.observe(point)
        strategy.finished += 1
        strategy.learn(point, value)
    return most


def error_of_median(counts: np.ndarray) -> float:
    """The standard error of a median, by 1,000 samples with replacement."""
    drawn = np.random.default_rng(0).choice(counts, (1000, len(counts)))
    return float(np.median(drawn, axis=1).std(ddof=1))


def figures(name: str, counts: Mapping[str, np.ndarray], most: int) -> list[Figure]:
    """The rows of one reward.

    Args:
        name: of the reward.
        counts: samples to the optimum of all seeds, by arm.
        most: samples of a search.
    """
    rows = []
    for arm, found in counts.items():
        told = f"{np.sum(found == most)} of {len(found)} searches not within {most:,}"
        median, error = float(np.median(found)), round(error_of_median(found), 1)
        rows.append(observed(f"{name}: median samples, {arm}", median, error=error, note=told))
    for other in ("softmax", "random"):
        pair = [counts[arm] for arm in (other, "attention")]
        saved = float(np.median(pair[0]) - np.median(pair[1]))
        error = float(np.hypot(*map(error_of_median, pair)))
        what = f"{name}: samples that attention saves against {other}, in standard errors"
        rows.append(judged(LIMITS, what, round(saved / max(error, 1.0), 2), note=f"{saved:.0f}"))
    return rows


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first_seed", type=int, default=5000)
    parser.add_argument("--most", type=int, default=2500)
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    rows = []
    for name, reward in (("tied", tied), ("free", free)):
        counts: dict[str, np.ndarray] = {}
        for arm in ARMS:
            found = [samples(arm, reward(s), s, args.most) for s in seeds]
            counts[arm] = np.array(found)
            print(f"{name}, {arm}: median {np.median(counts[arm]):,.0f} samples", flush=True)
        rows += figures(name, counts, args.most)
    print_figures(rows, seeds=seeds)


if __name__ == "__main__":
    main()
