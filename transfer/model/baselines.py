"""Networks that people designed, under the recipes of this project, for found cells to beat.

`keras.applications` builds the large ones, in either namespace; L2 is added to every kernel, as
the recipes want it. `resnet_9`, for small images, is of this project (`cells.network.residual`).
They have no auxiliary head and no drop path, and see images scaled as all networks here.
"""

from __future__ import annotations

import math
from typing import Any

from cells.network.build import build_graph
from cells.network.keras_settings import overridden
from cells.network.residual import LEAST_SIZE, ResidualConfig, residual
from cells.support.errors import UserError, require_known
from transfer.config import schema

#: The one whose layers are those of cells, so that it is exported as these are.
OWN = "resnet_9"

#: Names in a configuration, and in `keras.applications`.
BASELINES = {
    "inception_resnet_v2": "InceptionResNetV2",
    "resnet_50": "ResNet50",
    OWN: "",
    "xception": "Xception",
}

#: The smallest images that they can halve so often.
_LEAST = {"inception_resnet_v2": 75, "resnet_50": 32, OWN: LEAST_SIZE, "xception": 71}

_KERNELS = ("kernel", "depthwise", "pointwise")


def check(model: schema.Model) -> None:
    """Raises a UserError where there is no such network, or images are too small for it."""
    require_known("task.model.baseline", model.baseline, BASELINES)
    height, width = model.input_size[:2]
    least = _LEAST[model.baseline]
    if min(height, width) < least:
        raise UserError(
            f"task.model.input_size: {height}x{width} is too small for {model.baseline}; use at "
            f"least {least}x{least}"
        )


def build(model: schema.Model, keras: Any, weight_decay: float = 0.0) -> Any:
    """A network with random weights.

    Args:
        model: the configuration, whose number of classes is known.
        keras: the module `keras` or `tf_keras`.
        weight_decay: half of it times the sum of squares of all kernels is in `model.losses`.

    Returns:
        A functional model: scaled images in, float32 logits `(batch, num_classes)` out.
    """
    check(model)
    if model.baseline == OWN:
        return _residual(model, keras, weight_decay)
    with overridden(keras):
        return _build(model, keras, weight_decay)


def _build(model: schema.Model, keras: Any, weight_decay: float) -> Any:
    built = getattr(keras.applications, BASELINES[model.baseline])(
        weights=None,
        input_shape=tuple(model.input_size),
        classes=model.num_classes,
        classifier_activation=None,
    )
    settings = built.get_config()
    custom = {}
    for layer, own in zip(settings["layers"], built.layers, strict=True):
        if not type(own).__module__.startswith(f"{keras.__name__}.src.layers"):
            custom[type(own).__name__] = type(own)
        if weight_decay:
            l2 = keras.regularizers.serialize(keras.regularizers.L2(weight_decay / 2.0))
            for name in _KERNELS:
                if f"{name}_regularizer" in layer["config"]:
                    layer["config"][f"{name}_regularizer"] = l2
    # The loss takes these numbers: float32 also under mixed precision.
    settings["layers"][-1]["config"]["dtype"] = "float32"
    return keras.Model.from_config(settings, custom_objects=custom)


def _residual(model: schema.Model, keras: Any, weight_decay: float) -> Any:
    height, width, channels = model.input_size
    config = ResidualConfig(
        filters=model.baseline_filters,
        image_size=(height, width),
        image_channels=channels,
        num_classes=model.num_classes,
    )
    return build_graph(
        residual(config),
        config,
        keras,
        name=OWN,
        l2=weight_decay / 2.0,
        synchronized_batch_norm=model.synchronized_batch_norm,
    )


def multiply_adds(model: Any) -> int:
    """Products of one image in convolutions and fully connected layers, as for cells.

    Args:
        model: a built model with a static size of images.
    """
    products = 0
    for layer in model.layers:
        kernels = [w for w in layer.weights if w.shape.rank in (2, 4)]
        size = math.prod(layer.output.shape[1:3]) if len(layer.output.shape) == 4 else 1
        products += sum(size * math.prod(w.shape) for w in kernels)
    return products
