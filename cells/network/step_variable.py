"""Variables that whoever trains sets in each step, and that layers of a network read."""

from __future__ import annotations

from typing import Any


def step_variable(value: Any, name: str) -> Any:
    """A TensorFlow variable that is no weight, and that all replicas set to the same.

    Args:
        value: at first; its shape and dtype stay.
        name: of the variable.
    """
    import tensorflow as tf

    return tf.Variable(
        value,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
