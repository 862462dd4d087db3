"""A genotype's network, or that of any other graph, as a Keras model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from cells.genotype.genotype import Genotype
from cells.network import step_seed
from cells.network.drop_path import progress_variable
from cells.network.keras_layers import LayerContext, apply
from cells.network.keras_settings import overridden
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.operations.graph import Graph
from cells.operations.primitives import Input, Size


def build_network(
    genotype: Genotype | Architecture,
    config: StackConfig,
    keras: Any,
    *,
    outputs: Mapping[str, str] | None = None,
    l2: float = 0.0,
    synchronized_batch_norm: bool = False,
    seeded_steps: bool = False,
) -> Any:
    """Builds the network of a genotype as a functional model.

    Args:
        genotype: the two cells, or a whole network.
        config: the stack.
        keras: the module `keras` (to use at a desk) or `tf_keras` (to train with Model Garden).
        outputs: keys of the model's outputs and the names of the graph's outputs (see
            `cells.network.stack.stack`) that they hold. By default the model gives a tensor: the
            logits, or the features of a network without head; with an auxiliary head a
            dictionary of `logits` and `auxiliary_logits`.
        l2: factor of the sum of squares of every kernel, added to `model.losses`.
        synchronized_batch_norm: batch-norm statistics over all replicas.
        seeded_steps: what is dropped in training follows from the variable that
            `model.step_seed()` gives, which is to be set in each step (`cells.network.step_seed`).

    Returns:
        A `keras.Model`: `(batch, height, width, channels)` float images, normalised as it was
        trained, in; float32 `(batch, num_classes)` logits out. A model with drop path has a
        function `model.drop_path_progress()` that gives the variable of `cells.network.drop_path`.

    Raises:
        UserError: the configuration is impossible.
    """
    return build_graph(
        stack(genotype, config),
        config,
        keras,
        name=genotype.name,
        outputs=outputs,
        l2=l2,
        synchronized_batch_norm=synchronized_batch_norm,
        seeded_steps=seeded_steps,
        drops_paths=config.drop_path_keep < 1.0,
    )


class NetworkConfig(Protocol):
    """What is to be known of a network beside its graph, whichever layout it has."""

    @property
    def image_size(self) -> Size | None:
        """Height and width, or None for images of any size."""

    @property
    def image_channels(self) -> int:
        """3 for RGB."""

    @property
    def batch_norm_momentum(self) -> float:
        """Of every batch norm."""

    @property
    def batch_norm_epsilon(self) -> float:
        """Of every batch norm."""

    def replace(self, **changes: object) -> NetworkConfig:
        """A copy with some fields changed."""


def build_graph(
    graph: Graph,
    config: NetworkConfig,
    keras: Any,
    *,
    name: str,
    outputs: Mapping[str, str] | None = None,
    l2: float = 0.0,
    synchronized_batch_norm: bool = False,
    seeded_steps: bool = False,
    drops_paths: bool = False,
) -> Any:
    """Builds the network of any graph of primitives as a functional model.

    Args:
        graph: the network.
        config: what it was laid out from.
        keras, outputs, l2, synchronized_batch_norm, seeded_steps: as in `build_network`.
        name: of the model.
        drops_paths: whether it has ScheduledDropPath.

    Returns:
        As of `build_network`.
    """
    seed = step_seed.variable() if seeded_steps else None
    if outputs is None:
        names = [n for n in ("logits", "auxiliary_logits", "features") if n in graph.outputs]
        outputs = dict(zip(names, names, strict=True))
    with overridden(keras):
        context = LayerContext(
            keras,
            batch_norm_momentum=config.batch_norm_momentum,
            batch_norm_epsilon=config.batch_norm_epsilon,
            synchronized_batch_norm=synchronized_batch_norm,
            l2=l2,
            drop_path_progress=progress_variable() if drops_paths else None,
            step_seed=seed,
        )
        size = config.image_size or (None, None)
        image = keras.Input((*size, config.image_channels), name="image")
        tensors = _tensors(graph, outputs.values(), image, context)
        results = {key: tensors[graph.outputs[output].name] for key, output in outputs.items()}
        alone = list(results) in (["logits"], ["features"])
        outputs_of = next(iter(results.values())) if alone else results
        model = keras.Model(image, outputs_of, name=_model_name(name))
    if context.drop_path_progress is not None:
        # A function, since Keras would count a variable among the weights.
        model.drop_path_progress = lambda: context.drop_path_progress
    if seed is not None:
        model.step_seed = lambda: seed
    return model


def _tensors(
    graph: Graph, outputs: Iterable[str], image: Any, context: LayerContext
) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for node in graph.needed(outputs):
        if isinstance(node.primitive, Input):
            tensors[node.name] = image
        else:
            inputs = [tensors[t.name] for t in node.inputs]
            tensors[node.name] = apply(node.name, node.primitive, inputs, context)
    return tensors


def _model_name(name: str) -> str:
    """A layer name, which TensorFlow's scopes restrict more than a genotype's."""
    return "".join(c if c.isalnum() else "_" for c in name).strip("_").lower()
