"""What timm 1.0.31 computes for weights and an image that are made by a rule.

`timm_oracle.json` holds the names and shapes of its state dictionaries and its logits, six
significant digits; weights are a function of their names, so that nobody needs PyTorch to compare.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

import cells
from benchmarks.oracle_rule import image, value
from cells.kinds import files
from cells.weights import import_weights, weights_file
from cells.weights.timm import to_keras

ORACLE = json.loads((pathlib.Path(__file__).with_suffix(".json")).read_text(encoding="utf-8"))


def difference_to_timm(model_name: str, genotype: str, size: int, folder: pathlib.Path) -> float:
    """Largest difference of our logits to timm's, in parts of the largest logit."""
    import keras

    path = folder / f"{model_name}.safetensors"
    if not path.exists():
        save_file({n: value(n, tuple(s)) for n, s in ORACLE[model_name]["keys"]}, path)
    weights = import_weights("timm", str(path), genotype).weights
    config = weights.config.replace(image_size=(size, size))
    model = weights_file.build(dataclasses.replace(weights, config=config), keras)
    logits = np.asarray(model(image(size)))[0]
    keras.utils.clear_session()
    return _difference(logits, model_name, size)


def difference_of_whole_network(name: str, size: int) -> float:
    """The same for a whole network of the catalogue with timm's name, whose layers are in timm's
    order: so weights are moved by it."""
    import keras

    network = files.find_network(name)
    model = cells.build(
        network,
        num_classes=1000,
        input_shape=(size, size, 3),
        batch_norm_epsilon=1e-3,
        classifier_activation=None,
    )
    given = iter(ORACLE[name]["keys"])
    # In the order of the layout: Keras's own goes by depth.
    names = network.layout((size, size), 1000).nodes
    for layer in (model.get_layer(name) for name in names if name != "image"):
        keys = [next(given) for _ in layer.weights]
        layer.set_weights([to_keras(n, value(n, tuple(shape))) for n, shape in keys])
    if left := list(given):
        raise ValueError(f"{name}: nobody takes {left}")
    logits = np.asarray(model(image(size)))[0]
    keras.utils.clear_session()
    return _difference(logits, name, size)


def _difference(logits: np.ndarray, model_name: str, size: int) -> float:
    expected = np.asarray(ORACLE[model_name]["logits"][str(size)])
    return float(np.abs(logits - expected).max() / np.abs(expected).max())
