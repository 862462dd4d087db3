"""A gated recurrent unit (Cho et al. 2014) in the engine of `language_model`, to compare with.

The search has trees and highway nodes, and a GRU is neither: its reset gate stands between the
state and a product with it. Everything else of the training is the engine's.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cell_search.evaluators.language_model.network import Compiled

if TYPE_CHECKING:
    from cell_search.evaluators.language_model.loop import Child


def shapes(units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of its weights by name; like other cells of the engine it has no bias.

    Args:
        units: its width, and that of what it reads.
    """
    return {"kernel": (units, 3 * units), "recurrent_kernel": (units, 3 * units)}


def step(weights: Any, from_x: Any, h: Any, mask: Any = 1.0) -> Any:
    """The next state.

    Args:
        weights: by name.
        from_x: what is read times `kernel`: for the update gate, the reset gate, the candidate.
        h: the state.
        mask: what the state is multiplied by before its products.
    """
    gates, candidate = tf.split(weights["recurrent_kernel"], [2 * h.shape[1], h.shape[1]], axis=1)
    from_gates, from_candidate = tf.split(from_x, [2 * h.shape[1], h.shape[1]], axis=1)
    update, reset = tf.split(tf.sigmoid(from_gates + (h * mask) @ gates), 2, axis=1)
    new = tf.tanh(from_candidate + (reset * h * mask) @ candidate)
    return update * h + (1.0 - update) * new


class _Compiled(Compiled):
    def _layer(self, weights: Any, codes: Any, x: Any, state: Any, mask: Any) -> Any:
        from_x = tf.tensordot(x, weights["kernel"], 1)
        return tf.scan(lambda s, part: step(weights, part, s[0], mask)[None], from_x, state)


#: Once for all children of a network.
_compiled = functools.lru_cache(_Compiled)


def take(child: Child) -> None:
    """Makes a child of one layer, which has not begun, one with a GRU in the place of its cell.

    Args:
        child: of a highway cell, which has one state, too.
    """
    rng, network, width = np.random.default_rng(child.seed), child.network, child.settings.width
    own = {f"0/{name}": shape for name, shape in shapes(network.units).items()}
    shared = {n: w for n, w in child.weights.items() if not n.startswith("0/")}
    child.weights = shared | {
        name: tf.constant(rng.uniform(-width, width, shape), tf.float32)
        for name, shape in own.items()
    }
    child.slots, child.compiled, child.codes = network.slots(child.weights), _compiled(network), {}
