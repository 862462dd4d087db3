"""REINFORCE: Zoph & Le 2017, "Neural Architecture Search with Reinforcement Learning"."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cell_search.strategies._base import STRATEGIES
from cell_search.strategies.controller._policy_gradient import (
    QUICK,
    ControllerSettings,
    PolicyGradient,
)


@STRATEGIES.register("reinforce")
class Reinforce(PolicyGradient):
    """Choices of better children than the average become likelier (Zoph & Le 2017, section 3.2).

    The objective's gradient is the mean over children of the sum over decisions of
    min(ratio, 1 + clip) * advantage * (gradient of the log-probability): a truncated importance
    weight for a result of an older policy, exactly 1 for a fresh one.

    The preset `paper` has that paper's rates, made for 12,800 children: two layers of 35 units,
    weights in +-0.08, learning rate 0.0006, eight children for an update, cubed accuracies. The
    decay of its baseline is not stated (0.95 here, as in Zoph et al. 2018), and neither is any
    treatment of stale results (100 updates here: so many 800 children at a time make).

    Everything else is as in `PolicyGradient`.
    """

    PRESETS: ClassVar = {
        "quick": QUICK,
        "paper": ControllerSettings(
            units=35,
            layers=2,
            width=0.08,
            learning_rate=0.0006,
            entropy=0.0,
            entropy_of="sum",
            baseline=0.95,
            batch=8,
            epochs=1,
            clip=1.0,
            rewards="cubed",
            window=1,
            attempts=1,
            stale=100,
        ),
    }

    def _by_log_probs(self, ratios: np.ndarray, advantages: np.ndarray) -> np.ndarray:
        return np.minimum(ratios, 1.0 + self.settings.clip) * advantages
