"""Trains weights that candidates share, scores a candidate with them, and keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cell_search.children import Child, Descent, Training, bank_of
from cell_search.children.shared import SharedWeights
from cell_search.children.training import finite_mean
from cell_search.evaluators._batches import Batches
from cell_search.evaluators._kept_files import Succession
from cell_search.images import Images
from cell_search.space.cell_space import CellSpace
from cells.genotype.genotype import Genotype

if TYPE_CHECKING:
    from cell_search.evaluators._request import Request
    from cell_search.evaluators.shared_weights.settings import WeightSharing


def train_and_score(request: Request, settings: WeightSharing, images: Images) -> dict[str, float]:
    """Trains the shared weights along a candidate and scores it.

    Args:
        request: the candidate; the weights lie in its folder.
        settings: of the training.
        images: training and held-out images.

    Returns:
        `accuracy` and `loss` on validation minibatches, `training_loss` (mean over the
        minibatches along this candidate, or along `request.along`, without L2; none of a final
        candidate), `steps` that have trained the weights.

    Raises:
        FloatingPointError: the loss is no longer finite; the weights stay as they were.
    """
    if request.deterministic:
        tf.config.experimental.enable_op_determinism()
    assert isinstance(request.space, CellSpace)
    weights = _take(request)
    trainer = _Trainer(weights, settings, images)
    if request.final:
        # The same minibatches for all of them.
        rng, count = np.random.default_rng([weights.seed, 4]), settings.final_batches
        metrics = trainer.score(request.cells, rng, count)
        if request.folder:
            _held[:] = [_Held(request.folder, request.number, weights)]
        return {**metrics, "steps": weights.steps}
    if not weights.steps:
        rng = np.random.default_rng([weights.seed, 1])
        for _ in range(settings.warm_up):
            trainer.train(request.space.decode(request.space.random(rng)), 1)
    training_loss = trainer.train(request.along or request.cells, settings.steps)
    rng = np.random.default_rng(request.seed)
    scored = trainer.score(request.cells, rng, settings.validation_batches)
    metrics = {**scored, "training_loss": training_loss}
    _keep(request, weights, settings.save_every)
    return {**metrics, "steps": weights.steps}


@dataclass
class _Held:
    """The weights of this process."""

    folder: str
    after: int
    weights: SharedWeights


_held: list[_Held] = []


def _take(request: Request) -> SharedWeights:
    """The weights as the trials before this one left them."""
    assert isinstance(request.space, CellSpace)
    held = _held.pop() if _held else None
    if request.folder:
        succession = Succession(request.folder)
        newest = max((n for n in succession.numbers() if n < request.number), default=-1)
        if (
            held is not None
            and held.folder == request.folder
            and newest <= held.after < request.number
        ):
            return held.weights
        found = succession.read_before(request.number, SharedWeights.from_bytes)
        if found is not None:
            return found
    return SharedWeights(request.space.blocks + 2, request.seed)


def _keep(request: Request, weights: SharedWeights, every: int) -> None:
    if not request.folder:
        return
    _held[:] = [_Held(request.folder, request.number, weights)]
    if (request.number + 1) % every == 0:
        Succession(request.folder).write(request.number, weights.to_bytes())


class _Trainer:
    def __init__(self, weights: SharedWeights, settings: WeightSharing, images: Images):
        self.weights, self.settings, self.images = weights, settings, images
        self.batches = Batches(images, settings.batch, settings.augmentation)

    def train(self, genotype: Genotype, steps: int) -> float:
        """Trains along a path.

        Args:
            genotype: the path.
            steps: how many minibatches.

        Returns:
            The mean loss.

        Raises:
            FloatingPointError: a loss is not finite; the weights stay as they were.
        """
        weights, settings = self.weights, self.settings
        child = self._child(genotype)
        training = Training(
            child,
            Descent.of(settings),
            seed=weights.seed,
            prepare=self.batches.normalise,
            # A path is trained for a few steps only, too few to trace them.
            whole=None,
        )
        lent = weights.lend(child)
        child.trained, training.velocity = tf.constant(lent[0]), tf.constant(lent[1])
        losses, first = [], weights.steps + 1
        for _ in range(steps):
            # What is drawn for a step belongs to the step, whichever child makes it.
            training.steps = weights.steps
            pixels, labels = self._minibatch(weights.steps)
            losses.append(training.step(pixels, labels, self._rate(), self._progress()))
            weights.steps += 1
        mean = finite_mean(losses, "minibatch {} of the shared weights", first)
        weights.take_back(child, np.stack([child.trained.numpy(), training.velocity.numpy()]))
        return mean

    def score(self, genotype: Genotype, rng: np.random.Generator, count: int) -> dict[str, float]:
        """Scores a path on validation minibatches, normalised by their own statistics.

        Args:
            genotype: the path.
            rng: draws the minibatches.
            count: how many.

        Returns:
            `accuracy` and `loss`.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        child, settings = self._child(genotype), self.settings
        child.trained = tf.constant(self.weights.lend(child)[0])
        size = settings.validation_batch
        chosen = rng.choice(len(self.images.held_out[1]), size * count, replace=False)
        accuracy, loss = self.batches.score(
            lambda images: child.logits(images, batch_statistics=True), np.split(chosen, count)
        )
        return {"accuracy": accuracy, "loss": loss}

    def _child(self, genotype: Genotype) -> Child:
        config = self.settings.config(genotype, self.images)
        return Child(genotype, config, bank_of(config.batch_norm_epsilon))

    def _minibatch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Images of one step: every image once in an epoch, in an order of its own."""
        training, seed = self.images.training, self.weights.seed
        epoch, place = divmod(step, self.batches.steps)
        order = np.random.default_rng([seed, 2, epoch]).permutation(len(training[1]))
        return self.batches.draw(training, order, place, np.random.default_rng([seed, 3, step]))

    def _rate(self) -> float:
        """The learning rate of the next step: a cosine, begun again at twice the length."""
        settings = self.settings
        start, length = 0.0, float(settings.period)
        now = self.weights.steps / self.batches.steps
        while now >= start + length:
            start, length = start + length, 2.0 * length
        part = 0.5 * (1.0 + math.cos(math.pi * (now - start) / length))
        end = settings.learning_rate_end
        return end + (settings.learning_rate - end) * part

    def _progress(self) -> float:
        return min(1.0, self.weights.steps / (self.settings.epochs * self.batches.steps))
