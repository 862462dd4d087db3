"""The DARTS family against NNI's networks: other code, other library, the same logits."""

from __future__ import annotations

import pytest

from benchmarks.nni_oracle import NETWORKS, difference_to_nni


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"darts_v2"}))
def test_nnis_logits(name: str) -> None:
    assert difference_to_nni(name, NETWORKS[name][-1][1]) <= 1e-4


def test_tensorflows_padding_differs_where_maps_are_even_and_only_there() -> None:
    assert difference_to_nni("darts_v2_small", 33, "tensorflow") <= 1e-4
    assert difference_to_nni("darts_v2_small", 32, "tensorflow") > 1e-2
