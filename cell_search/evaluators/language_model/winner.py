"""What a re-ranking leaves of its winner: a Keras model, its weights, and the test perplexity.

The test text is measured here alone, once for each re-ranking: what stands in `scores.json` is not
measured again. (That it can be read is seen to before anything is trained.)
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_search import array_file
from cell_search.evaluators._kept_files import TrainingFiles
from cell_search.evaluators._request import Request
from cell_search.evaluators.language_model import text as texts
from cell_search.evaluators.language_model.loop import Child, perplexity
from cells.recurrent import layer
from cells.recurrent.counts import shapes
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.files import atomic_path, write_atomically, write_json

if TYPE_CHECKING:
    from cell_search.evaluators.language_model.settings import LanguageModel


def write(settings: LanguageModel, trained: Sequence[Request], folder: pathlib.Path) -> list[str]:
    """Writes `model.keras`, `weights.npz`, `words.txt` and `scores.json`.

    Args:
        settings: by which the winner was trained.
        trained: its trainings, best first; the first is that of the model.
        folder: where to.

    Returns:
        The paths.
    """
    text = texts.load(settings.text)
    children = []
    for request in trained:
        assert isinstance(request.genotype, RecurrentGenotype)
        kept = TrainingFiles(request).read()
        if kept is not None and kept.facts["epoch"] == settings.epochs:
            child = Child(request.genotype, text, settings, request.seed)
            child.restore(kept)
            children.append((request, child))
    if not children:  # Weights that somebody has removed.
        return []
    best, genotype = children[0][1], children[0][0].genotype
    assert isinstance(genotype, RecurrentGenotype)
    numbers = [request.number for request, _ in children]
    scores = folder / "scores.json"
    known = json.loads(scores.read_text()) if scores.exists() else {}
    same = (known.get("trials"), known.get("cell")) == (numbers, genotype.name)
    if not same:
        known = {
            "cell": genotype.name,
            "trials": numbers,
            "perplexity": [perplexity(child.losses[child.epoch]) for _, child in children],
        }
    if settings.test and "test_perplexity" not in known:
        parts = texts.windows(texts.test(settings.text), settings.batch, settings.steps)
        known["test_perplexity"] = [perplexity(child.loss(parts)) for _, child in children]
    weights = {name: weight.numpy() for name, weight in best.weights.items()}
    write_atomically(folder / "weights.npz", array_file.to_bytes(weights))
    write_atomically(folder / "words.txt", "".join(f"{w}\n" for w in text.words).encode())
    with atomic_path(folder / "model.keras") as path:
        keras_model(genotype, settings, weights).save(path)
    write_json(scores, known)
    return [str(folder / "model.keras"), str(scores)]


def keras_model(
    genotype: RecurrentGenotype, settings: LanguageModel, weights: Mapping[str, np.ndarray]
) -> Any:
    """The language model in Keras: logits of the next word, from numbers of words.

    Args:
        genotype: of its cells.
        settings: by which it was trained.
        weights: by name.
    """
    import keras

    words, units = weights["embedding"].shape
    cells = [
        layer.build(
            genotype,
            units,
            dropout=settings.dropout,
            recurrent_dropout=settings.recurrent_dropout,
        )
        for _ in range(settings.layers)
    ]
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(words, units, name="embedding")(inputs)
    x = keras.layers.RNN(cells, return_sequences=True, name="cells")(x)
    x = keras.layers.Dropout(settings.dropout)(x)
    outputs = keras.layers.Dense(words, name="words")(x)
    model = keras.Model(inputs, outputs)
    model.get_layer("embedding").set_weights([weights["embedding"]])
    for number, cell in enumerate(cells):
        names = shapes(genotype.cell, units, units)
        cell.set_weights([weights[f"{number}/{name}"] for name in names])
    # Keras has no tied layer that a file holds once: the matrix is there twice.
    output = weights["embedding" if settings.tied else "output"]
    model.get_layer("words").set_weights([output.T, weights["bias"]])
    return model
