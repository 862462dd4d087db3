"""What Keras takes from its user's configuration (`~/.keras/keras.json`), where it does not fit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from absl import logging

_HALVES = ("float16", "bfloat16")
_told: set[str] = set()


@contextlib.contextmanager
def overridden(keras: Any) -> Iterator[None]:
    """Has Keras lay images out with channels last, and keep weights in float32 at least.

    Every network here reads images as `(height, width, channels)`, and in plain half precision
    none trains; mixed precision and float64 are left as they are. Layers keep what held when they
    were made, so the user's settings are put back afterwards. What is overridden is logged once.

    Args:
        keras: the module `keras` or `tf_keras`.

    Example:
        >>> with overridden(keras):
        ...     layer = keras.layers.Conv2D(8, 3)
    """
    backend, precision = keras.backend, keras.mixed_precision
    layout, floats = backend.image_data_format(), backend.floatx()
    policy = precision.global_policy()
    changed = []
    if layout != "channels_last":
        changed.append(f"image_data_format {layout} (channels_last is used)")
        backend.set_image_data_format("channels_last")
    if floats in _HALVES:
        changed.append(f"floatx {floats} (float32 is used)")
        backend.set_floatx("float32")
    if policy.name in _HALVES:
        if floats not in _HALVES:
            changed.append(f"the dtype policy {policy.name} (float32 is used)")
        precision.set_global_policy("float32")
    told = f"of the {keras.__name__} configuration is overridden: {', '.join(changed)}"
    if changed and told not in _told:
        _told.add(told)
        logging.warning("%s", told)
    try:
        yield
    finally:
        backend.set_image_data_format(layout)
        backend.set_floatx(floats)
        if policy.name in _HALVES:
            precision.set_global_policy(policy)
