"""How `keras.applications` names the layers of NASNet-A, for weights that come from there.

Its networks pad 3x3 pools at stride 2 with zeros (`border_rule="keras"`), so a network that takes
these weights predicts the same under that rule only.
"""

from __future__ import annotations

import re

from cells.network.stack_config import StackConfig
from cells.operations.graph import Node

_CELL = re.compile(r"(stem|group|reduction)_(\d)(?:_cell_(\d+))?_(.+)")
_SIDE = re.compile(r"block_(\d)_(left|right)_(separable|bn)_([12])")


def keras_layer_name(name: str, normal_cells: int) -> str:
    """The name in `keras.applications.NASNetMobile` or `NASNetLarge` of one of our layers.

    Args:
        name: a layer with weights of the `imagenet` stack of NASNet-A.
        normal_cells: N of that network.

    Raises:
        KeyError: NASNet-A has no such layer.
    """
    outside = {"stem_conv": "stem_conv1", "stem_bn": "stem_bn1", "logits": "predictions"}
    if name in outside:
        return outside[name]
    match = _CELL.fullmatch(name)
    if match is None:
        raise KeyError(name)
    kind, number, index, part = match[1], int(match[2]), match[3], match[4]
    if kind == "stem":
        cell = f"stem_{number}"
    elif kind == "reduction":
        cell = f"reduce_{number * normal_cells}"
    else:
        # Reduction cells have names of their own, but take a number, too.
        cell = str((number - 1) * normal_cells + int(index) - 1 + (number > 1))
    role = "normal" if kind == "group" else "reduction"
    simple = {
        "squeeze_conv": f"{role}_conv_1",
        "squeeze_bn": f"{role}_bn_1",
        "align_conv": "adjust_conv_projection",
        "align_conv_1": "adjust_conv_1",
        "align_conv_2": "adjust_conv_2",
        "align_bn": "adjust_bn",
    }
    if part in simple:
        return f"{simple[part]}_{cell}"
    side = _SIDE.fullmatch(part)
    if side is None:
        raise KeyError(name)
    block = int(side[1]) + 1
    if role == "reduction" and block == 5:
        block = 4  # its fifth block is named after the fourth
    norm = "_bn" if side[3] == "bn" else ""
    return f"separable_conv_{side[4]}{norm}_{role}_{side[2]}{block}_{cell}"


def names(node: Node, every_name: frozenset[str], config: StackConfig) -> tuple[str, ...]:
    """The names of a layer's arrays, `LAYER/NUMBER`, as `read` gives them.

    Args:
        node: of the graph, with weights.
        every_name: all names in the file.
        config: the settings of the stack.
    """
    layer = keras_layer_name(node.name, config.normal_cells)
    count = len(node.primitive.weight_shapes(node.inputs[0].channels))
    return tuple(f"{layer}/{i}" for i in range(count))
