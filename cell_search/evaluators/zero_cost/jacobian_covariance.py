"""Jacobian covariance: how alike the network is at different images (Mellor et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cell_search.evaluators.zero_cost.probe import Probe

#: Added to eigenvalues, which may be 0.
_SMALL = 1e-5


def jacobian_covariance(probe: Probe) -> float:
    """-sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlations between the rows
    of the Jacobian, k = 1e-5.

    A row is the gradient of the sum of an image's logits with respect to that image, as in the
    first version of Mellor et al. (2020) and in Abdelfattah et al. 2021, section 3.2. Largest where
    no two images have anything in common.

    Args:
        probe: the child at initialisation.
    """
    rows = probe.image_gradient.reshape(len(probe.labels), -1).astype(np.float64)
    values = np.linalg.eigvalsh(np.corrcoef(rows)) + _SMALL
    return float(-np.sum(np.log(values) + 1.0 / values))
