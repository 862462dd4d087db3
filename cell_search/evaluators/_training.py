"""Trains a child network and scores it on the held-out images."""

from __future__ import annotations

import functools
import gc
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cell_search.children import Bank, Child, Descent, Precision, Training
from cell_search.images import Images
from cells.genotype import Genotype
from cells.stack import StackConfig

if TYPE_CHECKING:
    from cell_search.evaluators._train import Train

#: Held-out images of one step.
_SCORE_BATCH = 500


def train_child(
    genotype: Genotype,
    config: StackConfig,
    images: Images,
    settings: Train,
    *,
    seed: int,
    deterministic: bool = False,
) -> dict[str, float]:
    """Trains from scratch and scores once, after the last epoch.

    Args:
        genotype: the cells.
        config: the child network.
        images: training and held-out images.
        settings: of the training.
        seed: of weights, order and augmentation.
        deterministic: equal results for equal seeds, bit by bit, also on a GPU; for the rest of
            the process.

    Returns:
        `accuracy` and `loss` on the held-out images, `training_loss` (mean of the last epoch,
        without L2), `steps`; `latency_ms` where it is asked for.

    Raises:
        FloatingPointError: the loss is no longer finite; says when.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        child = _Child(genotype, config, images, settings, seed)
        training_loss = child.train(np.random.default_rng(seed))
        steps = child.training.steps
        metrics = {**child.score(), "training_loss": training_loss, "steps": steps}
        if settings.latency_runs:
            metrics["latency_ms"] = child.latency(settings.latency_runs)
        return metrics
    finally:
        # A traced step and its child refer to each other.
        gc.collect()


@functools.cache
def bank(epsilon: float, precision: Precision = "float32", xla: bool = False) -> Bank:
    """The process's bank: what one child had compiled, the next one finds."""
    return Bank(epsilon=epsilon, precision=precision, xla=xla)


class _Child:
    def __init__(
        self, genotype: Genotype, config: StackConfig, images: Images, settings: Train, seed: int
    ):
        self.images, self.settings = images, settings
        self.steps_per_epoch = len(images.training[0]) // settings.batch
        self.child = Child(genotype, config, bank(config.batch_norm_epsilon), seed)
        self.training = Training(
            self.child,
            Descent(momentum=settings.momentum, l2=settings.l2, clip=settings.clip),
            seed=seed,
            prepare=self._shown,
        )

    def _shown(self, pixels: Any) -> Any:
        return (tf.cast(pixels, tf.float32) - self.images.mean) / self.images.deviation

    def train(self, rng: np.random.Generator) -> float:
        """Trains; returns the mean loss of the last epoch."""
        pixels, labels = self.images.training
        settings, batch = self.settings, self.settings.batch
        steps = self.steps_per_epoch * settings.epochs
        losses: list[Any] = []
        for epoch in range(settings.epochs):
            order = rng.permutation(len(labels))
            losses = []
            for start in range(0, self.steps_per_epoch * batch, batch):
                chosen = order[start : start + batch]
                augmented = augment(pixels[chosen], rng, settings.shift, settings.flip)
                done = self.training.steps / steps
                rate = settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
                losses.append(self.training.step(augmented, labels[chosen], rate, done))
            values = np.asarray(losses)
            if not np.all(np.isfinite(values)):
                bad = int(np.argmin(np.isfinite(values)))
                raise FloatingPointError(
                    f"the loss became {values[bad]} in step {bad + 1} of epoch {epoch + 1}; "
                    "a smaller learning rate may help"
                )
        return float(np.mean(values))

    def score(self) -> dict[str, float]:
        """Accuracy and loss on the held-out images."""
        pixels, labels = self.images.held_out
        right, loss = 0, 0.0
        for start in range(0, len(labels), _SCORE_BATCH):
            part = slice(start, start + _SCORE_BATCH)
            logits = self.child.logits(self._shown(pixels[part]))
            right += int(np.sum(np.argmax(logits.numpy(), axis=-1) == labels[part]))
            loss += float(
                tf.reduce_sum(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        labels=labels[part], logits=logits
                    )
                )
            )
        loss /= len(labels)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the held-out loss is {loss}")
        return {"accuracy": right / len(labels), "loss": loss}

    def latency(self, runs: int) -> float:
        """The median time of an answer to one image, in milliseconds."""
        image = tf.constant(self.images.held_out[0][:1])
        # As one graph: calls from Python to the pieces would be most of the time.
        answer = tf.function(lambda pixels: self.child.logits(self._shown(pixels)), autograph=False)
        times = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            answer(image).numpy()
            times.append(time.perf_counter() - start)
        # The first call lays the graph out.
        return 1000.0 * float(np.median(times[1:]))


def augment(pixels: np.ndarray, rng: np.random.Generator, shift: int, flip: bool) -> np.ndarray:
    """Pads with black and crops at random places, and mirrors half of the images.

    Args:
        pixels: uint8 `(n, height, width, channels)`.
        rng: where chance comes from.
        shift: pixels that are padded on each side.
        flip: whether to mirror.

    Returns:
        An array of the same shape.
    """
    n, height, width, _ = pixels.shape
    if shift:
        padded = np.pad(pixels, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
        rows = rng.integers(2 * shift + 1, size=(n, 1, 1)) + np.arange(height)[None, :, None]
        columns = rng.integers(2 * shift + 1, size=(n, 1, 1)) + np.arange(width)[None, None, :]
        pixels = padded[np.arange(n)[:, None, None], rows, columns]
    if flip:
        mirrored = rng.integers(2, size=n).astype(bool)
        pixels = np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)
    return pixels
