"""Keras in float64, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def keras_in_float64() -> Iterator[None]:
    """In float32 an activation near zero or a near tie in a pool goes the one way here and the
    other way there, and some gradients then differ by percents."""
    # Keras keeps the policy that it had when the first layer was made, whatever `set_floatx` says.
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.utils.clear_session()


@contextmanager
def both_in_float64() -> Iterator[None]:
    """Keras and tf_keras."""
    import tf_keras

    with keras_in_float64():
        tf_keras.backend.set_floatx("float64")
        try:
            yield
        finally:
            tf_keras.backend.set_floatx("float32")
            tf_keras.backend.clear_session()
