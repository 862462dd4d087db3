"""From a training in the children's engine to a classifier's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cell_search.recipes.training import WholeTraining
from cells.data import preprocessing
from cells.genotype.genotype import Genotype
from cells.network.stack import StackConfig
from cells.support.files import FilePath
from transfer.exporting.export import COMPARED, describe, write
from transfer.exporting.formats import Network


def export_training(
    training: WholeTraining,
    output: FilePath,
    formats: Sequence[str] = (),
    *,
    class_names: Sequence[str],
    pixels: np.ndarray,
    genotype: Genotype | None = None,
) -> dict[str, Any]:
    """Writes the network of a training in the children's engine, as `transfer` writes its own.

    Args:
        training: of the network.
        output: path of a file that ends in `.keras`; with `formats` a folder.
        formats: as of `transfer.export`.
        class_names: in the order of the labels.
        pixels: uint8 images; the files are compared with the trained network on the first
            of them, and int8 finds its ranges by these.
        genotype: the cells, where it is made of cells; the format `weights` is for these.

    Returns:
        What the JSON beside the files holds, see `transfer.export`.

    Raises:
        UserError: `output` cannot be written, a format is not installed, or a file differs from
            the trained network.
    """
    import keras

    stack = training.config
    if isinstance(stack, StackConfig):
        stack = stack.replace(auxiliary_head=False, drop_path_keep=1.0)
    pixels = pixels[:COMPARED]
    written = Network(
        model=training.keras_model(keras),
        class_names=class_names,
        representative=pixels,
        genotype=genotype,
        stack=stack,
        source=f"step {training.steps} of a training by its recipe",
    )
    description = {
        **describe(written),
        "step": training.steps,
        "weights": "moving averages" if training.averaged else "as trained",
        "compared_on": f"{len(pixels)} real images",
    }
    expected = training.network().logits(preprocessing.scale(pixels)).numpy()
    return write(written, output, formats, description, pixels, expected)
