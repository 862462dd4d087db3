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

from benchmarks.oracle_rule import image, value
from cells.weights import import_weights, weights_file

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
    expected = np.asarray(ORACLE[model_name]["logits"][str(size)])
    return float(np.abs(logits - expected).max() / np.abs(expected).max())
