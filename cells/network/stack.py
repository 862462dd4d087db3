"""The networks: cells stacked for small images (CIFAR) and for large ones (ImageNet).

A stack has three groups of cells; filters double where a Reduction cell halves the map. The rules
are those of the code that made the published networks (`cells.operations.families`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cells.genotype.genotype import Genotype
from cells.network.auxiliary import auxiliary_head
from cells.network.cell import LaidCell, build_cell
from cells.operations.architecture import Architecture
from cells.operations.blocks import classify, conv_bn, relu_conv_bn
from cells.operations.families import family_of
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import (
    BORDER_RULES,
    BatchNorm,
    BorderRule,
    Conv,
    Input,
    Pool,
    Size,
)
from cells.support import settings
from cells.support.errors import UserError, about
from cells.support.settings import setting

GROUPS = 3

Stem = Literal["cifar", "pooled", "imagenet"]
STEMS: tuple[Stem, ...] = ("cifar", "pooled", "imagenet")

#: Ten times what has been published, and more: N, F, pixels of a side, classes.
MAX_CELLS, MAX_FILTERS, MAX_SIDE, MAX_CLASSES = 1000, 20_000, 20_000, 1_000_000


@dataclass(frozen=True)
class StackConfig:
    """Everything about a network but its cells.

    Attributes:
        stem: `cifar` (3x3 convolution), `pooled` (two 3x3 convolutions and a maximum pool of stride
            2, so that no cell works at the full size) or `imagenet` (3x3 convolution of stride 2,
            then two Reduction cells).
        normal_cells: N, cells in each of the three groups.
        filters: F, filters of every operation in the first group.
        stem_filters: channels of the stem's (last) convolution; None stands for 3 F, or for F
            in a `pooled` stem.
        image_size: (height, width), or None for images of any size.
        image_channels: 3 for RGB.
        num_classes: classes of the head; None leaves the head out.
        skip_reduction: which output the Normal cell behind a Reduction cell reads as h_{i-1}:
            the Reduction cell's h_i (off) or its h_{i-1} (on). `nasnet` stacking only.
        border_rule: what 3x3 pools at stride 2 see beyond the border. `timm` and `keras` pad
            by the parity of a map, so they demand `image_size`. `pytorch` pads convolutions of
            stride 2 on both sides alike, too, as the code of DARTS does.
        auxiliary_head: a second classifier 2/3 of the way up, for training; demands
            `image_size`, since its last kernel is as large as its map.
        auxiliary_scale: factor of the auxiliary head's filters.
        drop_path_keep: keep probability of the last cell at the end of training
            (ScheduledDropPath); 1 turns it off.
        dropout: rate before the head.
        batch_norm_momentum, batch_norm_epsilon: of every batch norm.
    """

    stem: Stem = setting("cifar", choices=STEMS)
    normal_cells: int = setting(6, least=1, most=MAX_CELLS)
    filters: int = setting(32, least=2, most=MAX_FILTERS)
    stem_filters: int | None = setting(None, least=1, most=MAX_FILTERS)
    image_size: Size | None = setting((32, 32), least=1, most=MAX_SIDE)
    image_channels: int = setting(3, least=1, most=1000)
    num_classes: int | None = setting(10, least=1, most=MAX_CLASSES)
    skip_reduction: bool = False
    border_rule: BorderRule = setting("tensorflow", choices=BORDER_RULES)
    auxiliary_head: bool = False
    auxiliary_scale: float = setting(1.0, least=0.01, most=100)
    drop_path_keep: float = setting(1.0, above=0, most=1)
    dropout: float = setting(0.0, least=0, below=1)
    batch_norm_momentum: float = setting(0.9, least=0, most=1)
    batch_norm_epsilon: float = setting(1e-5, above=0, most=1)

    def replace(self, **changes: object) -> StackConfig:
        """A copy with some fields changed.

        Args:
            **changes: fields with their new values.
        """
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


#: Settings that say nothing of a network that is not stacked of cells.
OF_CELLS = (
    "stem",
    "normal_cells",
    "filters",
    "stem_filters",
    "skip_reduction",
    "border_rule",
    "auxiliary_head",
    "auxiliary_scale",
    "drop_path_keep",
)


def is_off(name: str, value: object) -> bool:
    """Whether a setting of `OF_CELLS` wishes for what a whole network does anyway.

    Args:
        name: of the setting.
        value: that is given.
    """
    off = {"auxiliary_head": False, "drop_path_keep": 1.0}
    return name in off and value == off[name]


def not_of_cells(name: str, network: Architecture) -> UserError:
    """The error for a setting of stacked cells that is given for a whole network.

    Args:
        name: of the setting.
        network: the whole network.
    """
    return UserError(
        f"{name}: is for networks stacked of cells, and {network.name} is a {network.title}; leave "
        "it out"
    )


def penultimate_filters(genotype: Genotype, config: StackConfig) -> int:
    """P of "N @ P": channels of the last cell's output.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
    """
    inserts = family_of(genotype.stacking).inserts_reductions
    ends_in_reduction = not inserts and config.normal_cells == 1
    last = genotype.reduction if ends_in_reduction else genotype.normal
    return len(last.concat) * 2 ** (GROUPS - 1) * config.filters


def with_penultimate_filters(
    genotype: Genotype, config: StackConfig, penultimate: int
) -> StackConfig:
    """`config` with the filters F that give the last cell `penultimate` channels.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
        penultimate: P of "N @ P".

    Raises:
        UserError: `penultimate` does not divide; names the nearest values that do.
    """
    unit = penultimate_filters(genotype, config.replace(filters=1))
    if penultimate < unit or penultimate % unit:
        below = max(penultimate // unit, 1) * unit
        raise UserError(
            f"penultimate_filters: {penultimate} is not a multiple of {unit} (4 times the "
            f"{unit // 4} joined states of {genotype.name}); the nearest are {below} and "
            f"{below + unit}"
        )
    return config.replace(filters=penultimate // unit)


def stack(
    genotype: Genotype | Architecture,
    config: StackConfig,
    build: Callable[..., Tensor] = build_cell,
) -> Graph:
    """Lays out the network of a genotype, or a whole network.

    Args:
        genotype: the cells, and the family that stacks them.
        config: the network.
        build: lays out one cell, as `build_cell` does; another one makes other networks of the
            same stack.

    Returns:
        A graph with the outputs `logits` (and `auxiliary_logits`) where there is a head, else
        `features` (the last relu), and with the outputs `level_1`, `level_2`, ...: the last
        map of each halving, activated, with stride 2 ** level. Levels are laid out always and
        built only when asked for.

    Raises:
        UserError: the configuration is impossible; names field and remedy.
    """
    check(genotype, config)
    if isinstance(genotype, Architecture):
        size = config.image_size
        with about(genotype.name + (f" on images of {size[0]}x{size[1]}" if size else "")):
            return genotype.layout(
                size,
                config.num_classes,
                channels=config.image_channels,
                dropout=config.dropout,
            )
    return _Stack(genotype, config, build).build()


def check(genotype: Genotype | Architecture, config: StackConfig) -> None:
    """Raises a UserError where `config` cannot be built for `genotype`.

    Args:
        genotype: the two cells, or a whole network.
        config: the settings of the stack.
    """
    settings.check(config)
    if isinstance(genotype, Architecture):
        return
    if _stem(genotype, config) == "cells" and config.filters < 8:
        raise UserError(
            f"filters: {config.filters} is too small; the first stem cell has a quarter of it and "
            "splits that in two, so use at least 8"
        )
    if config.skip_reduction and not family_of(genotype.stacking).inserts_reductions:
        raise UserError(
            f"skip_reduction: has no meaning for {genotype.stacking!r} stacking, where h_(i-1) is "
            "always the output before the last; leave it off"
        )
    _check_size(genotype, config)


def minimal_size(genotype: Genotype, config: StackConfig) -> int:
    """The smallest height and width with which all that halves finds 2 pixels to halve.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
    """
    stem = _stem(genotype, config)
    halvings = GROUPS - 1 + {"convolution": 0, "pooled": 1, "cells": 2, "convolutions": 3}[stem]
    map_size = 2 ** (halvings - 1) + 1
    # The convolution before stem cells is "valid" with stride 2: (size - 3) // 2 + 1 pixels.
    return 2 * (map_size - 1) + 3 if stem == "cells" else map_size


def _check_size(genotype: Genotype, config: StackConfig) -> None:
    if config.image_size is None:
        if config.border_rule in ("timm", "keras"):
            raise UserError(
                f"border_rule: {config.border_rule!r} pads by the parity of each map, so it needs "
                "a static image_size; give one, or use 'tensorflow'"
            )
        if config.auxiliary_head:
            raise UserError(
                "auxiliary_head: its last kernel is as large as its map, so it needs a static "
                "image_size; give one, or leave the auxiliary head out"
            )
        return
    least = minimal_size(genotype, config)
    if min(config.image_size) < least:
        height, width = config.image_size
        raise UserError(
            f"image_size: {height}x{width} is too small for the {config.stem} stack, which halves "
            f"it until nothing is left; use at least {least}x{least}"
        )


class _Stack:
    """The state of a layout: the outputs of the last two cells, and the number of the next."""

    def __init__(self, genotype: Genotype, config: StackConfig, build_cell: Callable[..., Tensor]):
        self.genotype = genotype
        self.build_cell = build_cell
        self.config = config
        self.family = family_of(genotype.stacking)
        self.graph = Graph()
        self.earlier: Tensor | None = None
        self.number = 0
        self.stem_cells = 2 if _stem(genotype, config) == "cells" else 0
        inserted = GROUPS - 1 if self.family.inserts_reductions else 0
        self.cells = self.stem_cells + GROUPS * config.normal_cells + inserted

    def build(self) -> Graph:
        self._stem()
        for group in range(GROUPS):
            self._group(group)
            if group == 1:
                self._auxiliary("group_2")
        self._level()
        last = self.previous
        x = self.graph.relu(last) if self.family.final_relu else last
        bias = self.family.classifier_bias
        classify(self.graph, x, self.config.num_classes, self.config.dropout, bias=bias)
        return self.graph

    def _stem(self) -> None:
        config, graph = self.config, self.graph
        image = graph.add("image", Input(config.image_channels))
        kind = _stem(self.genotype, config)
        if kind == "convolutions":
            rule = (3, 3), (2, 2), config.border_rule
            x = conv_bn(graph, "stem_1", image, config.filters // 2, *rule)
            self.earlier = relu_conv_bn(graph, "stem_2", x, config.filters, *rule)
            self.previous = relu_conv_bn(graph, "stem_3", self.earlier, config.filters, *rule)
            self._level(x)
            self._level(self.earlier)
            return
        if kind == "pooled":
            # Half as wide at first, as convolutions at the full size are dear.
            x = conv_bn(graph, "stem_1", image, config.filters // 2, (3, 3))
            filters = config.stem_filters or config.filters
            x = relu_conv_bn(graph, "stem_2", x, filters, (3, 3))
            self.previous = graph.add("stem_pool", Pool((2, 2), (2, 2)), x)
            if self.family.first_input == "stem":
                self.earlier = self.previous
            return
        conv = Conv(
            (3, 3),
            (2, 2) if kind == "cells" else (1, 1),
            "valid" if kind == "cells" else "same",
            config.stem_filters or 3 * config.filters,
        )
        x = graph.add("stem_conv", conv, image)
        self.previous = graph.add("stem_bn", BatchNorm(), x)
        if self.family.first_input == "stem":
            self.earlier = self.previous
        for i in range(self.stem_cells):
            filters = config.filters // 2 ** (self.stem_cells - i)
            self._cell(f"stem_{i + 1}", filters, reduction=True)

    def _group(self, group: int) -> None:
        filters = self.config.filters * 2**group
        names = [f"group_{group + 1}_cell_{i + 1}" for i in range(self.config.normal_cells)]
        if group and self.family.inserts_reductions:
            before = self.earlier
            self._cell(f"reduction_{group}", filters, reduction=True)
            self._auxiliary(f"reduction_{group}")
            if self.config.skip_reduction:
                self.earlier = before
        for i, name in enumerate(names):
            replaces = group > 0 and i == 0 and not self.family.inserts_reductions
            self._cell(name, filters, reduction=replaces)
            self._auxiliary(name)

    def _cell(self, name: str, filters: int, *, reduction: bool) -> None:
        if reduction:
            self._level()
        self.number += 1
        # Deeper cells drop more: linear in depth, stem cells counted (slim's drop path "v3").
        keep = 1.0 - self.number / self.cells * (1.0 - self.config.drop_path_keep)
        cell = self.genotype.reduction if reduction else self.genotype.normal
        output = self.build_cell(
            self.graph,
            name,
            cell,
            self.earlier,
            self.previous,
            filters,
            reduction=reduction,
            family=self.family,
            border=self.config.border_rule,
            drop_path_keep=keep,
        )
        self.graph.cells[name] = LaidCell(cell, output)
        self.earlier, self.previous = self.previous, output

    def _auxiliary(self, place: str) -> None:
        """Adds the auxiliary head if this is the place where the family has it."""
        config, rules = self.config, self.family.auxiliary
        if place != rules.after or not config.auxiliary_head or not config.num_classes:
            return
        sizes = self.graph.sizes(config.image_size)  # type: ignore[arg-type]
        self.graph.outputs["auxiliary_logits"] = auxiliary_head(
            self.graph,
            self.previous,
            sizes[self.previous.name],
            config.num_classes,
            rules,
            large=config.stem == "imagenet",
            scale=config.auxiliary_scale,
        )

    def _level(self, x: Tensor | None = None) -> None:
        """Offers a map as it is before it is halved (or at the end) as a level."""
        x = x or self.previous
        level = x.stride[0].bit_length() - 1
        if level:
            self.graph.outputs[f"level_{level}"] = self.graph.relu(x)


def _stem(genotype: Genotype, config: StackConfig) -> str:
    """`convolution` or `pooled` for small images, `cells` or `convolutions` for large ones."""
    if config.stem == "imagenet":
        return family_of(genotype.stacking).large_stem
    return "pooled" if config.stem == "pooled" else "convolution"
