"""The networks: cells stacked for small images (CIFAR) and for large ones (ImageNet).

A stack has three groups of cells; filters double where a Reduction cell halves the map. The rules
are those of the code that made the published networks (`cells.operations.families`).
"""

from __future__ import annotations

from collections.abc import Callable

from cells.genotype.genotype import Genotype
from cells.network.auxiliary import auxiliary_head
from cells.network.cell import LaidCell, build_cell
from cells.network.stack_config import GROUPS, StackConfig, check, replaces_reductions, stem_of
from cells.operations.architecture import Architecture
from cells.operations.blocks import classify, conv_bn, relu_conv_bn
from cells.operations.families import family_of
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import (
    BatchNorm,
    Conv,
    Input,
    Pool,
)
from cells.support.errors import about


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
        self.stem_cells = 2 if stem_of(genotype, config) == "cells" else 0
        inserted = self.family.inserts_reductions and config.stem != "transitions"
        groups = GROUPS - (config.empty_group > 0)
        self.cells = self.stem_cells + groups * config.normal_cells + (GROUPS - 1) * inserted

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
        kind = stem_of(self.genotype, config)
        if kind == "convolutions":
            rule = (3, 3), (2, 2), config.border_rule
            x = conv_bn(graph, "stem_1", image, config.filters // 2, *rule)
            self.earlier = relu_conv_bn(graph, "stem_2", x, config.filters, *rule)
            self.previous = relu_conv_bn(graph, "stem_3", self.earlier, config.filters, *rule)
            self._level(x)
            self._level(self.earlier)
            return
        if kind in ("pooled", "transitions"):
            # Half as wide at first, as convolutions at the full size are dear.
            width = config.filters if kind == "pooled" else self._width(0)
            x = conv_bn(graph, "stem_1", image, width // 2, (3, 3))
            self._pooled("stem_2", "stem_pool", x, config.stem_filters or width)
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

    def _width(self, group: int) -> int:
        """Channels of what the Normal cells of a group put out."""
        return len(self.genotype.normal.concat) * self.config.filters * 2**group

    def _pooled(self, name: str, pool: str, x: Tensor, filters: int) -> None:
        """A convolution and a maximum pool, behind which cells begin anew."""
        x = relu_conv_bn(self.graph, name, x, filters, (3, 3))
        self._level(x)
        self.previous = self.graph.add(pool, Pool((2, 2), (2, 2)), x)
        self.earlier = self.previous if self.family.first_input == "stem" else None

    def _group(self, group: int) -> None:
        filters = self.config.filters * 2**group
        count = 0 if self.config.empty_group == group + 1 else self.config.normal_cells
        names = [f"group_{group + 1}_cell_{i + 1}" for i in range(count)]
        if group and self.config.stem == "transitions":
            name = f"transition_{group}"
            self._pooled(name, f"{name}_pool", self.previous, self._width(group))
            self._auxiliary(f"reduction_{group}")
        elif group and self.family.inserts_reductions:
            before = self.earlier
            self._cell(f"reduction_{group}", filters, reduction=True)
            self._auxiliary(f"reduction_{group}")
            if self.config.skip_reduction:
                self.earlier = before
        for i, name in enumerate(names):
            replaces = group > 0 and i == 0 and replaces_reductions(self.genotype, self.config)
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
