"""Proximal policy optimization: Zoph et al. 2018, "Learning Transferable Architectures for Scalable
Image Recognition", with the objective of Schulman et al. 2017."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from cell_search.strategies._base import STRATEGIES
from cell_search.strategies.controller._policy_gradient import (
    QUICK,
    ControllerSettings,
    PolicyGradient,
)


@STRATEGIES.register("ppo")
class PPO(PolicyGradient):
    """Several steps on each batch, none of which takes the policy far (Zoph et al. 2018).

    The objective is the clipped surrogate (Schulman et al. 2017, equation 7): the mean over
    children of the sum over decisions of

        min(ratio * advantage, clip(ratio, 1 - clip, 1 + clip) * advantage).

    A decision is an action; all decisions of a child have its advantage. The ratio is to the policy
    that proposed the child, however old, so stale results need no other rule.

    The preset `paper` has that paper's rates, made for 20,000 children: 100 units, weights in
    +-0.1, learning rate 0.00035, entropy 0.00001, baseline 0.95, 20 children for an update
    (appendix A). It does not state the clip (0.2 here, as in Schulman et al. 2017), the epochs (4
    here), whether the entropies of a child's decisions are summed (here they are, as in the code of
    ENAS, which has the same objective), or how old a result may be (30 updates here: it is 22 on
    average with 450 workers).

    Everything else is as in `PolicyGradient`.
    """

    PRESETS: ClassVar = {
        "quick": dataclasses.replace(QUICK, learning_rate=0.005, epochs=4, clip=0.3),
        "paper": ControllerSettings(
            units=100,
            layers=1,
            width=0.1,
            learning_rate=0.00035,
            entropy=0.00001,
            entropy_of="sum",
            baseline=0.95,
            batch=20,
            epochs=4,
            clip=0.2,
            rewards="raw",
            window=1,
            attempts=1,
            stale=30,
        ),
    }

    def _by_log_probs(self, ratios: np.ndarray, advantages: np.ndarray) -> np.ndarray:
        clip = self.settings.clip
        limit = np.where(advantages > 0.0, ratios <= 1.0 + clip, ratios >= 1.0 - clip)
        return np.where(limit, ratios * advantages, 0.0)
