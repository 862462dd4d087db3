"""A trained network for inference: batch norms that stand behind convolutions are gone.

At inference a batch norm multiplies each channel by a number and adds another. A convolution before
it takes both into its own weights: `a * (k x) + b = (a * k) x + b`. So most of the network's maps
are passed over once less, and converters find convolutions with a bias, which runtimes fuse with
the relu or the sum behind them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from cells.weights.by_layer import weighted_layers


def fold(model: Any) -> Any:
    """The same function with fewer layers.

    A batch norm behind a concatenation of convolutions (a factorized reduction) is divided among
    them. Those that do not read convolutions alone stay.

    Args:
        model: a functional Keras 3 model, each layer of which is called once; it stays as it is.

    Returns:
        A new model of the same inputs and outputs, to within rounding; for inference only.
    """
    import keras

    factors, gone = _factors(model)

    def copied(layer: Any) -> Any:
        settings = layer.get_config()
        if layer.name in factors:
            settings["use_bias"] = True
        return type(layer).from_config(settings)

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in gone else layer(*args, **kwargs)

    folded = keras.models.clone_model(model, clone_function=copied, call_function=called)
    for layer in weighted_layers(folded):
        weights = model.get_layer(layer.name).get_weights()
        if layer.name in factors:
            weights = _scaled(weights, *factors[layer.name])
        layer.set_weights(weights)
    return folded


def readers(model: Any) -> Counter[int]:
    """How many layers and outputs of a functional model read each tensor, by its `id`."""
    import keras

    read = Counter(id(x) for layer in model.layers for x in keras.tree.flatten(layer.input))
    read.update(id(x) for x in model.outputs)
    return read


def _factors(model: Any) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], set[str]]:
    """Factor and summand of every channel, by the convolution that takes them; and the batch
    norms that this leaves nothing to do."""
    import keras

    makers = {id(layer.output): layer for layer in model.layers}
    read = readers(model)

    def takes(layer: Any) -> bool:
        convolution = isinstance(layer, keras.layers.Conv2D | keras.layers.SeparableConv2D)
        linear = convolution and layer.activation is keras.activations.linear
        return linear and read[id(layer.output)] == 1

    factors: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    gone: set[str] = set()
    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization):
            continue
        maker = makers[id(norm.input)]
        sources = [maker]
        if isinstance(maker, keras.layers.Concatenate) and read[id(maker.output)] == 1:
            sources = [makers[id(x)] for x in maker.input]
        if all(takes(source) for source in sources):
            gone.add(norm.name)
            ends = np.cumsum([source.filters for source in sources])[:-1]
            parts = [np.split(each, ends) for each in _affine(norm)]
            for source, factor, summand in zip(sources, *parts, strict=True):
                factors[source.name] = factor, summand
    return factors, gone


def _affine(norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """By what a batch norm multiplies each channel, and what it adds, in float64."""
    given = iter(np.asarray(w, np.float64) for w in norm.get_weights())
    scale = next(given) if norm.scale else 1.0
    shift = next(given) if norm.center else 0.0
    mean, variance = given
    factor = scale / np.sqrt(variance + norm.epsilon)
    return factor, shift - mean * factor


def _scaled(weights: list[np.ndarray], factor: np.ndarray, summand: np.ndarray) -> list[np.ndarray]:
    """Kernels (the last one mixes channels) and bias of a convolution with its batch norm."""
    *first, kernel = [w for w in weights if w.ndim == 4]
    bias = sum(w for w in weights if w.ndim == 1)
    return [*first, kernel * factor, bias * factor + summand]
