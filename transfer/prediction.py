"""What a trained network says about image files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cells.data import image_files, views
from transfer.config import schema
from transfer.data import dataset
from transfer.model import network
from transfer.training.checkpoints import Trained

_BATCH = 32


@dataclass(frozen=True)
class Guess:
    """A class that an image may be of.

    Attributes:
        name, label: of the class.
        probability: in 0..1.

    Example:
        >>> guess = transfer.predict("run", "photo.png")[0].guesses[0]
        >>> 0.0 <= guess.probability <= 1.0
        True
    """

    name: str
    label: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image file.

    Attributes:
        file: the image.
        guesses: the classes, the likeliest first.

    Example:
        >>> prediction = transfer.predict("run", "photo.png", top=3)[0]
        >>> prediction.file, len(prediction.guesses)
        ('photo.png', 3)
    """

    file: str
    guesses: tuple[Guess, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "file": self.file,
            "guesses": [
                {"class": g.name, "label": g.label, "probability": g.probability}
                for g in self.guesses
            ],
        }


def predict(trained: Trained, files: Sequence[Path], top: int = 5) -> Iterator[Prediction]:
    """Looks at image files, prepared as evaluation prepares its images.

    Args:
        trained: a trained network.
        files: of any size; see `cells.data.image_files.read` for the formats.
        top: how many classes, at most as many as there are.

    Raises:
        UserError: a file cannot be read; names it.
    """
    parser = dataset.Parser(trained.params.task.validation_data, trained.params.task.model)
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        inputs = tf.stack([parser.evaluation_image(image_files.read(file)) for file in batch])
        rows = viewed_probabilities(trained.model, inputs, trained.params.task.evaluation)
        for file, row in zip(batch, rows.numpy(), strict=True):
            likeliest = np.argsort(-row, kind="stable")[:top]
            yield Prediction(
                os.fspath(file),
                tuple(Guess(trained.class_names[i], int(i), float(row[i])) for i in likeliest),
            )


def probabilities(model: Any, images: tf.Tensor) -> tf.Tensor:
    """Float32 `(batch, num_classes)` of scaled images `(batch, height, width, channels)`."""
    logits = network.logits(model(tf.cast(images, tf.float32), training=False))
    return tf.nn.softmax(tf.cast(logits, tf.float32))


def viewed_probabilities(model: Any, images: tf.Tensor, settings: schema.Evaluation) -> tf.Tensor:
    """The mean of `probabilities` over the views that a configuration asks for."""
    chosen = views.views(mirrored=settings.mirrored, shift=settings.shift)
    return views.mean_probabilities(lambda shown: probabilities(model, shown), images, chosen)


def table(predictions: Sequence[Prediction]) -> Iterator[str]:
    """Lines: one an image, its classes from left to right."""
    width = max((len(p.file) for p in predictions), default=0)
    for prediction in predictions:
        guesses = "  ".join(f"{100 * g.probability:5.1f} % {g.name}" for g in prediction.guesses)
        yield f"{prediction.file:{width}}  {guesses}"
