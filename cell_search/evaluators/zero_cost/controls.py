"""Sizes: what every score must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe


def parameters(probe: Probe) -> float:
    """Trainable parameters.

    Args:
        probe: the child at initialisation.
    """
    return float(probe.counts.trainable)


def multiply_adds(probe: Probe) -> float:
    """Products of one image.

    Args:
        probe: the child at initialisation.
    """
    return float(probe.counts.multiply_adds or 0)
