"""Minibatches: drawn and augmented, as networks read them, and scores on held-out ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cell_search.evaluators._base import Augmentation
from cell_search.images import Images
from cell_search.recipes.augmentation import augment


@dataclass(frozen=True)
class Batches:
    """Minibatches of the images of a search.

    Attributes:
        images: training and held-out images.
        size: images of a minibatch.
        augmentation: what is done to them at random; what is covered becomes the mean colour.
    """

    images: Images
    size: int
    augmentation: Augmentation

    @property
    def steps(self) -> int:
        """Whole minibatches of the training images: an epoch."""
        return len(self.images.training[1]) // self.size

    def normalise(self, pixels: Any) -> Any:
        """Pixels as networks read them: each channel with mean 0 and deviation 1.

        Args:
            pixels: uint8 `(n, height, width, 3)`.

        Returns:
            A float32 tensor of the same shape.
        """
        return (tf.cast(pixels, tf.float32) - self.images.mean) / self.images.deviation

    def draw(
        self,
        part: tuple[np.ndarray, np.ndarray],
        order: np.ndarray,
        step: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The minibatch of a step, augmented.

        Args:
            part: `images.training` or `images.held_out`.
            order: of its images; it begins again where it ends.
            step: of the epoch, from 0 on.
            rng: of the augmentation.

        Returns:
            uint8 images, which are not normalised yet, and their labels.
        """
        pixels, labels = part
        chosen = order[np.arange(step * self.size, (step + 1) * self.size) % len(order)]
        flip, shift, cutout = self.augmentation
        grey = np.rint(self.images.mean)
        return augment(pixels[chosen], rng, shift, flip, cutout, grey), labels[chosen]

    def score(
        self, logits_of: Callable[[Any], Any], parts: Sequence[np.ndarray]
    ) -> tuple[float, float]:
        """Scores a network on held-out images.

        Args:
            logits_of: the network; takes normalised images.
            parts: which images, in minibatches.

        Returns:
            Accuracy and mean cross-entropy.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        pixels, labels = self.images.held_out
        right, loss, count = 0, 0.0, sum(map(len, parts))
        for chosen in parts:
            logits = logits_of(self.normalise(pixels[chosen]))
            right += int(np.sum(np.argmax(logits.numpy(), axis=-1) == labels[chosen]))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[chosen], logits)
            loss += float(tf.reduce_sum(losses))
        loss /= count
        if not np.isfinite(loss):
            raise FloatingPointError(f"the held-out loss is {loss}")
        return right / count, loss
