"""What a proposal costs: ask plus tell of each strategy, early and late in a study in memory.

  python -m benchmarks.strategy_cost --strategies=random,ppo

Proposed, begun and finished as the driver does it, in the published NASNet space (50 decisions),
scored by a sum over the decisions. The study's own share, which is no more than all that `random`
takes, is included. Processor time of one thread, the mean of 100 trials, so that updates which
come every so many trials have their part; of the last hundreds before the mark the quickest, since
what else runs on the machine only adds.

A strategy makes the first 1,000 trials itself. Then the study is given random candidates with their
scores, up to some hundred before trial 20,000, which the strategy reads and learns from before
it goes on. They were all proposed before the first of them finished, so the controllers drop them
as stale, and the policy is still that of 1,000 trials; `--own` has each strategy make all trials,
which takes minutes for each.

Strategies that model all results at every proposal are not asked for 20,000: their first trials are
those of evolution, and what counts is the slowest proposal before trial 1,000, which refits.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
import zlib
from typing import Any

import numpy as np
import optuna

from benchmarks.report import Figure, observed, print_figures, required
from benchmarks.table_searches import Contender, contenders
from cell_search.evaluators import Result
from cell_search.space import published
from cell_search.space.space import Point, Space
from cell_search.strategies import STRATEGIES, RegularizedEvolution
from cell_search.study import trials
from cell_search.trial_keys import AFTER, FINISHED

EARLY, LATE = 1_000, 20_000

LIMITS = {
    "bayesian, the slowest of the * proposals before trial 1,000, s": (
        "<= 2.0",
        30.0,
        "all hyperparameters of the model fitted anew by gradients, about",
    ),
    "progressive, the slowest of the * proposals before trial 1,000, s": (
        "<= 2.0",
        45.0,
        "the LSTM in place of the perceptrons, about",
    ),
    "*, ask and tell at trial 20,000, s": (
        "<= 0.02",
        0.3,
        "the whole study read at each proposal, about",
    ),
    "*, ask and tell at trial 20,000 against trial 1,000": (
        "<= 1.5",
        20.0,
        "costs in proportion to the trials",
    ),
}

#: What is measured where nothing else is asked for: all but those that need something else, an
#: evaluation that leads to proposals (`derived`), PyTorch, or a space that can be listed.
MEASURED = tuple(
    name for name in STRATEGIES if name not in ("derived", "optuna:GPSampler", "optuna:GridSampler")
)


def is_slow(name: str) -> bool:
    """Whether a strategy models all results at every proposal."""
    return name in ("bayesian", "progressive") or name.startswith("optuna")


def value(point: Point) -> float:
    """A score without an order that a strategy could run out of: each choice has a weight."""
    weights = (zlib.crc32(f"{name}={choice}".encode()) for name, choice in point.items())
    return sum(weight / 2**32 for weight in weights) / len(point)


class Asked:
    """A study in memory and what its trials cost.

    Attributes:
        seconds: of ask and tell, by trial, of those that a strategy has made.
        proposals: of ask alone.
    """

    def __init__(self, space: Space):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.study = optuna.create_study(direction="maximize")
        self.count = 0
        self.seconds: list[float] = []
        self.proposals: list[float] = []

    def run(self, sampler: Any, until: int) -> None:
        """Has a strategy make the trials up to a number."""
        while self.count < until:
            number = self.count
            start = time.process_time()
            point = trials.propose(self.study, sampler, self.space, number)
            self.proposals.append(time.process_time() - start)
            trials.begin(self.study, self.space, point, after=number)
            result = Result(value(point))
            trials.finish(self.study, number, result, order=number)
            self.seconds.append(time.process_time() - start)
            self.count += 1

    def record(self, until: int) -> None:
        """Gives the study finished trials that nobody has asked for, up to a number."""
        rng = np.random.default_rng(0)
        for number in range(self.count, until):
            point = self.space.random(rng)
            self.study.add_trial(
                optuna.trial.create_trial(
                    value=value(point),
                    params=point,
                    distributions=dict(self.space.distributions),
                    user_attrs={FINISHED: number},
                    system_attrs={AFTER: self.count},
                )
            )
        self.count = until


def measure(contender: Contender, window: int, own: bool) -> list[Figure]:
    """The figures of a strategy.

    Args:
        contender: the strategy.
        window: trials that count before a mark.
        own: whether it makes all trials itself.
    """
    strategy = STRATEGIES.find(contender.name)
    space = published.find("nasnet", growable=getattr(strategy, "growing", False))
    asked = Asked(space)
    sampler = strategy(space, seed=0, **contender.settings)
    name = contender.text
    if is_slow(contender.name):
        some = max(2, window // 20)
        evolution = RegularizedEvolution(space, seed=0, population=50, sample=10)
        # One more that is not counted: it reads the history.
        asked.run(evolution, EARLY - some - 1)
        asked.run(sampler, EARLY)
        seconds = round(max(asked.proposals[-some:]), 3)
        what = f"the slowest of the {some} proposals before trial {EARLY:,}, s"
        if contender.text in ("bayesian", "progressive"):
            return [required(LIMITS, f"{name}, {what}", seconds)]
        return [observed(f"{name}, {what}", seconds)]
    asked.run(sampler, EARLY)
    early = _mean(asked.seconds[-window:])
    print(f"{name}: {early} s at trial {EARLY:,}", file=sys.stderr, flush=True)
    if not own:
        asked.record(LATE - window - 1)
        asked.run(sampler, LATE - window)
        print(f"{name}: read {LATE:,} trials in {asked.seconds[-1]:.1f} s", file=sys.stderr)
    for until in range(EARLY, LATE + 1, EARLY):
        asked.run(sampler, until)
        if own:
            print(f"{name}: {until:,} trials", file=sys.stderr, flush=True)
    late = _mean(asked.seconds[-window:])
    return [
        required(LIMITS, f"{name}, ask and tell at trial {LATE:,}, s", late),
        required(
            LIMITS,
            f"{name}, ask and tell at trial {LATE:,} against trial {EARLY:,}",
            round(late / early, 2),
            note=f"{early} s at trial {EARLY:,}",
        ),
    ]


def _mean(seconds: list[float]) -> float:
    """Of the quickest hundred in a row."""
    hundreds = [seconds[start : start + 100] for start in range(0, len(seconds), 100)]
    return round(min(sum(hundred) / len(hundred) for hundred in hundreds), 5)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategies", default=",".join(MEASURED))
    parser.add_argument("--window", type=int, default=500, help="trials before a mark that count")
    parser.add_argument(
        "--own", action="store_true", help="have each strategy make all of its 20,000 trials"
    )
    args = parser.parse_args()
    figures: list[Figure] = []
    for contender in contenders(args.strategies):
        measured = measure(contender, args.window, args.own)
        for figure in measured:
            told = figure.limit or figure.kind
            print(f"{figure.name}: {figure.value} ({told})", file=sys.stderr, flush=True)
        figures += measured
    print_figures(figures, seeds=[0])
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


if __name__ == "__main__":
    main()
