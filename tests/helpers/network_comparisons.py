"""How a network's outputs are compared with another's."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.datasets import load_sample_images

from cells.weights.by_layer import weighted_layers


def randomise_statistics(model, seed: int = 1) -> None:
    """Batch norm that is not an identity, without which half of the mistakes do not show."""
    rng = np.random.default_rng(seed)
    for layer in weighted_layers(model):
        if type(layer).__name__ == "BatchNormalization":
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.0, gamma.shape),
                    rng.normal(0, 0.1, beta.shape),
                    rng.normal(0, 0.1, mean.shape),
                    rng.uniform(1.0, 2.0, variance.shape),
                ]
            )


def relative(a, b) -> float:
    a, b = np.asarray(a), np.asarray(b)
    return float(np.abs(a - b).max() / np.abs(b).max())


def photographs(size: int) -> np.ndarray:
    """Four crops of two real photographs, in [-1, 1]."""
    crops = []
    for photograph in load_sample_images().images:
        for left in (0, photograph.shape[1] - 400):
            crop = photograph[:400, left : left + 400].astype("float32")
            crops.append(keras.ops.image.resize(crop, (size, size)))
    return np.stack(crops) / 127.5 - 1
