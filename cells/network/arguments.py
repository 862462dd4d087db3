"""A network's configuration from the arguments of `cells.build`, of whatever type these are."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any, TypedDict

from cells.checks.arguments import fitted
from cells.genotype.genotype import Genotype
from cells.network import presets
from cells.network.stack_config import OF_CELLS, StackConfig
from cells.operations.architecture import Architecture
from cells.operations.primitives import BorderRule
from cells.support.errors import UserError, require_known


class NetworkSettings(TypedDict, total=False):
    """Settings that replace those of a named network (`cells.network.stack_config.StackConfig`)."""

    normal_cells: int
    empty_group: int
    filters: int
    penultimate_filters: int
    stem_filters: int
    skip_reduction: bool
    border_rule: BorderRule
    dropout: float
    batch_norm_momentum: float
    batch_norm_epsilon: float


_TYPES: dict[str, Any] = {
    "network": str,
    "num_classes": int,
    "include_top": bool,
    **typing.get_type_hints(NetworkSettings),
}

#: What belongs to weights, and is theirs where no setting says otherwise.
_OF_WEIGHTS = ("border_rule", "batch_norm_epsilon", "batch_norm_momentum", "dropout")

#: What weights and the network that takes them have in common.
_SAME = (
    "stem",
    "normal_cells",
    "empty_group",
    "filters",
    "stem_filters",
    "skip_reduction",
    "border_rule",
    "batch_norm_epsilon",
    "image_channels",
)


def configure(
    genotype: Genotype | Architecture,
    network: str | None,
    settings: NetworkSettings,
    *,
    num_classes: int | None,
    include_top: bool,
    input_shape: Sequence[int | None] | None,
    weights: StackConfig | None = None,
) -> StackConfig:
    """The network that somebody asks for.

    Args:
        genotype: the cells, or a whole network.
        network: one of `cells.network.presets.NETWORKS`; by default that of the weights, else
            `cifar`.
        settings: what replaces the network's own.
        num_classes: classes of the head; by default those of the weights, else the network's own.
        include_top: whether there is a head.
        input_shape: (height, width, channels), the first two None for any size; by default that of
            the weights, else the network's own.
        weights: the network of the weights that it is to take.

    Raises:
        UserError: an argument is of a wrong type, the network is impossible, or the weights are
            those of another one.
    """
    for key in settings:
        require_known("settings", key, NetworkSettings.__annotations__)
    named = {"network": network, "num_classes": num_classes, "include_top": include_top}
    values: dict[str, Any] = {
        key: None if value is None else fitted(key, value, _TYPES[key])
        for key, value in {**named, **settings}.items()
    }
    network, num_classes, include_top = (values.pop(key) for key in named)
    if not include_top and num_classes is not None:
        raise UserError("num_classes: is for a model with top; leave it out, or set include_top")
    base: str | StackConfig = network or weights or "cifar"
    if network and weights:
        whole = isinstance(genotype, Architecture)
        names = [key for key in _OF_WEIGHTS if not (whole and key in OF_CELLS)]
        own = {key: getattr(weights, key) for key in names}
        values = {"image_size": weights.image_size, **own, **values}
    if num_classes is not None:
        values["num_classes"] = num_classes
    config = presets.configure(genotype, base, **values)
    config = config.replace(auxiliary_head=False, drop_path_keep=1.0)
    if input_shape is not None:
        height, width, channels = _checked_shape(input_shape)
        size = None if height is None or width is None else (height, width)
        config = config.replace(image_size=size, image_channels=channels)
    if weights is not None:
        if include_top and num_classes is None:
            config = config.replace(num_classes=weights.num_classes)
        _check_weights_fit(weights, config, include_top)
    return config if include_top else config.replace(num_classes=None)


def _checked_shape(shape: Sequence[int | None]) -> tuple[int | None, int | None, int]:
    if isinstance(shape, list | tuple) and len(shape) == 3:
        height, width, channels = shape
        lengths = [channels] if height is None and width is None else [height, width, channels]
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in lengths)
        if whole and channels is not None and min(n for n in lengths if n is not None) > 0:
            return height, width, channels
    raise UserError(
        f"input_shape: {shape!r:.60} is not (height, width, channels) in pixels, such as "
        "(224, 224, 3), or (None, None, 3) for any size"
    )


def _check_weights_fit(theirs: StackConfig, own: StackConfig, include_top: bool) -> None:
    for field in _SAME:
        there, here = getattr(theirs, field), getattr(own, field)
        if there != here:
            raise UserError(
                f"weights: they are of a network with {field} {there}, and {here} is asked for; "
                "leave out network and settings to take theirs"
            )
    if include_top and (theirs.num_classes is None or theirs.num_classes != own.num_classes):
        have = f"a head of {theirs.num_classes} classes" if theirs.num_classes else "no head"
        raise UserError(
            f"num_classes: the weights have {have}, and {own.num_classes or 'one'} is asked for; "
            "set include_top=False, and put a head of your own on the features"
        )
