"""Weights with the network that they belong to, in one safetensors file.

Tensors are named `LAYER/NUMBER` by layer name and by order inside the layer, in Keras's layout. The
metadata hold the genotype and the stack's settings, border rule included, so that whoever opens
the file builds the network that the weights were trained in.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cells.kinds import files as kinds
from cells.network.stack_config import StackConfig, check
from cells.support import json_file
from cells.support.errors import UserError, cut
from cells.support.files import atomic_path, reason, require_file

FORMAT_VERSION = "1"

ENDING = ".safetensors"


@dataclass(frozen=True)
class WeightsFile:
    """Weights and their network.

    Attributes:
        genotype: the cells, or the whole network.
        config: the stack.
        layers: float arrays of each layer, by layer name, in Keras's order.
        source: where they come from.
    """

    genotype: kinds.ImageGenotype
    config: StackConfig
    layers: Mapping[str, Sequence[np.ndarray]]
    source: str = field(default="")


def write(weights: WeightsFile, path: str | os.PathLike[str]) -> None:
    """Writes a weights file, complete or not at all.

    Args:
        weights: arrays with their genotype and stack.
        path: of the file.
    """
    from safetensors.numpy import save_file

    tensors = {
        f"{layer}/{i}": np.ascontiguousarray(value)
        for layer, values in weights.layers.items()
        for i, value in enumerate(values)
    }
    metadata = {
        "format_version": FORMAT_VERSION,
        "genotype": kinds.dumps(weights.genotype),
        "stack": json.dumps(dataclasses.asdict(weights.config)),
        "source": weights.source,
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata)


def read(path: str | os.PathLike[str]) -> WeightsFile:
    """Reads a weights file.

    Args:
        path: of the file.

    Raises:
        UserError: it is damaged, or no weights file of this project.
    """
    tensors, metadata = read_safetensors(path)
    if metadata.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: no weights file of this project; `cells import-weights` makes one of the "
            "files of other libraries"
        )
    try:
        genotype = kinds.image_genotype(kinds.parse(metadata["genotype"]))
        fields = json_file.loads(metadata["stack"], "description of a network")
        size = fields["image_size"]
        config = StackConfig(**{**fields, "image_size": tuple(size) if size else None})
        check(genotype, config)
        layers: dict[str, list[np.ndarray]] = {}
        for name in sorted(tensors, key=lambda n: (n.split("/")[0], int(n.split("/")[1]))):
            layers.setdefault(name.split("/")[0], []).append(tensors[name])
    except (KeyError, TypeError, ValueError, IndexError, UserError) as error:
        raise UserError(f"{path}: its description is damaged ({cut(str(error), 400)})") from None
    for name, tensor in tensors.items():
        if fault := fault_of(tensor):
            raise UserError(f"{path}: {cut(name)} {fault}; the file is damaged")
    return WeightsFile(genotype, config, layers, metadata.get("source", ""))


def read_safetensors(
    path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the metadata of any safetensors file.

    Args:
        path: of the file.

    Raises:
        UserError: it cannot be read or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    place = require_file(path, "weights")
    try:
        with safe_open(place, framework="numpy") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged, or no safetensors file ({reason(error)})") from None


def fault_of(array: np.ndarray) -> str:
    """Why an array cannot be weights: its type, or a value; "" where it can."""
    if array.dtype.kind != "f":
        return f"is of type {array.dtype}, not float16, float32 or float64"
    with np.errstate(over="ignore"):
        wrong = np.count_nonzero(~np.isfinite(array.astype(np.float32)))
    return f"has {wrong:,} values that are not finite float32 numbers" if wrong else ""


def build(weights: WeightsFile, keras: Any) -> Any:
    """The network of a weights file as a model of `keras` or `tf_keras`, weights set.

    Args:
        weights: arrays with their genotype and stack.
        keras: the module `keras` or `tf_keras`.
    """
    from cells.network.build import build_network
    from cells.weights.by_layer import weighted_layers

    model = build_network(weights.genotype, weights.config, keras)
    for layer in weighted_layers(model):
        if layer.name in weights.layers:
            layer.set_weights(weights.layers[layer.name])
    return model
