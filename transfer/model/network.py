"""The network that a configuration describes: its layout, and the model that is trained."""

from __future__ import annotations

from typing import Any

from cells.kinds.files import ImageGenotype
from cells.network.build import build_network
from cells.network.stack_config import StackConfig
from transfer.config import schema
from transfer.config.cells_backbone import stack_of
from transfer.model import baselines


def layout(model: schema.Model) -> tuple[ImageGenotype, StackConfig]:
    """Genotype and stack of a model whose number of classes is known.

    Raises:
        UserError: there is no such genotype, or the network is impossible.
    """
    height, width, channels = model.input_size
    return stack_of(
        model.cells,
        image_size=(height, width),
        image_channels=channels,
        num_classes=model.num_classes,
        auxiliary_head=model.auxiliary_head,
    )


def check(model: schema.Model) -> None:
    """Raises a UserError where the network is impossible."""
    if model.baseline:
        baselines.check(model)
    else:
        layout(model)


def build(model: schema.Model, weight_decay: float = 0.0) -> Any:
    """The whole network in `tf_keras`, which Model Garden trains.

    Args:
        model: the configuration.
        weight_decay: L2 as TensorFlow's papers count it: half of it times the sum of squares of
            all kernels is in `model.losses`.

    Returns:
        See `cells.network.build.build_network`; names of layers are those of every other stage.
    """
    import tf_keras

    if model.baseline:
        return baselines.build(model, tf_keras, weight_decay)
    genotype, stack = layout(model)
    return build_network(
        genotype,
        stack,
        tf_keras,
        l2=weight_decay / 2.0,
        synchronized_batch_norm=model.synchronized_batch_norm,
        seeded_steps=True,
    )


def logits(outputs: Any) -> Any:
    """The logits among a model's outputs, which are a dictionary with an auxiliary head."""
    return outputs["logits"] if isinstance(outputs, dict) else outputs
