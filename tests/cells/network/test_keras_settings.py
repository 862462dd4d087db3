"""What a user's `keras.json` says does not change what is built, and is told."""

import pathlib

import keras
import numpy as np
import pytest
import tf_keras

from cells.genotype import genotype_file
from cells.network import presets
from cells.network.build import build_network
from cells.network.keras_settings import overridden

LIGHT = pathlib.Path(__file__).parents[2] / "transfer" / "light.json"


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def odd(request):
    """A Keras namespace as its configuration file would leave it."""
    namespace = request.param
    backend, precision = namespace.backend, namespace.mixed_precision
    policy = precision.global_policy()
    backend.set_image_data_format("channels_first")
    backend.set_floatx("float16")
    precision.set_global_policy("float16")
    yield namespace
    backend.set_image_data_format("channels_last")
    backend.set_floatx("float32")
    precision.set_global_policy(policy)
    namespace.backend.clear_session()


def test_channels_first_and_half_precision_are_overridden_and_told(odd, caplog):
    genotype = genotype_file.read(LIGHT)
    settings = presets.configure(genotype, "cifar", normal_cells=1, filters=8)
    model = build_network(genotype, settings, odd)
    assert model.input_shape == (None, 32, 32, 3)
    assert {str(np.dtype(weight.dtype)) for weight in map(np.asarray, model.get_weights())} == {
        "float32"
    }
    assert model(np.zeros((1, 32, 32, 3), "float32")).shape == (1, 10)
    assert "image_data_format channels_first (channels_last is used)" in caplog.text
    assert "floatx float16 (float32 is used)" in caplog.text
    assert odd.backend.image_data_format() == "channels_first", "the user's settings are put back"
    assert odd.mixed_precision.global_policy().name == "float16"


def test_mixed_precision_is_left_as_it_is(caplog):
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        with overridden(keras):
            assert keras.layers.Dense(1).compute_dtype == "bfloat16"
    finally:
        keras.mixed_precision.set_global_policy(policy)
    assert not caplog.text
