"""Where the published code bases put cells together differently.

Three families of code made the published networks: TF-slim (NASNet, PNASNet, AmoebaNet), DARTS and
ENAS. They agree on blocks, operations and groups of cells. What they do not agree on is here, and
a genotype's `stacking` names its family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cells.operations.blocks import factorized_reduction, relu_conv_bn
from cells.operations.graph import Graph, Tensor
from cells.support.registry import choose

#: Brings (h_{i-1}, h_i) to the size of h_i and to the cell's filters: graph, name of the cell,
#: h_{i-1} (None in the first cell of a network), h_i, filters.
Inputs = Callable[[Graph, str, Tensor | None, Tensor, int], tuple[Tensor, Tensor]]

#: What `identity` becomes where it must halve the map.
StridedIdentity = Literal["convolution", "factorized", "factorized_without_relu"]


@dataclass(frozen=True)
class Auxiliary:
    """The auxiliary head of a family.

    Attributes:
        after: the cell whose output it reads: the last of the second group, the second Reduction
            cell, or the first cell of the third group.
        whole_map: its last convolution sees the whole map at once ("valid"), or each pixel of
            it, averaged afterwards.
        large_stride: stride of its pool in networks for large images.
        large_norm: batch norm behind its last convolution in networks for large images.
        bias: whether its classifier has one.
    """

    after: Literal["group_2", "reduction_2", "group_3_cell_1"] = "group_2"
    whole_map: bool = True
    large_stride: int = 3
    large_norm: bool = True
    bias: bool = True


@dataclass(frozen=True)
class Family:
    """The rules of one stacking.

    Attributes:
        name: as in genotype files.
        source: the code whose networks it reproduces.
        inserts_reductions: Reduction cells stand between the groups of N Normal cells (3N + 2
            cells), or in the place of the first cell of a group (3N cells).
        inputs: how a cell fits its two inputs.
        strided_identity: what `identity` becomes at stride 2.
        first_input: what the first cell reads as h_{i-1}: nothing (see `inputs`), or the stem's
            output a second time.
        large_stem: halves large images by two Reduction cells behind one convolution, or by
            three convolutions.
        final_relu: whether the last map is activated before it is averaged.
        classifier_bias: whether the classifier has one.
        auxiliary: the auxiliary head.
    """

    name: str
    source: str
    inputs: Inputs
    inserts_reductions: bool = True
    strided_identity: StridedIdentity = "convolution"
    first_input: Literal["nothing", "stem"] = "nothing"
    large_stem: Literal["cells", "convolutions"] = "cells"
    final_relu: bool = True
    classifier_bias: bool = True
    auxiliary: Auxiliary = Auxiliary()


def _slim_inputs(
    graph: Graph, name: str, earlier: Tensor | None, previous: Tensor, filters: int
) -> tuple[Tensor, Tensor]:
    """Fits h_{i-1} where it must, and squeezes h_i always.

    The first cell of a network reads h_i in the place of h_{i-1} as it is, without a squeeze.
    """
    squeezed = relu_conv_bn(graph, f"{name}_squeeze", previous, filters)
    if earlier is None:
        return previous, squeezed
    return _fitted(graph, f"{name}_align", earlier, previous, filters), squeezed


def _darts_inputs(
    graph: Graph, name: str, earlier: Tensor | None, previous: Tensor, filters: int
) -> tuple[Tensor, Tensor]:
    """Squeezes both inputs always."""
    assert earlier is not None, "the stem's output stands in for it"
    if earlier.stride != previous.stride:
        aligned = factorized_reduction(graph, f"{name}_align", graph.relu(earlier), filters)
    else:
        aligned = relu_conv_bn(graph, f"{name}_align", earlier, filters)
    return aligned, relu_conv_bn(graph, f"{name}_squeeze", previous, filters)


def _enas_inputs(
    graph: Graph, name: str, earlier: Tensor | None, previous: Tensor, filters: int
) -> tuple[Tensor, Tensor]:
    """Fits both inputs where they must be, then squeezes h_i once more, always."""
    assert earlier is not None, "the stem's output stands in for it"
    fitted = _fitted(graph, f"{name}_fit", previous, previous, filters)
    return (
        _fitted(graph, f"{name}_align", earlier, previous, filters),
        relu_conv_bn(graph, f"{name}_squeeze", fitted, filters),
    )


def _fitted(graph: Graph, name: str, x: Tensor, like: Tensor, filters: int) -> Tensor:
    """Brings `x` to the size of `like` and to `filters` channels, if it is not there yet."""
    if x.stride != like.stride:
        return factorized_reduction(graph, name, graph.relu(x), filters)
    return x if x.channels == filters else relu_conv_bn(graph, name, x, filters)


_ROWS = (
    Family("nasnet", "TF-slim's nasnet.py, the TPU code of AmoebaNet", _slim_inputs),
    Family("pnasnet", "TF-slim's pnasnet.py", _slim_inputs, inserts_reductions=False),
    Family(
        "darts",
        "the code of DARTS",
        _darts_inputs,
        strided_identity="factorized",
        first_input="stem",
        large_stem="convolutions",
        final_relu=False,
        auxiliary=Auxiliary("reduction_2", large_stride=2, large_norm=False),
    ),
    Family(
        "enas",
        "the code of ENAS; for large images the stem of TF-slim, since it has none of its own",
        _enas_inputs,
        strided_identity="factorized_without_relu",
        first_input="stem",
        classifier_bias=False,
        auxiliary=Auxiliary("group_3_cell_1", whole_map=False, bias=False),
    ),
)

#: All families by the name that a genotype's `stacking` gives.
FAMILIES = {family.name: family for family in _ROWS}


def family_of(stacking: str) -> Family:
    """The family that a genotype's `stacking` names.

    Args:
        stacking: as in a genotype.

    Raises:
        UserError: there is none of that name; lists those that exist.
    """
    return choose("stacking", stacking, FAMILIES, "rule")
