"""Trains the relaxed network and its alphas by turns, and keeps them from epoch to epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cell_search import array_file
from cell_search.children import bank_of, supernet
from cell_search.children.supernet import Supernet
from cell_search.children.training import descend, finite_mean, with_decay
from cell_search.evaluators._batches import Batches
from cell_search.evaluators._kept_files import Succession
from cell_search.images import Images
from cell_search.space.cell_space import CellSpace
from cell_search.space.relaxed import RelaxedSpace, softmax
from cell_search.space.space import Point
from cells.support.errors import UserError

if TYPE_CHECKING:
    from cell_search.evaluators._request import Request
    from cell_search.evaluators.darts.settings import Darts

#: Decays of the alphas' Adam, and what keeps it from dividing by zero.
_DECAYS, _EPSILON = (0.5, 0.999), 1e-8


@dataclass
class State:
    """All that an epoch leaves to the next.

    Attributes:
        seed: of the weights, the order of images and their augmentation.
        epochs: how many are over.
        weights, velocity: float32 vectors.
        alphas, mean, square: `(cells, edges, operations)`; the last two are Adam's moments.
    """

    seed: int
    epochs: int
    weights: np.ndarray
    velocity: np.ndarray
    alphas: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    def to_bytes(self) -> bytes:
        """For `from_bytes`."""
        return array_file.to_bytes(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Reads what `to_bytes` has written.

        Args:
            data: all of it.
        """
        values: dict[str, Any] = {**array_file.from_bytes(data)}
        return cls(**values | {name: int(values[name]) for name in ("seed", "epochs")})


def score_and_train(
    request: Request, settings: Darts, images: Images
) -> tuple[dict[str, float], Point]:
    """Scores what the epochs so far have led to, then trains one epoch more.

    Args:
        request: its decisions are what they have led to; the network lies in its folder.
        settings: of the training.
        images: training images for the weights, held-out ones for the alphas.

    Returns:
        `epochs` before this trial, `accuracy` and `loss` of the relaxed network on held-out
        images, `discrete_accuracy` of the request's cells with the same weights; and the decisions
        that the alphas prescribe after the next epoch.

    Raises:
        FloatingPointError: the loss is no longer finite; nothing is kept.
        UserError: all epochs are over.
    """
    if request.deterministic:
        tf.config.experimental.enable_op_determinism()
    assert isinstance(request.space, CellSpace)
    relaxed = RelaxedSpace(request.space)
    state = None
    if request.folder:
        state = Succession(request.folder).read_before(request.number, State.from_bytes)
    config = settings.child(request.cells, images.size, images.num_classes)
    seed = request.seed if state is None else state.seed
    net = Supernet(relaxed, config, bank_of(config.batch_norm_epsilon), seed)
    if state is None:
        state = _first(net, seed)
    if state.epochs > settings.epochs:
        raise UserError(
            f"evaluator.darts.epochs: all {settings.epochs} are over, and trial {request.number} "
            f"would be one more; use trials={request.number}, or another search with more epochs"
        )
    trainer = _Trainer(net, state, settings, images)
    accuracy, loss = trainer.score(softmax(state.alphas))
    discrete, _ = trainer.score(relaxed.one_hot(dict(request.decisions)))
    metrics = {"accuracy": accuracy, "loss": loss, "discrete_accuracy": discrete}
    metrics["epochs"] = state.epochs
    if state.epochs < settings.epochs:
        trainer.train()
    # So that one epoch too many is told.
    state.epochs += 1
    if request.folder:
        Succession(request.folder).write(request.number, state.to_bytes())
    return metrics, relaxed.prescribed(state.alphas)


def _first(net: Supernet, seed: int) -> State:
    alphas = 1e-3 * np.random.default_rng([seed, 1]).normal(size=net.relaxed.shape)
    weights = net.child.trained.numpy()
    zeros = np.zeros_like(alphas)
    return State(seed, 0, weights, np.zeros_like(weights), alphas, zeros, zeros.copy())


class _Trainer:
    def __init__(self, net: Supernet, state: State, settings: Darts, images: Images):
        self.net, self.state, self.settings, self.images = net, state, settings, images
        self.batches = Batches(images, settings.batch, settings.augmentation)

    def score(self, mixture: np.ndarray) -> tuple[float, float]:
        """Scores the network on held-out images, in minibatches of the training's size.

        Args:
            mixture: weights of the operations, `(cells, edges, operations)`.

        Returns:
            Accuracy and mean loss.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        settings, weights = self.settings, tf.constant(self.state.weights)
        count = len(self.images.held_out[1]) // settings.batch
        count = min(count, settings.score_batches or count)
        return self.batches.score(
            lambda images: self.net.logits(weights, mixture, images),
            np.split(np.arange(count * settings.batch), count),
        )

    def train(self) -> None:
        """One epoch; changes the state once it is over."""
        state, settings = self.state, self.settings
        rng = np.random.default_rng([state.seed, 2, state.epochs])
        part = 0.5 * (1.0 + math.cos(math.pi * state.epochs / settings.epochs))
        end = settings.learning_rate_end
        rate = end + (settings.learning_rate - end) * part
        pace, momentum = tf.constant(rate), tf.constant(settings.momentum)
        l2, clip = tf.constant(settings.l2), tf.constant(settings.clip)
        weights, velocity = tf.constant(state.weights), tf.constant(state.velocity)
        orders = [rng.permutation(len(p[1])) for p in (self.images.training, self.images.held_out)]
        for step in range(self.batches.steps):
            training = self._minibatch(self.images.training, orders[0], step, rng)
            validation = self._minibatch(self.images.held_out, orders[1], step, rng)
            if settings.second_order:
                gradient = self.net.second_order(
                    weights,
                    state.alphas,
                    training,
                    validation,
                    rate,
                    carried=settings.momentum * velocity,
                    l2=settings.l2,
                )
            else:
                gradient = self.net.gradients(weights, state.alphas, validation).alphas
            self._climb_down(gradient, state.epochs * self.batches.steps + step + 1)
            loss, by_weights, _ = self.net.gradients(weights, state.alphas, training)
            finite_mean([loss], f"step {{}} of epoch {state.epochs + 1}", step + 1)
            # The authors' code clips before their optimizer adds weight decay.
            gradient = with_decay(by_weights, weights, self.net.kernels, l2, clip)
            weights, velocity = descend(weights, velocity, gradient, pace, momentum)
        state.weights, state.velocity = weights.numpy(), velocity.numpy()

    def _climb_down(self, gradient: np.ndarray, step: int) -> None:
        """A step of Adam (Kingma & Ba 2015, algorithm 1) with weight decay in the gradient."""
        state, settings = self.state, self.settings
        gradient = gradient + settings.alpha_decay * state.alphas
        first, second = _DECAYS
        state.mean = first * state.mean + (1.0 - first) * gradient
        state.square = second * state.square + (1.0 - second) * np.square(gradient)
        size = np.sqrt(state.square / (1.0 - second**step)) + _EPSILON
        state.alphas = state.alphas - settings.alpha_rate * (
            state.mean / (1.0 - first**step) / size
        )

    def _minibatch(
        self,
        part: tuple[np.ndarray, np.ndarray],
        order: np.ndarray,
        step: int,
        rng: np.random.Generator,
    ) -> supernet.Images:
        """The next images of an order, which begins again where it ends."""
        pixels, labels = self.batches.draw(part, order, step, rng)
        return supernet.Images(self.batches.normalise(pixels), tf.constant(labels))
