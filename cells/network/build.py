"""A genotype's network as a Keras model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cells.genotype.genotype import Genotype
from cells.network import step_seed
from cells.network.drop_path import progress_variable
from cells.network.keras_layers import LayerContext, apply
from cells.network.keras_settings import overridden
from cells.network.stack import StackConfig, stack
from cells.operations.graph import Graph
from cells.operations.primitives import Input


def build_network(
    genotype: Genotype,
    config: StackConfig,
    keras: Any,
    *,
    outputs: Mapping[str, str] | None = None,
    l2: float = 0.0,
    synchronized_batch_norm: bool = False,
    image: Any = None,
    seeded_steps: bool = False,
) -> Any:
    """Builds the network of a genotype as a functional model.

    Args:
        genotype: the two cells.
        config: the stack.
        keras: the module `keras` (to use at a desk) or `tf_keras` (to train with Model Garden).
        outputs: keys of the model's outputs and the names of the graph's outputs (see
            `cells.network.stack.stack`) that they hold. By default the model gives a tensor: the
            logits, or the features of a network without head; with an auxiliary head a
            dictionary of `logits` and `auxiliary_logits`.
        l2: factor of the sum of squares of every kernel, added to `model.losses`.
        synchronized_batch_norm: batch-norm statistics over all replicas.
        image: a Keras tensor to build on instead of a new input.
        seeded_steps: what is dropped in training follows from the variable that
            `model.step_seed()` gives, which is to be set in each step (`cells.network.step_seed`).

    Returns:
        A `keras.Model`: `(batch, height, width, channels)` float images, normalised as it was
        trained, in; float32 `(batch, num_classes)` logits out. A model with drop path has a
        function `model.drop_path_progress()` that gives the variable of `cells.network.drop_path`.

    Raises:
        UserError: the configuration is impossible.
    """
    graph = stack(genotype, config)
    seed = step_seed.variable() if seeded_steps else None
    if outputs is None:
        names = [n for n in ("logits", "auxiliary_logits", "features") if n in graph.outputs]
        outputs = {name: name for name in names}
    with overridden(keras):
        context = LayerContext(
            keras,
            batch_norm_momentum=config.batch_norm_momentum,
            batch_norm_epsilon=config.batch_norm_epsilon,
            synchronized_batch_norm=synchronized_batch_norm,
            l2=l2,
            drop_path_progress=progress_variable() if config.drop_path_keep < 1.0 else None,
            step_seed=seed,
        )
        if image is None:
            size = config.image_size or (None, None)
            image = keras.Input((*size, config.image_channels), name="image")
        tensors = _tensors(graph, outputs.values(), image, context)
        results = {key: tensors[graph.outputs[name].name] for key, name in outputs.items()}
        alone = list(results) in (["logits"], ["features"])
        outputs_of = next(iter(results.values())) if alone else results
        model = keras.Model(image, outputs_of, name=_model_name(genotype.name))
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
