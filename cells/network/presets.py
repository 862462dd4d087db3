"""The published networks as named configurations (TF-slim's `nasnet.py` and `pnasnet.py`).

`cifar_pooled` and `cifar_transitions` are not published: stacks for small images with a stem that
halves them; the second halves its maps by pools, too, and has no Reduction cells.
"""

from __future__ import annotations

import dataclasses

from cells.genotype.genotype import Genotype
from cells.network.stack_config import (
    OF_CELLS,
    StackConfig,
    check,
    is_off,
    not_of_cells,
    with_penultimate_filters,
)
from cells.operations.architecture import Architecture
from cells.operations.families import FAMILIES
from cells.operations.primitives import Size
from cells.support.errors import UserError, unknown

_CIFAR = StackConfig()
_IMAGENET = StackConfig(
    stem="imagenet",
    num_classes=1000,
    dropout=0.5,
    batch_norm_momentum=0.9997,
    batch_norm_epsilon=1e-3,
)
_MOBILE = _IMAGENET.replace(image_size=(224, 224), stem_filters=32)
_LARGE = _IMAGENET.replace(image_size=(331, 331), stem_filters=96)

#: The network of each stem; of large images the smaller one.
OF_STEM: dict[str, str] = {
    "cifar": "cifar",
    "pooled": "cifar_pooled",
    "transitions": "cifar_transitions",
    "imagenet": "imagenet_mobile",
}

#: Configurations by (network, stacking), without drop path, which training recipes add.
_NETWORKS = {
    ("cifar", "nasnet"): _CIFAR,
    ("cifar", "pnasnet"): _CIFAR.replace(normal_cells=3, filters=48),
    ("cifar", "darts"): _CIFAR.replace(filters=36),
    ("cifar", "enas"): _CIFAR.replace(normal_cells=5, filters=36),
    # Of this project; the others are published.
    **{("cifar_pooled", family): _CIFAR.replace(stem="pooled") for family in FAMILIES},
    **{("cifar_transitions", family): _CIFAR.replace(stem="transitions") for family in FAMILIES},
    ("imagenet_mobile", "nasnet"): _MOBILE.replace(normal_cells=4, filters=44),
    ("imagenet_mobile", "pnasnet"): _MOBILE.replace(normal_cells=3, filters=54),
    ("imagenet_mobile", "darts"): _MOBILE.replace(
        normal_cells=4, filters=48, batch_norm_momentum=0.9, batch_norm_epsilon=1e-5, dropout=0.0
    ),
    ("imagenet_mobile", "enas"): _MOBILE.replace(normal_cells=4, filters=44),
    ("imagenet_large", "nasnet"): _LARGE.replace(normal_cells=6, filters=168, skip_reduction=True),
    ("imagenet_large", "pnasnet"): _LARGE.replace(normal_cells=4, filters=216),
    ("imagenet_large", "darts"): _LARGE.replace(normal_cells=6, filters=168),
    ("imagenet_large", "enas"): _LARGE.replace(normal_cells=6, filters=168),
}

NETWORKS = tuple(dict.fromkeys(network for network, _ in _NETWORKS))


def network_config(network: str, genotype: Genotype | Architecture) -> StackConfig:
    """The configuration of a named network for a genotype's stacking rule.

    A whole network gets classes, dropout and batch norm of the network of that name, and its images
    unless it was published for others.

    Args:
        network: one of `NETWORKS`.
        genotype: its stacking rule chooses among the published settings.

    Raises:
        UserError: there is no such network; lists those that exist.
    """
    try:
        if isinstance(genotype, Architecture):
            named = dataclasses.asdict(_NETWORKS[network, "nasnet"])
            named["image_size"] = genotype.published_size or named["image_size"]
            return StackConfig(**{n: value for n, value in named.items() if n not in OF_CELLS})
        return _NETWORKS[network, genotype.stacking]
    except KeyError:
        raise unknown("network", network, NETWORKS) from None


def configure(
    genotype: Genotype | Architecture,
    network: str | StackConfig,
    *,
    image_size: Size | None = None,
    penultimate_filters: int | None = None,
    **changes: object,
) -> StackConfig:
    """A named network with some of its settings changed, checked.

    Args:
        genotype: the cells; its stacking rule chooses among the published settings.
        network: one of `NETWORKS`, or a configuration.
        image_size: (height, width); the network's own by default. For a network of any size
            use `config.replace(image_size=None)`.
        penultimate_filters: P of "N @ P" in place of `filters`.
        **changes: fields of `StackConfig`; None keeps the network's own, but for `num_classes`,
            where it leaves the head out.

    Raises:
        UserError: the network is unknown or the configuration impossible.
    """
    config = network if isinstance(network, StackConfig) else network_config(network, genotype)
    given = {n: value for n, value in changes.items() if value is not None or n == "num_classes"}
    if isinstance(genotype, Architecture):
        for name, value in given.items():
            if name in OF_CELLS and not is_off(name, value):
                raise not_of_cells(name, genotype)
    config = config.replace(**given)
    if image_size is not None:
        config = config.replace(image_size=image_size)
    if penultimate_filters is not None:
        if isinstance(genotype, Architecture):
            raise not_of_cells("penultimate_filters", genotype)
        if "filters" in given:
            raise UserError("penultimate_filters: is given together with filters; give one")
        config = with_penultimate_filters(genotype, config, penultimate_filters)
    check(genotype, config)
    return config
