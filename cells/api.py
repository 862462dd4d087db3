"""The functions of `import cells`: genotypes by name or file, and networks stacked from them."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from cells.checks.arguments import checked
from cells.genotype import catalogue as published
from cells.genotype import genotype_file
from cells.genotype.genotype import Genotype
from cells.kinds import files as kinds
from cells.network.arguments import NetworkSettings, configure
from cells.network.stack import stack
from cells.operations import counts
from cells.operations.architecture import Architecture
from cells.support.errors import UserError, require_known
from cells.support.files import FilePath

if TYPE_CHECKING:
    import keras

    from cells.weights.weights_file import WeightsFile

#: What the features of a network without head may be reduced to, and Keras's layers for it.
POOLING = {"avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}


def catalogue() -> list[str]:
    """The names of the published genotypes, which `load_genotype` and all functions here take.

    Returns:
        The names in alphabetical order.

    Example:
        >>> cells.catalogue()[:4]
        ['amoebanet_a', 'amoebanet_b', 'amoebanet_c', 'amoebanet_d']
    """
    return published.names()


def load_genotype(genotype: FilePath) -> Genotype:
    """Loads a genotype of the catalogue, or from a file.

    Args:
        genotype: a name of the catalogue; or the path of a genotype file, which ends in `.json` or
            has a separator.

    Returns:
        The genotype.

    Raises:
        UserError: there is no such genotype, or its file is malformed.

    Example:
        >>> genotype = cells.load_genotype("nasnet_a")
        >>> genotype.normal.blocks[0].left
        Side(input=1, operation='sep_conv_5x5')
    """
    if isinstance(genotype, os.PathLike):
        return genotype_file.read(genotype)
    if not isinstance(genotype, str):
        raise UserError(
            f"genotype: {genotype!r:.60} is neither a name of the catalogue nor the path of a "
            "genotype file"
        )
    return published.find(genotype)


def save_genotype(genotype: Genotype, file: FilePath) -> None:
    """Writes a genotype file, complete or not at all.

    Args:
        genotype: the cells.
        file: the file, usually `*.json`; missing folders are made.

    Raises:
        UserError: the file cannot be written.

    Example:
        >>> genotype = cells.load_genotype("nasnet_a")
        >>> cells.save_genotype(genotype, "mine.json")
        >>> cells.load_genotype("mine.json") == genotype
        True
    """
    if not isinstance(genotype, Genotype):
        raise UserError(f"genotype: {genotype!r:.60} is not a cells.Genotype")
    kinds.write(genotype, file)


def summarize(
    genotype: kinds.ImageGenotype | FilePath,
    network: str = "cifar",
    *,
    num_classes: int | None = None,
    include_top: bool = True,
    input_shape: Sequence[int | None] | None = None,
    **settings: Unpack[NetworkSettings],
) -> counts.Summary:
    """Counts the parameters and multiply-adds of a genotype's network, without building it.

    Args:
        genotype: the cells, a whole network, or the name or file of one.
        network, num_classes, include_top, input_shape, **settings: see `build`.

    Returns:
        `trainable` and `total` parameters; and `multiply_adds` for one image, None of a network for
        images of any size.

    Raises:
        UserError: an argument is of a wrong type, or the network is impossible.

    Example:
        >>> cells.summarize("nasnet_a", network="imagenet_mobile")
        Summary(trainable=5289978, total=5326716, multiply_adds=563638816)
    """
    cell_pair = _genotype(genotype)
    config = configure(
        cell_pair,
        network,
        settings,
        num_classes=num_classes,
        include_top=include_top,
        input_shape=input_shape,
    )
    output = "logits" if include_top else "features"
    return counts.summarize(stack(cell_pair, config), (output,), config.image_size)


def build(
    genotype: kinds.ImageGenotype | FilePath,
    network: str | None = None,
    *,
    num_classes: int | None = None,
    include_top: bool = True,
    weights: FilePath | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
    **settings: Unpack[NetworkSettings],
) -> keras.Model:
    """Builds the network of a genotype as a Keras model, as `keras.applications` does.

    Images are to be scaled to [-1, 1], as `preprocess_input` does.

    Args:
        genotype: the cells, a whole network, or the name or file of one.
        network: `cifar`, `cifar_pooled`, `cifar_transitions`, `imagenet_mobile` or
            `imagenet_large`, which decides the stem, the number of cells and their filters; by
            default that of `weights`, else `cifar`.
        num_classes: classes of the head; by default those of `weights`, else of the network (10
            or 1,000).
        include_top: whether the model ends in a classifier; else in feature maps
            `(batch, height, width, channels)`.
        weights: a weights file (`.safetensors`), as `cells import-weights` and
            `cell-transfer --mode=export --formats=weights` write it; by default the weights are
            random.
        input_shape: `(height, width, channels)` of the images in pixels, `(None, None, 3)` for any
            size; by default that of `weights`, else of the network.
        pooling: `avg` or `max` makes features `(batch, channels)` of the maps of a model without
            top.
        classifier_activation: Keras's name of the activation of the classifier; None for logits.
        name: of the model; by default the genotype's.
        **settings: `normal_cells` (N), `filters` (F) or `penultimate_filters` (P of "N @ P"),
            `empty_group`, `stem_filters`, `skip_reduction`, `border_rule`, `dropout`,
            `batch_norm_momentum` and `batch_norm_epsilon` in place of the network's own.

    Returns:
        A `keras.Model`: float images `(batch, height, width, channels)` in [-1, 1] in;
        probabilities `(batch, num_classes)`, or features, out.

    Raises:
        UserError: an argument is of a wrong type, the network is impossible, or `weights` are
            damaged or those of another network.

    Example:
        >>> model = cells.build("nasnet_a", num_classes=5, normal_cells=1, filters=8)
        >>> model.input_shape, model.output_shape
        ((None, 32, 32, 3), (None, 5))
    """
    cell_pair = _genotype(genotype)
    if pooling is not None:
        require_known("pooling", pooling, POOLING)
    if pooling is not None and include_top:
        raise UserError("pooling: is for a model without top; leave it out, or set include_top")
    source = None if weights is None else _read_weights(weights, cell_pair)
    config = configure(
        cell_pair,
        network,
        settings,
        num_classes=num_classes,
        include_top=include_top,
        input_shape=input_shape,
        weights=None if source is None else source.config,
    )
    import keras

    from cells.network.build import build_network
    from cells.weights.by_layer import move_weights

    model = build_network(cell_pair, config, keras)
    if source is not None:
        moved = move_weights(source.layers, model)
        if moved.missing or moved.unfit:
            raise UserError(f"weights: {weights} does not hold all weights of the network: {moved}")
    output = model.output
    if include_top and classifier_activation is not None:
        try:
            output = keras.layers.Activation(classifier_activation, name="predictions")(output)
        except (ValueError, TypeError):
            raise UserError(
                f"classifier_activation: {classifier_activation!r:.60} is not the name of an "
                "activation of Keras"
            ) from None
    elif pooling is not None:
        output = getattr(keras.layers, POOLING[pooling])(name="pooled_features")(output)
    return keras.Model(model.input, output, name=name or model.name)


def preprocess_input(images: Any) -> Any:
    """Scales pixels as all networks of this project see them, as `keras.applications` does.

    Args:
        images: pixels of 0 to 255, RGB, as an array or a tensor of any shape, such as
            `(batch, height, width, 3)`; of the size that the network takes.

    Returns:
        float32 in [-1, 1]: `pixels / 127.5 - 1`, of the same shape; a tensor of a tensor, else an
        array.

    Raises:
        UserError: these are no numbers.

    Example:
        >>> import numpy as np
        >>> cells.preprocess_input(np.array([0, 255], np.uint8)).tolist()
        [-1.0, 1.0]
    """
    if hasattr(images, "numpy") or type(images).__name__ in ("Tensor", "SymbolicTensor"):
        from cells.data.preprocessing import scale

        return scale(images)
    import numpy as np

    pixels = np.asarray(images)
    if pixels.dtype.kind not in "buif":
        raise UserError(f"images: {images!r:.60} is no array of pixels; read the file first")
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


@dataclass(frozen=True)
class Drawing:
    """A picture of the cells of a genotype, which notebooks show.

    Attributes:
        genotype: the cells.
        dark: whether for dark backgrounds.
        annotated: whether states have their numbers, and operations of stride 2 a mark.

    Example:
        >>> cells.draw("nasnet_a").svg[:4]
        '<svg'
    """

    genotype: kinds.AnyGenotype
    dark: bool = False
    annotated: bool = True

    @functools.cached_property
    def svg(self) -> str:
        """The text of an SVG file."""
        from cells import drawing

        return drawing.svg(self.genotype, dark=self.dark, annotated=self.annotated)

    def _repr_svg_(self) -> str:
        return self.svg


@checked
def draw(
    genotype: kinds.AnyGenotype | FilePath,
    file: FilePath | None = None,
    *,
    dark: bool = False,
    annotated: bool = True,
) -> Drawing:
    """Draws the two cells of a genotype, or a recurrent cell, as the papers do.

    Args:
        genotype: the cells, what `load_genotype` takes, or the name `recurrent:NAME`.
        file: where to write the picture as well, ending in `.svg`, `.png` or `.pdf`.
        dark: whether for dark backgrounds.
        annotated: whether states have their numbers, and operations of stride 2 a mark.

    Returns:
        The picture; a notebook shows it.

    Raises:
        UserError: there is no such genotype, or the file has another ending or cannot be written.

    Example:
        >>> picture = cells.draw("nasnet_a", "nasnet_a.png")
    """
    drawn = genotype
    if isinstance(drawn, str | os.PathLike):
        drawn = kinds.find(os.fspath(drawn))
    if file is not None:
        from cells import drawing

        drawing.save(drawn, file, dark=dark, annotated=annotated)
    return Drawing(drawn, dark, annotated)


def _genotype(genotype: kinds.ImageGenotype | FilePath) -> kinds.ImageGenotype:
    if isinstance(genotype, str | os.PathLike):
        found = kinds.read(genotype) if isinstance(genotype, os.PathLike) else kinds.find(genotype)
        return kinds.image_genotype(found)
    # Of what is none of these it says so.
    return genotype if isinstance(genotype, Architecture | Genotype) else load_genotype(genotype)


def _read_weights(path: FilePath, genotype: kinds.ImageGenotype) -> WeightsFile:
    """The file of weights, which must be of these cells."""
    from cells.weights import weights_file

    if not isinstance(path, str | os.PathLike):
        raise UserError(f"weights: {path!r:.60} is not the path of a weights file")
    shown = os.fspath(path)
    if not shown.endswith(weights_file.ENDING):
        raise UserError(
            f"weights: {shown} does not end in {weights_file.ENDING}; `cells import-weights` and "
            "`cell-transfer --mode=export --formats=weights` write such files"
        )
    source = weights_file.read(path)
    if not kinds.same(source.genotype, genotype):
        raise UserError(
            f"weights: {shown} has weights of {source.genotype.name}, whose cells are not those of "
            f"{genotype.name}; give that genotype, or other weights"
        )
    return source
