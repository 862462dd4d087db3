"""SNIP: how much the loss would feel the loss of each weight (Lee et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe


def snip(probe: Probe) -> float:
    """The sum over all kernels of |w * dL/dw|, of the cross-entropy of one batch.

    The connection sensitivity of Lee et al. 2019, section 4.1, before it is normalised; as a
    score of networks in Abdelfattah et al. 2021, section 3.2.

    Args:
        probe: the child at initialisation.
    """
    sensitivity = np.abs(probe.child.trained.numpy() * probe.gradient)
    return float(sum(np.sum(part, dtype=np.float64) for part in probe.kernels(sensitivity)))
