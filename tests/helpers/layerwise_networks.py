"""Random layer-wise networks."""

from __future__ import annotations

import numpy as np

from cells.layerwise.network import Layer, LayerwiseNetwork


def random_network(
    rng: np.random.Generator, layers: int, *, strides: tuple[int, ...] = (1,), most: int = 12
) -> LayerwiseNetwork:
    """A network whose layers have up to `most` filters and read any earlier ones, or none."""

    def layer(number: int) -> Layer:
        chosen = np.flatnonzero(rng.random(number) < 0.4)
        return Layer(
            int(rng.choice((1, 3, 5, 7))),
            int(rng.choice((1, 3, 5, 7))),
            int(rng.integers(1, most + 1)),
            tuple(int(n) for n in rng.permutation(chosen)),
            int(rng.choice(strides)),
            int(rng.choice(strides)),
        )

    return LayerwiseNetwork("random", tuple(layer(n) for n in range(1, layers + 1)))
