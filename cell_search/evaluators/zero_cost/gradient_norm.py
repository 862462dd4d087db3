"""How large the first gradient is (Abdelfattah et al. 2021, section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe


def gradient_norm(probe: Probe) -> float:
    """The sum over all kernels of the Euclidean norm of dL/dw, of one batch's cross-entropy.

    Args:
        probe: the child at initialisation.
    """
    return float(sum(np.linalg.norm(part) for part in probe.kernels(probe.gradient)))
