"""Fine-tuning in stages: first the heads learn, then one group of cells after the other.

Early layers of a trained network see edges and textures that other data have, too; while a new
head is random, its gradients would only spoil them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Beginnings of the names of layers, by the stage from which they learn; others are of the stem.
_STAGES = (
    ("logits", "auxiliary_"),
    ("group_3_", "reduction_2"),
    ("group_2_", "reduction_1"),
    ("group_1_",),
)


def stage_of(layer: str) -> int:
    """From which stage a layer of that name learns: 0 the heads, 1 to 3 the groups, 4 the stem."""
    for stage, names in enumerate(_STAGES):
        if layer.startswith(names):
            return stage
    return len(_STAGES)


def hold_back(optimizer: Any, every: int) -> None:
    """Has gradients of layers count only from the step at which their stage begins.

    Which they are follows from `optimizer.iterations` inside of the step, so a resumed run goes on
    where it was and no graph is built anew. Moments of held-back layers stay zero; the statistics
    of batch norm follow the new data from the beginning.

    Args:
        optimizer: as Model Garden makes it, with moving averages or loss scaling around it perhaps.
        every: steps between two stages.
    """
    import tensorflow as tf

    inner = optimizer
    while True:
        around = getattr(inner, "inner_optimizer", None) or getattr(inner, "_optimizer", None)
        if around is None:
            break
        inner = around

    def transform(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        stage = tf.cast(inner.iterations, tf.int64) // every
        learns = [tf.cast(stage >= i, tf.float32) for i in range(len(_STAGES) + 1)]
        return [
            (None if g is None else g * tf.cast(learns[stage_of(layer_of(v))], g.dtype), v)
            for g, v in pairs
        ]

    # Behind the clipping, which Keras does not allow beside transformers that are given to it.
    inner.gradient_transformers = [*inner.gradient_transformers, transform]


def layer_of(variable: Any) -> str:
    """The name of the layer that a variable is of."""
    return variable.name.split("/")[0]
