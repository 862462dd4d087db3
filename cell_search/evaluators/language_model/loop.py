"""Trains a language model of a cell and scores it on the validation text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cell_search.children.training import finite_mean
from cell_search.evaluators.language_model.network import Network, codes, compiled
from cell_search.evaluators.language_model.text import Text, Window, windows
from cells.recurrent.genotype import RecurrentGenotype, Tree

if TYPE_CHECKING:
    from cell_search.evaluators._kept_files import KeptTraining, TrainingFiles
    from cell_search.evaluators.language_model.settings import LanguageModel


def network_of(genotype: RecurrentGenotype, words: int, settings: LanguageModel) -> Network:
    """The network of a candidate: equal for all of one form and size.

    Args:
        genotype: the candidate.
        words: different ones of the text.
        settings: of the evaluator.
    """
    cell = genotype.cell
    return Network(
        form=genotype.form,
        blocks=cell.base if isinstance(cell, Tree) else len(cell.nodes),
        words=words,
        streams=settings.batch,
        **{
            name: getattr(settings, name)
            for name in Network.__dataclass_fields__
            if hasattr(settings, name)
        },
    )


class Child:
    """A language model in training, and what is known of it so far.

    Args:
        genotype: the candidate.
        text: what it reads.
        settings: of the evaluator.
        seed: of weights and of what is dropped.
    """

    def __init__(self, genotype: RecurrentGenotype, text: Text, settings: LanguageModel, seed: int):
        self.settings, self.seed = settings, seed
        self.network = network_of(genotype, len(text.words), settings)
        self.compiled, self.codes = compiled(self.network), codes(genotype.cell)
        self.weights = self.network.initial(genotype.cell, settings.width, seed)
        self.slots = self.network.slots(self.weights)
        training = text.training[: settings.training_tokens or None]
        self.training = windows(training, settings.batch, settings.steps)
        self.validation = windows(text.validation, settings.batch, settings.steps)
        self.tokens = len(training)
        self.epoch, self.training_loss = 0, math.nan
        #: On the validation text, by the number of epochs before.
        self.losses: dict[int, float] = {}

    def run(self, until: int, files: TrainingFiles | None, *, every_epoch: bool) -> None:
        """Trains on, and scores after the last epoch.

        Args:
            until: the epochs that are over then.
            files: where the training is kept if it is to be gone on with.
            every_epoch: whether it is kept after each epoch and at its end, too.

        Raises:
            FloatingPointError: a loss is not finite, or the perplexity overflows.
        """
        while self.epoch < until:
            self._train_epoch()
            self.epoch += 1
            if files is not None and every_epoch and self.epoch < until:
                files.write(*self.state())
        if self.epoch not in self.losses:
            self.losses[self.epoch] = self.loss(self.validation)
        if files is not None and (every_epoch or self.epoch < self.settings.epochs):
            files.write(*self.state())

    def _train_epoch(self) -> None:
        """Reads the training text once; the state goes from window to window."""
        states, losses = self.network.states(), []
        for number, window in enumerate(self.training, self.epoch * len(self.training)):
            self.weights, self.slots, states, total = self.compiled.train(
                self.weights,
                self.slots,
                states,
                self.codes,
                *_tensors(window),
                tf.constant(self._rate(number)),
                tf.constant(float(number)),
                tf.constant([self.seed % 2**31, 1000 * number % 2**31], tf.int32),
            )
            losses.append(total)
        mean = finite_mean(losses, f"step {{}} of epoch {self.epoch + 1}")
        self.training_loss = mean * len(losses) / self.tokens

    def _rate(self, number: int) -> float:
        """The learning rate of a step: level, then falling to nothing along a line."""
        left = 1.0 - number / (len(self.training) * self.settings.epochs)
        decay = self.settings.decay
        return self.settings.learning_rate * (min(1.0, left / decay) if decay else 1.0)

    def loss(self, parts: list[Window]) -> float:
        """The mean loss of all words of a text.

        Args:
            parts: the text.

        Raises:
            FloatingPointError: it is not finite.
        """
        states, total = self.network.states(), 0.0
        for window in parts:
            states, some = self.compiled.score(self.weights, states, self.codes, *_tensors(window))
            total += float(some)
        loss = total / float(sum(window.counted.sum() for window in parts))
        perplexity(loss)
        return loss

    def metrics(self) -> dict[str, float]:
        """What is known after the epochs so far."""
        loss = self.losses[self.epoch]
        return {
            "reward": self.settings.reward_from(loss),
            "perplexity": perplexity(loss),
            "loss": loss,
            "training_loss": self.training_loss,
            "steps": self.epoch * len(self.training),
            "parameters": sum(math.prod(w.shape) for w in self.weights.values()),
        }

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for `TrainingFiles`."""
        facts = {
            "epoch": self.epoch,
            "training_loss": self.training_loss,
            "losses": list(self.losses.items()),
        }
        kept = {"weights": self.weights, **{f"slot {i}": s for i, s in enumerate(self.slots)}}
        return facts, {f"{k}/{n}": w.numpy() for k, ws in kept.items() for n, w in ws.items()}

    def restore(self, kept: KeptTraining) -> None:
        """Goes on where `state` was asked for, as if it had not stopped.

        Args:
            kept: what it was then.
        """
        self.epoch, self.training_loss = kept.facts["epoch"], kept.facts["training_loss"]
        self.losses = dict(kept.facts["losses"])

        def read(prefix: str) -> dict[str, Any]:
            return {name: tf.constant(kept.arrays[f"{prefix}/{name}"]) for name in self.weights}

        self.slots = [read(f"slot {i}") for i in range(len(self.slots))]
        self.weights = read("weights")


def perplexity(loss: float) -> float:
    """Of a mean loss of words.

    Args:
        loss: in nats.

    Raises:
        FloatingPointError: it is no number that a candidate could be told by.
    """
    if not math.isfinite(loss):
        raise FloatingPointError(f"the validation loss is {loss}")
    try:
        return math.exp(loss)
    except OverflowError:
        raise FloatingPointError(f"the perplexity overflows: the loss is {loss:.4g}") from None


def _tensors(window: Window) -> tuple[Any, Any, Any]:
    return tf.constant(window.inputs), tf.constant(window.targets), tf.constant(window.counted)
