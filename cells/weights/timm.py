"""timm's state dictionaries of `nasnetalarge`, `pnasnet5large` and `inception_v4`."""

from __future__ import annotations

import re

import numpy as np

from cells.network.stack_config import StackConfig
from cells.operations.graph import Node
from cells.operations.primitives import BatchNorm, Dense, SeparableConv

_CELL = re.compile(r"(stem|group|reduction)_(\d+)(?:_cell_(\d+))?_(.+)")
_SIDE = re.compile(r"block_(\d+)_(left|right)_(.+)")
_LAYER = re.compile(r"layer_(\d+)_(conv|bn)")

#: Convolutions of the three modules of Inception-v4 that are repeated, in the order of our layers.
_A = "branch0 branch1.0 branch1.1 branch2.0 branch2.1 branch2.2 branch3.1"
_B = (
    "branch0 branch1.0 branch1.1 branch1.2 "
    "branch2.0 branch2.1 branch2.2 branch2.3 branch2.4 branch3.1"
)
_C = (
    "branch0 branch1_0 branch1_1a branch1_1b "
    "branch2_0 branch2_1 branch2_2 branch2_3a branch2_3b branch3.1"
)

#: Those of each of its `features`.
_INCEPTION_V4 = (
    *("", "", "", "conv", "branch0.0 branch0.1 branch1.0 branch1.1 branch1.2 branch1.3", "conv"),
    *(*4 * [_A], "branch0 branch1.0 branch1.1 branch1.2"),
    *(*7 * [_B], "branch0.0 branch0.1 branch1.0 branch1.1 branch1.2 branch1.3"),
    *3 * [_C],
)
_MODULES = [
    f"features.{number}.{module}".rstrip(".")
    for number, modules in enumerate(_INCEPTION_V4)
    for module in modules.split(" ")
]


def names(node: Node, every_name: frozenset[str], config: StackConfig) -> tuple[str, ...]:
    """The names of a layer's tensors in the state dictionary, in Keras's order.

    Args:
        node: of the graph, with weights.
        every_name: all names in the file.
        config: the settings of the stack.
    """
    module = _module(node.name, every_name, config)
    parts: tuple[str, ...]
    match node.primitive:
        case BatchNorm():
            parts = ("weight", "bias", "running_mean", "running_var")
        case SeparableConv():
            parts = ("depthwise_conv2d.weight", "pointwise_conv2d.weight")
        case Dense():
            parts = ("weight", "bias")
        case _:
            parts = ("weight",)
    return tuple(f"{module}.{part}" for part in parts)


def _module(name: str, every_name: frozenset[str], config: StackConfig) -> str:
    """The path of the PyTorch module that is our layer `name`."""
    inserts = any(n.startswith("reduction_") for n in every_name)
    stem = "conv0" if inserts else "conv_0"
    outside = {"stem_conv": f"{stem}.conv", "stem_bn": f"{stem}.bn", "logits": "last_linear"}
    if name in outside:
        return outside[name]
    if layer := _LAYER.fullmatch(name):
        known = sorted(int(m[1]) for m in map(_LAYER.fullmatch, every_name) if m and m[2] == "conv")
        return f"{_MODULES[known.index(int(layer[1]))]}.{layer[2]}"
    match = _CELL.fullmatch(name)
    if match is None:
        raise KeyError(name)
    kind, number, part = match[1], int(match[2]), match[4]
    if kind == "stem":
        cell = f"cell_stem_{number - 1}"
    elif kind == "reduction":
        cell = f"reduction_cell_{number - 1}"
    else:
        cell = f"cell_{(number - 1) * config.normal_cells + int(match[3]) - 1}"
    side = _SIDE.fullmatch(part)
    if side is not None:
        inner = re.sub(r"^bn_", "bn_sep_", side[3])
        return f"{cell}.comb_iter_{side[1]}_{side[2]}.{inner}"
    # PNASNet keeps the paths of a factorized reduction inside the module that aligns.
    paths = cell if inserts else f"{cell}.conv_prev_1x1"
    factorized = name.rsplit("_align", 1)[0] + "_align_conv_1" in every_name
    return {
        "squeeze_conv": f"{cell}.conv_1x1.conv",
        "squeeze_bn": f"{cell}.conv_1x1.bn",
        "align_conv": f"{cell}.conv_prev_1x1.conv",
        "align_conv_1": f"{paths}.path_1.conv",
        "align_conv_2": f"{paths}.path_2.conv",
        "align_bn": f"{paths}.final_path_bn" if factorized else f"{cell}.conv_prev_1x1.bn",
    }[part]


def to_keras(name: str, value: np.ndarray) -> np.ndarray:
    """A tensor of PyTorch (outputs first) in Keras's layout (height, width, in, out).

    Args:
        name: of the tensor.
        value: as PyTorch keeps it.
    """
    if value.ndim == 4:
        depthwise = "depthwise_conv2d" in name
        return np.transpose(value, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return value.T if value.ndim == 2 else value
