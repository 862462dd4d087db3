"""The stack of a genotype as a backbone of Model Garden's vision models.

A new backbone of Model Garden is a config, a subclass of its closed one-of `Backbone` that has a
field for it, and a registered builder. The layers are tf_keras's: a Keras 3 model in this place
would build and run, and silently not train.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tf_keras
from official.modeling import hyperparams
from official.vision.configs import backbones
from official.vision.modeling.backbones import factory

from cells.kinds import files as kinds
from cells.kinds.files import ImageGenotype
from cells.network import presets
from cells.network.build import build_network
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.support.errors import UserError
from cells.support.settings import setting


def _stack_setting(name: str) -> Any:
    """A field with the bounds of the stack's, which None leaves as the network has it."""
    (field,) = (f for f in dataclasses.fields(StackConfig) if f.name == name)
    return dataclasses.field(default=None, metadata=field.metadata)


@dataclasses.dataclass
class CellStack(hyperparams.Config):
    """A genotype and the network stacked from it; None keeps the named network's own setting.

    Attributes:
        genotype: a name of the catalogue, or the file of cells or of a whole network; "" takes
            genotype and stack from `task.init_checkpoint`.
        network: `cifar`, `cifar_pooled`, `cifar_transitions`, `imagenet_mobile` or
            `imagenet_large`.
        drop_path_keep: keep probability of the last cell at the end of training; 1 is off.
        drop_path_steps: steps until it is reached; 0 stands for the length of training.
        The others: see `cells.network.stack_config.StackConfig`.
    """

    genotype: str = "nasnet_a"
    network: str = setting("imagenet_mobile", choices=presets.NETWORKS)
    normal_cells: int | None = _stack_setting("normal_cells")
    empty_group: int | None = _stack_setting("empty_group")
    filters: int | None = _stack_setting("filters")
    penultimate_filters: int | None = setting(None, least=1)
    stem_filters: int | None = _stack_setting("stem_filters")
    skip_reduction: bool | None = None
    border_rule: str | None = _stack_setting("border_rule")
    drop_path_keep: float | None = _stack_setting("drop_path_keep")
    drop_path_steps: int = setting(0, least=0)
    dropout: float | None = _stack_setting("dropout")
    batch_norm_momentum: float | None = _stack_setting("batch_norm_momentum")
    batch_norm_epsilon: float | None = _stack_setting("batch_norm_epsilon")

    # What a configuration carries beside its fields: it is neither written nor compared.
    RESERVED_ATTR = [*hyperparams.Config.RESERVED_ATTR, "_carried"]  # noqa: RUF012

    def load_genotype(self) -> ImageGenotype:
        """The cells, or the whole network, that `genotype` names.

        They are read once: afterwards the configuration carries them, and so do its copies, until
        `genotype` names others.

        Raises:
            UserError: there is no such genotype, or its file is damaged.
        """
        name, genotype = self.__dict__.get("_carried", (None, None))
        if name != self.genotype or genotype is None:
            genotype = kinds.find_network(self.genotype)
            self.carry(genotype, self.genotype)
        return genotype

    def carry(self, genotype: ImageGenotype, name: str) -> None:
        """Sets the cells.

        Args:
            genotype: the cells.
            name: how the configuration names them: of the catalogue, or a file, which need not
                exist yet.
        """
        self.genotype = name
        self.__dict__["_carried"] = (name, genotype)


#: Of the stack for large images.
MAX_LEVEL = 5


@dataclasses.dataclass
class CellBackbone(CellStack):
    """A stack whose maps of the levels `min_level` to `max_level` (stride 2 ** level) come out."""

    min_level: int = setting(2, least=1, most=MAX_LEVEL)
    max_level: int = setting(5, least=1, most=MAX_LEVEL)

    def load_genotype(self) -> ImageGenotype:
        genotype = super().load_genotype()
        if isinstance(genotype, Architecture):
            raise UserError(
                f"backbone.cells.genotype: {genotype.name} is a {genotype.title}, and detectors "
                "read the levels of networks that are stacked of cells; give a genotype of cells"
            )
        return genotype


@dataclasses.dataclass
class Backbone(backbones.Backbone):
    """Model Garden's choice of backbones, and this project's."""

    type: str | None = "cells"
    cells: CellBackbone = dataclasses.field(default_factory=CellBackbone)


def stack_of(settings: CellStack, **changes: Any) -> tuple[ImageGenotype, StackConfig]:
    """Resolves the settings of a configuration.

    Args:
        settings: a `CellStack`.
        **changes: further arguments of `cells.network.presets.configure`.

    Raises:
        UserError: there is no such genotype or the network is impossible.
    """
    genotype = settings.load_genotype()
    fields = {f.name for f in dataclasses.fields(CellStack)}
    values = {
        name: getattr(settings, name)
        for name in sorted(fields - {"genotype", "network", "drop_path_steps"})
    }
    return genotype, presets.configure(genotype, settings.network, **{**values, **changes})


def cells_of(params: Any) -> CellStack:
    """Where in an experiment's configuration the network of cells is."""
    model = params.task.model
    return model.backbone.cells if hasattr(model, "backbone") else model.cells


@factory.register_backbone_builder("cells")
def build_backbone(
    input_specs: tf_keras.layers.InputSpec,
    backbone_config: Backbone,
    norm_activation_config: hyperparams.Config,
    l2_regularizer: tf_keras.regularizers.Regularizer | None = None,
) -> tf_keras.Model:
    """Builds the backbone for Model Garden.

    Args:
        input_specs: shape `(batch, height, width, channels)`; None for height and width where
            images of any size are to run.
        backbone_config: a `Backbone` of type `cells`.
        norm_activation_config: momentum, epsilon and `use_sync_bn` of batch norm; the activation
            of a cell is relu always.
        l2_regularizer: of every kernel.

    Returns:
        A functional model whose output is a dictionary of activated maps by level (`'2'`, ...),
        with `output_specs`, a dictionary of their shapes.

    Raises:
        UserError: the network has no such levels, or is impossible.
    """
    settings = backbone_config.get()
    height, width = input_specs.shape[1:3]
    static = height is not None and width is not None
    genotype, config = stack_of(
        settings,
        image_size=(height, width) if static else None,
        image_channels=input_specs.shape[3],
        batch_norm_momentum=settings.batch_norm_momentum or norm_activation_config.norm_momentum,
        batch_norm_epsilon=settings.batch_norm_epsilon or norm_activation_config.norm_epsilon,
    )
    if not static:
        config = config.replace(image_size=None)
    config = config.replace(num_classes=None, auxiliary_head=False)
    model = build_network(
        genotype,
        config,
        tf_keras,
        outputs=levels_of(settings, config),
        l2=float(l2_regularizer.l2) if l2_regularizer is not None else 0.0,
        synchronized_batch_norm=norm_activation_config.use_sync_bn,
    )
    model.output_specs = {key: tensor.shape for key, tensor in model.output.items()}
    return model


def levels_of(settings: CellBackbone, config: StackConfig) -> dict[str, str]:
    """The outputs of the stack by the names that Model Garden gives them: `'3'` for level 3.

    Raises:
        UserError: the network has no such levels.
    """
    deepest = {"cifar": 2, "pooled": 3, "transitions": 3, "imagenet": MAX_LEVEL}[config.stem]
    if not 1 <= settings.min_level <= settings.max_level <= deepest:
        raise UserError(
            f"backbone.cells: levels {settings.min_level} to {settings.max_level} do not exist; "
            f"the {config.stem} stack has levels 1 to {deepest}"
        )
    return {str(i): f"level_{i}" for i in range(settings.min_level, settings.max_level + 1)}
