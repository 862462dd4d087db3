"""The minibatches of a whole training: a function of a seed and of the step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cell_search.recipes import augmentation
from cell_search.recipes.augmentation import Crops
from cell_search.recipes.recipe import Recipe


class Batch(NamedTuple):
    """Images of a step: uint8 pixels, int32 labels, and factors of their losses or None."""

    pixels: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None


class TrainingImages:
    """Training images in memory, decoded once, and the minibatches that are drawn of them.

    Args:
        pixels: uint8 `(n, height, width, channels)`.
        labels: int `(n,)`.
        recipe: how many are drawn, and what is done to them.
        seed: of their order and of what is done to them.

    Attributes:
        per_epoch: steps of an epoch; a last minibatch that is not whole is left out.
    """

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int):
        self.pixels, self.labels = pixels, labels.astype(np.int32)
        self._recipe, self._seed = recipe, seed
        self.batch = min(recipe.batch, len(labels))
        self.per_epoch = len(labels) // self.batch
        shift = min(recipe.shift, min(pixels.shape[1:3]) - 1)
        self._crops = Crops.shared(pixels, shift, recipe.border) if shift else None
        self._grey = np.rint(pixels.mean(axis=(0, 1, 2)))
        self._order: tuple[int, np.ndarray] = -1, np.zeros(0, np.int64)
        _, self._classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        self._counts = counts

    def draw(self, step: int) -> Batch:
        """The minibatch of a step, augmented."""
        epoch, place = divmod(step, self.per_epoch)
        chosen = self._order_of(epoch)[place * self.batch : (place + 1) * self.batch]
        rng = np.random.default_rng([self._seed, 1, step])
        recipe, crops = self._recipe, self._crops
        pixels = self.pixels[chosen] if crops is None else crops.draw(chosen, rng)
        if recipe.flip:
            pixels = augmentation.mirror(pixels, rng)
        if recipe.cutout:
            pixels = augmentation.cover(pixels, rng, recipe.cutout, self._grey)
        weights = self._weights_of(chosen) if recipe.balance == "weights" else None
        return Batch(pixels, self.labels[chosen], weights)

    def _weights_of(self, chosen: np.ndarray) -> np.ndarray:
        """Inverse to the number of a class's images, with a mean of 1 over all images."""
        counts = self._counts
        return (len(self.labels) / (len(counts) * counts[self._classes[chosen]])).astype(np.float32)

    def _order_of(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            rng = np.random.default_rng([self._seed, 0, epoch])
            self._order = epoch, self._drawn_order(rng)
        return self._order[1]

    def _drawn_order(self, rng: np.random.Generator) -> np.ndarray:
        count = len(self.labels)
        if self._recipe.balance != "sampling":
            return rng.permutation(count)
        classes = len(self._counts)
        # The classes by turns, and each goes through its images again where it has few.
        orders = []
        for number in range(classes):
            own, needed = np.flatnonzero(self._classes == number), -(-count // classes)
            rounds = [rng.permutation(own) for _ in range(-(-needed // len(own)))]
            orders.append(np.concatenate(rounds)[:needed])
        return rng.permutation(np.stack(orders, axis=1).reshape(-1)[:count])
