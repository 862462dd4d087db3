"""The training of a child: momentum as Keras has it, for all weights at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cell_search.children.child import Chance, Child


@dataclass(frozen=True)
class Descent:
    """Stochastic gradient descent.

    Attributes:
        momentum: part of the velocity that is kept in a step.
        l2: factor of the sum of squares of all kernels, which is added to the loss.
        clip: largest global norm of a gradient, L2 included.
        auxiliary_weight: factor of the auxiliary head's loss.
        nesterov: whether the step looks ahead (Nesterov's momentum, as Keras has it).
        smoothing: part of a label that all classes share (Szegedy et al. 2016, section 7).
    """

    momentum: float = 0.9
    l2: float = 0.0
    clip: float = 5.0
    auxiliary_weight: float = 0.4
    nesterov: bool = False
    smoothing: float = 0.0

    @classmethod
    def of(cls, settings: Any) -> Descent:
        """That of a training's settings, which call them the same; what they lack is as usual."""
        return cls(**{k: v for k, v in vars(settings).items() if k in cls.__dataclass_fields__})


class Training:
    """Steps of a child.

    The first step runs piece by piece, at once. If there are more to come, the second traces the
    whole step as one graph of calls to the same pieces, which takes seconds and saves a quarter
    to a third of every step from there on: TensorFlow then computes what several pieces have in
    common once, and frees memory earlier. A child that is compiled as a whole is so from the first
    step on.

    Args:
        child: what is trained.
        descent: how.
        seed: of what is dropped.
        prepare: from what `step` is given to normalised float32 images; is traced.
        whole: from which step on the whole step is one graph; None for never.

    Attributes:
        steps: how many were made.
        velocity: of all trained weights, one float32 vector.
    """

    def __init__(
        self,
        child: Child,
        descent: Descent,
        *,
        seed: int = 0,
        prepare: Callable[[Any], Any] = lambda images: images,
        whole: int | None = 1,
    ):
        self.child, self.steps = child, 0
        self._descent, self._seed, self._prepare, self._from = descent, seed, prepare, whole
        self._sizes = {child.config.image_size: child}
        self._kernels = tf.constant(child.kernels)
        self.velocity = tf.zeros_like(child.trained)
        self._whole = tf.function(self._step, autograph=False, jit_compile=child.bank.xla or None)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All that the next step depends on, beside `steps`: vectors by name, for `restore`."""
        vectors = {"velocity": self.velocity, "trained": self.child.trained}
        return {name: v.numpy() for name, v in {**vectors, "moved": self.child.moved}.items()}

    def restore(self, state: Mapping[str, np.ndarray], steps: int) -> None:
        """Goes on where another training of the same child was after so many steps.

        Args:
            state: arrays by name.
            steps: taken before.
        """
        self.child.trained, self.child.moved = (tf.constant(state[n]) for n in ("trained", "moved"))
        self.velocity, self.steps = tf.constant(state["velocity"]), steps

    def step(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        learning_rate: float,
        progress: float = 0.0,
        weights: np.ndarray | None = None,
    ) -> Any:
        """One step.

        Args:
            images: `(batch, height, width, channels)`, as `prepare` takes them; another size than
                the child's own is possible without an auxiliary head.
            labels: int32 `(batch,)`.
            learning_rate: of this step.
            progress: the part of training that is over, in [0, 1], for drop path.
            weights: factors of the examples' losses, float32 `(batch,)`; None: 1.

        Returns:
            The cross-entropy, a float32 scalar tensor that need not be there yet.
        """
        child = self.child
        whole = child.whole or (self._from is not None and self.steps >= self._from)
        key = np.random.SeedSequence([self._seed, self.steps]).generate_state(2).view(np.int32)
        loss, child.trained, self.velocity, child.moved = (self._whole if whole else self._step)(
            child.trained,
            self.velocity,
            child.moved,
            tf.constant(images),
            tf.constant(labels, tf.int32),
            tf.constant(learning_rate, tf.float32),
            Chance(tf.constant(progress, tf.float32), tf.constant(key)),
            None if weights is None else tf.constant(weights, tf.float32),
        )
        self.steps += 1
        return loss

    def _of_size(self, size: Sequence[int]) -> Child:
        """The child as it sees images of a size; its weights are not used."""
        height, width = size
        if (height, width) not in self._sizes:
            self._sizes[height, width] = self.child.resized((height, width))
        return self._sizes[height, width]

    def _step(
        self,
        trained: Any,
        velocity: Any,
        moved: Any,
        images: Any,
        labels: Any,
        learning_rate: Any,
        chance: Chance,
        weights: Any,
    ) -> tuple[Any, Any, Any, Any]:
        child, descent = self.child, self._descent
        loss, gradient, statistics = self._of_size(images.shape[1:3]).gradient(
            trained,
            self._prepare(images),
            labels,
            chance,
            descent.auxiliary_weight,
            smoothing=descent.smoothing,
            weights=weights,
        )
        momentum, l2, clip = map(tf.constant, (descent.momentum, descent.l2, descent.clip))
        gradient = with_l2(gradient, trained, self._kernels, l2, clip)
        return (
            loss,
            *(descend_ahead if descent.nesterov else descend)(
                trained, velocity, gradient, learning_rate, momentum
            ),
            mixed(moved, statistics, tf.constant(child.config.batch_norm_momentum)),
        )


_VECTOR, _SCALAR = tf.TensorSpec([None]), tf.TensorSpec([])

#: Gradient, weights, kernels; L2, clip.
_PENALTY = tf.function(autograph=False, input_signature=[*[_VECTOR] * 3, *[_SCALAR] * 2])

#: Weights, velocity, gradient; learning rate, momentum.
_STEP = tf.function(autograph=False, input_signature=[*[_VECTOR] * 3, *[_SCALAR] * 2])


@_PENALTY
def with_l2(gradient: Any, weights: Any, kernels: Any, l2: Any, clip: Any) -> Any:
    """The gradient of the loss and L2, clipped as a whole."""
    return tf.clip_by_norm(gradient + 2.0 * l2 * kernels * weights, clip)


@_PENALTY
def with_decay(gradient: Any, weights: Any, kernels: Any, l2: Any, clip: Any) -> Any:
    """The gradient of the loss, clipped, to which weight decay comes afterwards, as PyTorch's
    optimizers have it."""
    return tf.clip_by_norm(gradient, clip) + 2.0 * l2 * kernels * weights


@_STEP
def descend(
    weights: Any, velocity: Any, gradient: Any, learning_rate: Any, momentum: Any
) -> tuple[Any, Any]:
    """A step of momentum; gives the weights and the velocity after it."""
    velocity = momentum * velocity - learning_rate * gradient
    return weights + velocity, velocity


@_STEP
def descend_ahead(
    weights: Any, velocity: Any, gradient: Any, learning_rate: Any, momentum: Any
) -> tuple[Any, Any]:
    """The same with Nesterov's momentum (Sutskever et al. 2013, section 2; as Keras has it)."""
    change = learning_rate * gradient
    velocity = momentum * velocity - change
    return weights + momentum * velocity - change, velocity


@tf.function(autograph=False, input_signature=[_VECTOR, _VECTOR, _SCALAR])
def mixed(before: Any, now: Any, kept: Any) -> Any:
    """A moving average after another value: `kept` is the weight of what it was before."""
    return before * kept + now * (1.0 - kept)


def finite_mean(losses: Sequence[Any], place: str, first: int = 1) -> float:
    """The mean of the losses of steps.

    Args:
        losses: float32 scalars.
        place: what people call a step, with `{}` for its number.
        first: number of the first of these steps.

    Raises:
        FloatingPointError: one is not finite; names the first such step.
    """
    values = np.asarray(losses)
    finite = np.isfinite(values)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise FloatingPointError(
            f"the loss became {values[bad]} in {place.format(first + bad)}; "
            "a smaller learning rate may help"
        )
    return float(values.mean())
