"""Genotypes of image cells, and the networks stacked from them.

    import cells

    genotype = cells.load_genotype("nasnet_a")
    model = cells.build(genotype, network="imagenet_mobile", num_classes=10)

Names are imported when they are first used, and TensorFlow by `build` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cells.support.version import __version__

__all__ = [
    "Block",
    "Cell",
    "Drawing",
    "Genotype",
    "Side",
    "Summary",
    "UserError",
    "__version__",
    "build",
    "catalogue",
    "draw",
    "load_genotype",
    "preprocess_input",
    "register_operation",
    "save_genotype",
    "save_images",
    "summarize",
]

if TYPE_CHECKING:
    from cells.api import (
        Drawing,
        build,
        catalogue,
        draw,
        load_genotype,
        preprocess_input,
        save_genotype,
        summarize,
    )
    from cells.data.saved.images import save_images
    from cells.genotype.genotype import Block, Cell, Genotype, Side
    from cells.operations.counts import Summary
    from cells.operations.operations import register_operation
    from cells.support.errors import UserError
else:
    from cells.support.lazy import lazy

    __getattr__, __dir__ = lazy(__name__)
