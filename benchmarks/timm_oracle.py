"""What timm 1.0.31 computes for weights and an image that are made by a rule.

`timm_oracle.json` holds the names and shapes of its state dictionaries and its logits, six
significant digits; weights are a function of their names, so that nobody needs PyTorch to compare.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

from cells.weights import import_weights, weights_file

ORACLE = json.loads((pathlib.Path(__file__).with_suffix(".json")).read_text(encoding="utf-8"))


def value(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The rule by which the oracle's weights were made from their names."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    last = name.rsplit(".", 1)[-1]
    if last == "running_mean":
        found = 0.1 * rng.standard_normal(shape)
    elif last == "running_var":
        found = rng.uniform(0.5, 1.5, shape)
    elif last == "bias":
        found = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        found = 1 + 0.1 * rng.standard_normal(shape)
    else:
        found = rng.standard_normal(shape) * np.sqrt(1.2 / np.prod(shape[1:]))
    return found.astype("float32")


def image(size: int) -> np.ndarray:
    """The oracle's image, made by rule."""
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    pixels = np.sin(0.05 * x + c) * np.cos(0.07 * y - c) + 0.3 * np.sin(0.011 * x * y + c)
    return pixels.astype("float32")[None]


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
