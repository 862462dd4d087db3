"""The DARTS family against NNI's networks: other code, other library, the same logits."""

from __future__ import annotations

import pytest

from benchmarks.nni_oracle import NETWORKS, difference_to_nni


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"darts_v2"}))
def test_nnis_logits(name: str) -> None:
    assert difference_to_nni(name, NETWORKS[name][-1][0]) <= 1e-4
