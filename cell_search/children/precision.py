"""Convolutions and products of matrices in bfloat16, on processors that are quicker so.

Weights, statistics and everything beside those products stay float32 (Micikevicius et al. 2017,
arXiv:1710.03740, with the wider exponent of Kalamkar et al. 2019, arXiv:1905.12322, so no loss is
scaled). TensorFlow's own graph rewriting does it, for kernels of oneDNN; depthwise convolutions are
left out of it, since those kernels are several times slower in bfloat16.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf

#: What the rewriting is called here, as Keras calls its policy of the same kind.
MIXED = "mixed_bfloat16"

_OPTION = "auto_mixed_precision_onednn_bfloat16"

#: The environment variable by which the rewriting leaves operations as they are.
_LEFT_OUT = "TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ALLOWLIST_REMOVE"
_DEPTHWISE = ",".join(
    f"DepthwiseConv2dNative{half}" for half in ("", "BackpropInput", "BackpropFilter")
)


def in_use() -> str:
    """`mixed_bfloat16` inside of a `with` block that asks for it, else `float32`."""
    on = tf.config.optimizer.get_experimental_options().get(_OPTION, False)
    return MIXED if on else "float32"


@contextlib.contextmanager
def mixed_bfloat16(on: bool) -> Iterator[None]:
    """Whether products and convolutions are computed in bfloat16, in a `with` block.

    Args:
        on: whether they are.
    """
    os.environ.setdefault(_LEFT_OUT, _DEPTHWISE)
    before = tf.config.optimizer.get_experimental_options().get(_OPTION, False)
    tf.config.optimizer.set_experimental_options({_OPTION: on})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTION: before})
