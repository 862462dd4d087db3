"""What a network of stacked cells is made by, beside its cells: settings, and what must hold."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from cells.genotype.genotype import Genotype
from cells.operations.architecture import Architecture
from cells.operations.families import family_of
from cells.operations.primitives import (
    BORDER_RULES,
    BorderRule,
    Size,
)
from cells.support import settings
from cells.support.errors import UserError
from cells.support.settings import setting

GROUPS = 3

Stem = Literal["cifar", "pooled", "transitions", "imagenet"]
STEMS: tuple[Stem, ...] = ("cifar", "pooled", "transitions", "imagenet")

#: Ten times what has been published, and more: N, F, pixels of a side, classes.
MAX_CELLS, MAX_FILTERS, MAX_SIDE, MAX_CLASSES = 1000, 20_000, 20_000, 1_000_000


@dataclass(frozen=True)
class StackConfig:
    """Everything about a network but its cells.

    Attributes:
        stem: `cifar` (3x3 convolution), `pooled` (two 3x3 convolutions and a maximum pool of stride
            2, so that no cell works at the full size), `transitions` (the same, as wide as what the
            first cells put out; and such a convolution and pool, and no Reduction cell, between
            groups: a transition as in Huang et al. 2017, arXiv:1608.06993) or `imagenet` (3x3
            convolution of stride 2, then two Reduction cells).
        normal_cells: N, cells in each of the three groups.
        empty_group: the group, 1 to 3, that has no cells and is only what comes before it, as in
            the middle of `resnet_9`; 0: none. `transitions` stem only.
        filters: F, filters of every operation in the first group.
        stem_filters: channels of the stem's (last) convolution; None stands for 3 F, for F in a
            `pooled` stem, and for the channels of the first group's cells before `transitions`.
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
    empty_group: int = setting(0, least=0, most=GROUPS)
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
    "empty_group",
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
    ends_in_reduction = replaces_reductions(genotype, config) and config.normal_cells == 1
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


def check(genotype: Genotype | Architecture, config: StackConfig) -> None:
    """Raises a UserError where `config` cannot be built for `genotype`.

    Args:
        genotype: the two cells, or a whole network.
        config: the settings of the stack.
    """
    settings.check(config)
    if isinstance(genotype, Architecture):
        return
    if stem_of(genotype, config) == "cells" and config.filters < 8:
        raise UserError(
            f"filters: {config.filters} is too small; the first stem cell has a quarter of it and "
            "splits that in two, so use at least 8"
        )
    if config.empty_group and config.stem != "transitions":
        raise UserError(
            f"empty_group: the {config.stem!r} stack has cells in every group; leave it out, or "
            "take the stack 'transitions' (the network cifar_transitions)"
        )
    group = f"group_{config.empty_group}_"
    if config.auxiliary_head and family_of(genotype.stacking).auxiliary.after.startswith(group):
        raise UserError(
            f"auxiliary_head: stands behind the first cell of group {config.empty_group}, which "
            "empty_group leaves out; leave out one of them"
        )
    if config.skip_reduction and config.stem == "transitions":
        raise UserError(
            "skip_reduction: has no meaning for the 'transitions' stack, which has no Reduction "
            "cells; leave it off"
        )
    if config.skip_reduction and not family_of(genotype.stacking).inserts_reductions:
        raise UserError(
            f"skip_reduction: has no meaning for {genotype.stacking!r} stacking, where h_(i-1) is "
            "always the output before the last; leave it off"
        )
    _check_size(genotype, config)


#: How often a stem halves the images, by what `stem_of` says.
_HALVED_BY_STEM = {
    **{"convolution": 0, "pooled": 1, "transitions": 1},
    **{"cells": 2, "convolutions": 3},
}


def replaces_reductions(genotype: Genotype, config: StackConfig) -> bool:
    """Whether a Reduction cell is the first cell of a group, and not one more before it.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
    """
    family = family_of(genotype.stacking)
    return not family.inserts_reductions and config.stem != "transitions"


def minimal_size(genotype: Genotype, config: StackConfig) -> int:
    """The smallest height and width with which all that halves finds 2 pixels to halve.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
    """
    stem = stem_of(genotype, config)
    halvings = GROUPS - 1 + _HALVED_BY_STEM[stem]
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


def stem_of(genotype: Genotype, config: StackConfig) -> str:
    """`convolution`, `pooled`, `transitions`; `cells` or `convolutions` for large images.

    Args:
        genotype: the two cells.
        config: the settings of the stack.
    """
    if config.stem == "imagenet":
        return family_of(genotype.stacking).large_stem
    return "convolution" if config.stem == "cifar" else config.stem
