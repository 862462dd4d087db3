"""Trained networks as Keras 3 files of standard layers only.

`keras.models.load_model` opens such a file where this project is not installed. What only
training needs is left out: auxiliary head, drop path, weight decay.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from cells import genotype_file, images
from cells.errors import UserError
from cells.files import atomic_path, write_atomically
from cells.network import build_network
from cells.weights import move_weights
from transfer import checkpoints, network

#: Largest difference of logits between the trained and the exported network, relative to the
#: largest logit, with which a file is written.
TOLERANCE = 1e-4


def export(folder: str, output: str, which: str = "latest") -> dict[str, Any]:
    """Writes the network of a run as a `.keras` file, and what one must know to use it as JSON.

    Args:
        folder: `model_dir` of the run.
        output: path of the file, ending in `.keras`; the JSON goes beside it.
        which: see `transfer.checkpoints.find`.

    Returns:
        What the JSON holds: size and scaling of the input, names of the classes, the genotype,
        the step of the weights, and the largest relative difference of the two networks' logits.

    Raises:
        UserError: `output` ends in something else or cannot be written, or the run has no
            checkpoint.
    """
    if not output.endswith(".keras"):
        raise UserError(f"--output: {output} must end in .keras")
    trained = checkpoints.open_trained(folder, which)
    model = keras_model(trained)
    description = _description(trained, _difference(trained.model, model))
    with atomic_path(output) as temporary:
        model.save(temporary)
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    write_atomically(os.path.splitext(output)[0] + ".json", text.encode())
    return description


def keras_model(trained: checkpoints.Trained) -> Any:
    """The trained network for inference, as a Keras 3 model in float32.

    Returns:
        A model `(batch, height, width, channels)` -> logits `(batch, num_classes)`; its input is
        scaled as `cells.images.scale` does.
    """
    import keras

    genotype, stack = network.layout(trained.params.task.model)
    stack = stack.replace(auxiliary_head=False, drop_path_keep=1.0)
    model = build_network(genotype, stack, keras)
    moved = move_weights(trained.model, model)
    # Names follow from the layout: if one is missing, the two layouts differ.
    assert not moved.missing and not moved.unfit, moved
    return model


def _difference(trained: Any, exported: Any) -> float:
    """The largest difference of logits on random images, relative to the largest logit."""
    shape = (2, *exported.input_shape[1:])
    pixels = np.random.default_rng(0).integers(0, 256, shape)
    inputs = images.scale(pixels)
    expected = network.logits(trained(inputs, training=False)).numpy()
    actual = np.asarray(exported(inputs, training=False))
    difference = float(np.max(np.abs(expected - actual)) / np.max(np.abs(expected)))
    assert difference < TOLERANCE, f"logits differ by {difference}"
    return difference


def _description(trained: checkpoints.Trained, difference: float) -> dict[str, Any]:
    genotype, stack = network.layout(trained.params.task.model)
    height, width, channels = trained.params.task.model.input_size
    return {
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "scaling": images.SCALING,
        },
        "output": "logits",
        "classes": list(trained.class_names),
        "step": trained.step,
        "weights": "moving averages" if trained.averaged else "as trained",
        "border_rule": stack.border_rule,
        "genotype": genotype_file.to_dict(genotype),
        "logits_differ_from_training_by": difference,
    }
