"""Scores of a network at initialisation: what one batch says before anything is trained.

Each is a function of a `Probe`; larger is better. The values of two scores have nothing in common,
their orders may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cell_search.evaluators.zero_cost.controls import multiply_adds, parameters
from cell_search.evaluators.zero_cost.gradient_norm import gradient_norm
from cell_search.evaluators.zero_cost.jacobian_covariance import jacobian_covariance
from cell_search.evaluators.zero_cost.naswot import naswot
from cell_search.evaluators.zero_cost.snip import snip
from cell_search.evaluators.zero_cost.synflow import synflow

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe

SCORES: dict[str, Callable[[Probe], float]] = {
    "naswot": naswot,
    "synflow": synflow,
    "snip": snip,
    "gradient_norm": gradient_norm,
    "jacobian_covariance": jacobian_covariance,
    "parameters": parameters,
    "multiply_adds": multiply_adds,
}

__all__ = ["SCORES"]
