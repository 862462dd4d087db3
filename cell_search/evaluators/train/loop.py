"""Trains a child network and scores it on the held-out images."""

from __future__ import annotations

import gc
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cell_search.children import Child, Descent, Training, bank_of
from cell_search.children.training import finite_mean
from cell_search.evaluators._batches import Batches
from cell_search.evaluators.train.inheritance import inherit
from cell_search.images import Images
from cells.kinds.files import ImageGenotype
from cells.network.stack_config import StackConfig

if TYPE_CHECKING:
    from cell_search.evaluators._kept_files import KeptTraining, TrainingFiles
    from cell_search.evaluators.train.settings import Train

#: Held-out images of one step.
_SCORE_BATCH = 500

#: What is known of a child in training beside its weights, and JSON can say.
_FACTS = ("epoch", "training_loss", "spent", "inherited")


def train_child(
    genotype: ImageGenotype,
    config: StackConfig,
    images: Images,
    settings: Train,
    *,
    seed: int,
    deterministic: bool = False,
    until: int = 0,
    steps: int = 0,
    files: TrainingFiles | None = None,
    parent: int | None = None,
) -> dict[str, float]:
    """Trains, or goes on with a training, and scores.

    Args:
        genotype: the cells.
        config: the child network.
        images: training and held-out images.
        settings: of the training.
        seed: of weights, order and augmentation.
        deterministic: equal results for equal seeds, bit by bit, also on a GPU; for the rest of
            the process.
        until: epochs after which it stops for the time being; 0: at the end.
        steps: of the whole training, the last epoch of which may be cut short; 0: those of the
            settings' epochs.
        files: have what was trained before, and take what is to be gone on with.
        parent: the trial from whose weights the child starts if it inherits.

    Returns:
        `accuracy` and `loss` on the held-out images after the last epoch, `training_loss` (mean
        of the last epoch, without L2), `steps`; `reward`, `inherited` (the part of the weights
        that came from the parent) and `latency_ms` where they are asked for.

    Raises:
        FloatingPointError: the loss is no longer finite; says when.
        TimeoutError: the training is slower than its limit.
        MemoryError: the child does not fit into memory.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        child = _Child(genotype, config, images, settings, seed, steps)
        if files is not None:
            if (kept := files.read()) is not None:
                child.restore(kept)
            elif settings.inherit and parent is not None and (kept := files.of(parent)):
                child.inherited = inherit(child.child, kept)
        child.train(min(until or child.epochs, child.epochs))
        if files is not None and (child.epoch < child.epochs or settings.inherit):
            files.write(*child.state())
        metrics = child.metrics()
        if settings.latency_runs and child.epoch == child.epochs:
            metrics["latency_ms"] = child.latency(settings.latency_runs)
        return metrics
    except tf.errors.ResourceExhaustedError:
        raise MemoryError(
            f"the child does not fit into memory with {settings.batch} images a step"
        ) from None
    finally:
        # A traced step and its child refer to each other.
        gc.collect()


class _Child:
    """A child in training, and what is known of it so far."""

    def __init__(
        self,
        genotype: ImageGenotype,
        config: StackConfig,
        images: Images,
        settings: Train,
        seed: int,
        steps: int,
    ):
        self.images, self.settings = images, settings
        self.batches = Batches(images, settings.batch, settings.augmentation)
        self.steps = steps or self.batches.steps * settings.epochs
        self.epochs = -(-self.steps // self.batches.steps)
        compiled = bank_of(config.batch_norm_epsilon, settings.precision, settings.xla)
        self.child = Child(genotype, config, compiled, seed)
        self.training = Training(
            self.child,
            Descent.of(settings),
            seed=seed,
            prepare=self.batches.normalise,
        )
        self.rng = np.random.default_rng(seed)
        self.epoch, self.training_loss, self.spent, self.inherited = 0, math.nan, 0.0, 0.0
        #: Accuracy and loss on the held-out images, by the number of epochs before them.
        self.scores: dict[int, tuple[float, float]] = {}

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for `TrainingFiles`."""
        facts = {name: getattr(self, name) for name in _FACTS}
        facts["scores"] = list(self.scores.items())
        facts["steps"] = self.training.steps
        facts["rng"] = self.rng.bit_generator.state
        facts["layers"] = {layer.name: layer.parts for layer in self.child.layers}
        return facts, self.training.state

    def restore(self, kept: KeptTraining) -> None:
        """Goes on where `state` was asked for, as if it had not stopped.

        Args:
            kept: what it was then.
        """
        for name in _FACTS:
            setattr(self, name, kept.facts[name])
        self.scores = {epoch: (accuracy, loss) for epoch, (accuracy, loss) in kept.facts["scores"]}
        self.rng.bit_generator.state = kept.facts["rng"]
        self.training.restore(kept.arrays, kept.facts["steps"])

    def train(self, until: int) -> None:
        """Trains on, and scores what the reward is made of.

        Args:
            until: the epochs that are over then.

        Raises:
            FloatingPointError: a loss is not finite.
            TimeoutError: the training is slower than its limit.
        """
        of, last = self.settings.reward_of, self.settings.reward_epochs
        last = 1 if of == "last" else last or until
        began = time.monotonic() - self.spent
        while self.epoch < until:
            self.training_loss = self._train_epoch(began)
            self.epoch += 1
            if self.epoch > until - last:
                self.scores[self.epoch] = self._score()
        self.spent = time.monotonic() - began

    def _train_epoch(self, began: float) -> float:
        """One epoch; returns its mean loss."""
        settings, batches = self.settings, self.batches
        steps = min(batches.steps, self.steps - self.training.steps)
        order = self.rng.permutation(len(self.images.training[1]))
        losses: list[Any] = []
        for step in range(steps):
            pixels, labels = batches.draw(self.images.training, order, step, self.rng)
            done = self.training.steps / self.steps
            rate = settings.learning_rate
            if settings.schedule == "cosine":
                rate *= 0.5 * (1.0 + math.cos(math.pi * done))
            losses.append(self.training.step(pixels, labels, rate, done))
            if 0.0 < settings.seconds < time.monotonic() - began:
                raise TimeoutError(
                    f"the child is slower than its limit of {settings.seconds:g} s: it made "
                    f"{self.training.steps} of {self.steps} steps"
                )
        return finite_mean(losses, f"step {{}} of epoch {self.epoch + 1}")

    def metrics(self) -> dict[str, float]:
        """What is known after the epochs so far."""
        accuracy, loss = self.scores[self.epoch]
        found = {
            "accuracy": accuracy,
            "loss": loss,
            "training_loss": self.training_loss,
            "steps": self.training.steps,
        }
        if self.settings.reward == "reward":
            accuracies = [accuracy for accuracy, _ in self.scores.values()]
            found["reward"] = self.settings.reward_from(accuracies)
        if self.settings.inherit:
            found["inherited"] = self.inherited
        return found

    def _score(self) -> tuple[float, float]:
        """Accuracy and loss on the held-out images."""
        count = len(self.images.held_out[1])
        parts = np.split(np.arange(count), range(_SCORE_BATCH, count, _SCORE_BATCH))
        return self.batches.score(self.child.logits, parts)

    def latency(self, runs: int) -> float:
        """Times the answer to one image.

        Args:
            runs: how often.

        Returns:
            The median, in milliseconds.
        """
        image = tf.constant(self.images.held_out[0][:1])
        # As one graph: calls from Python to the pieces would be most of the time.
        answer = tf.function(
            lambda pixels: self.child.logits(self.batches.normalise(pixels)), autograph=False
        )
        times = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            answer(image).numpy()
            times.append(time.perf_counter() - start)
        # The first call lays the graph out.
        return 1000.0 * float(np.median(times[1:]))
