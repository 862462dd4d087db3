"""A whole training in the children's engine: to be paused, prolonged, scored and kept."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cell_search import array_file
from cell_search.children.bank import Bank, bank_of
from cell_search.children.child import Chance, Child
from cell_search.children.training import Descent, Training, finite_mean, mixed
from cell_search.recipes.batches import TrainingImages
from cell_search.recipes.recipe import Recipe
from cells.data import preprocessing
from cells.data import views as image_views
from cells.network.build import NetworkConfig
from cells.operations.graph import Graph
from cells.support.errors import UserError
from cells.support.files import FilePath, expanded, write_atomically
from cells.support.settings_differences import in_words, settings_differences
from cells.weights.by_layer import Moved, move_weights

#: Steps after which it is asked whether losses are finite; the processor would have to be waited
#: for after each.
_LOOK = 100

#: Images of a pass for batch-norm statistics.
_STATISTICS_BATCH = 256

#: Images of a pass that scores.
_SCORE_BATCH = 500

_FACTS = ("steps", "planned", "averaged")


class Score(NamedTuple):
    """Accuracy, and mean cross-entropy of the mean probabilities."""

    accuracy: float
    loss: float


class WholeTraining:
    """The training of a network by a recipe.

    What it does follows from its arguments and the number of the step: paused, kept, restored in
    another process and gone on with, it gives the weights of a training that never stopped. Several
    may take turns in one process.

    Args:
        graph: the network, with the output `logits`.
        config: what it was laid out from, with `image_size`.
        recipe: how it is trained.
        images: uint8 pixels `(n, height, width, channels)` and int labels `(n,)`.
        seed: of weights, order, augmentation and what is dropped.
        planned: steps of the whole training; None leaves the end open, which only a schedule that
            can be prolonged allows.
        bank: compiled pieces; by default the process's own.

    Attributes:
        steps: how many were made.
        planned: steps of the whole training, or None.
        averaged: how many weights are in the average.
        child: the network with its last weights.

    Raises:
        UserError: the recipe is impossible.

    Example:
        >>> config = ResidualConfig()
        >>> recipe = Recipe(schedule="trapezoid")
        >>> training = WholeTraining(residual(config), config, recipe, (pixels, labels))
        >>> training.run(500)
        >>> training.plan(2_000)  # From here on it has an end, before which the rate falls.
        >>> training.run()
        >>> training.score(test_pixels, test_labels, training.views).accuracy
    """

    def __init__(
        self,
        graph: Graph,
        config: NetworkConfig,
        recipe: Recipe,
        images: tuple[np.ndarray, np.ndarray],
        seed: int = 0,
        *,
        planned: int | None = None,
        bank: Bank | None = None,
    ):
        recipe.check()
        if planned is None and not recipe.prolongable:
            raise UserError(
                f"recipe.schedule: {recipe.schedule!r} must know how many steps there will be; "
                "give their number, or use 'trapezoid'"
            )
        if recipe.small and "auxiliary_logits" in graph.outputs:
            raise UserError(
                "recipe.small: an auxiliary head has a kernel as large as its map, so images keep "
                "their size; use 0, or leave the head out"
            )
        self.graph, self.recipe, self._seed, self.planned = graph, recipe, seed, planned
        self.config = config.replace(batch_norm_momentum=recipe.batch_norm_momentum)
        bank = bank or bank_of(config.batch_norm_epsilon)
        self.child = Child.of_graph(graph, self.config, bank, seed)
        self.images = TrainingImages(*images, recipe, seed)
        self._training = Training(
            self.child,
            Descent.of(recipe),
            seed=seed,
            prepare=preprocessing.scale,
        )
        self.averaged = 0
        self._average = self.child.trained, self.child.moved
        #: The network to be scored, and after how many steps it was made.
        self._scored: tuple[int, Child] | None = None

    def start_from(self, layers: Mapping[str, Sequence[np.ndarray]]) -> Moved:
        """Begins with trained weights, before the first step.

        Args:
            layers: arrays by the names of layers, as `cells.weights.weights_file` reads them.

        Returns:
            Which layers took theirs, and which kept their own.
        """
        assert not self.steps
        moved = move_weights(layers, self.child)
        self._average = self.child.trained, self.child.moved
        self._scored = None
        return moved

    @property
    def steps(self) -> int:
        """How many were made."""
        return self._training.steps

    @property
    def views(self) -> tuple[image_views.View, ...]:
        """The views that the recipe's augmentation has made the network used to."""
        return image_views.views(mirrored=self.recipe.flip, shift=min(self.recipe.shift, 1))

    def plan(self, planned: int) -> None:
        """Gives the training an end, or another one.

        Args:
            planned: steps of the whole training, those made so far included.

        Raises:
            UserError: it has begun, and its schedule cannot be prolonged.
            ValueError: so many steps were made already.
        """
        if planned < self.steps:
            raise ValueError(f"{self.steps} steps were made, and {planned} are planned")
        if self.steps and planned != self.planned and not self.recipe.prolongable:
            raise UserError(
                f"recipe.schedule: {self.recipe.schedule!r} cannot be prolonged; use 'trapezoid'"
            )
        self.planned = planned

    def give_images(self, images: tuple[np.ndarray, np.ndarray]) -> None:
        """Goes on with other images from here, such as those that were held out so far.

        Args:
            images: as of the class, of the same size and classes.
        """
        self.images = TrainingImages(*images, self.recipe, self._seed)
        self._scored = None
        self.__dict__.pop("_key", None)

    def run(self, steps: int | None = None) -> float:
        """Trains on.

        Args:
            steps: how many, at most: it ends where the plan does; None: to that end.

        Returns:
            The mean of their losses, with the recipe's smoothing and weights; 0 of no steps.

        Raises:
            FloatingPointError: the loss is no longer finite; says when.
        """
        left = None if self.planned is None else self.planned - self.steps
        counts = [n for n in (steps, left) if n is not None]
        if not counts:
            raise ValueError("the training has no end; say how many steps")
        losses: list[Any] = []
        for number in range(1, min(counts) + 1):
            losses.append(self._step())
            if number % _LOOK == 0:
                finite_mean(losses[-_LOOK:], "step {}", self.steps - _LOOK + 1)
        return finite_mean(losses, "step {}", self.steps - len(losses) + 1) if losses else 0.0

    def _step(self) -> Any:
        recipe, done = self.recipe, self._training.steps
        batch = self.images.draw(done)
        over = done / self.planned if self.planned else 0.0
        pixels: Any = batch.pixels
        if over < recipe.small:
            pixels = self._smaller(pixels)
        rate = recipe.rate(done, self.planned, self.images.per_epoch)
        loss = self._training.step(pixels, batch.labels, rate, over, batch.weights)
        self._take_average(over)
        return loss

    def _smaller(self, pixels: np.ndarray) -> Any:
        size = [max(round(self.recipe.small_scale * n), 1) for n in pixels.shape[1:3]]
        return tf.image.resize(tf.constant(pixels), size, antialias=True)

    def _take_average(self, over: float) -> None:
        recipe = self.recipe
        if recipe.average == "none":
            return
        if recipe.average == "stochastic" and over < recipe.average_from:
            self.averaged = 0
            return
        kept = self.averaged / (self.averaged + 1)
        if recipe.average == "exponential":
            # At first the mean of few weights: the initial ones are forgotten soon.
            kept = min(recipe.average_decay, self.averaged / (self.averaged + 10))
        factor = tf.constant(kept, tf.float32)
        now = self.child.trained, self.child.moved
        before = self._average
        self._average = mixed(before[0], now[0], factor), mixed(before[1], now[1], factor)
        self.averaged += 1

    def network(self) -> Child:
        """The network as it is scored and used: averaged weights, and statistics that fit them.

        Returns:
            A child of its own: training on does not change it.
        """
        if self._scored is None or self._scored[0] != self.steps:
            child = copy.copy(self.child)
            if self.averaged:
                child.trained, child.moved = self._average
            if self.recipe.statistics:
                child.moved = self._statistics(child)
            self._scored = self.steps, child
        return self._scored[1]

    def _statistics(self, child: Child) -> Any:
        """Batch-norm statistics of training images that are not augmented.

        Those of all images: the mean of the batches' variances, and the variance of their means.
        """
        pixels = self.images.pixels
        count = min(self.recipe.statistics, len(pixels))
        chosen = np.random.default_rng([self._seed, 2]).permutation(len(pixels))[:count]
        # At progress 0 no path is dropped; dropout stands behind the last batch norm.
        chance = Chance(tf.constant(0.0), tf.constant([0, 0]))
        batches = []
        for part in np.array_split(chosen, max(round(count / _STATISTICS_BATCH), 1)):
            given = preprocessing.scale(pixels[part])
            batches.append(tf.concat(child.forward(child.trained, given, chance)[2], 0).numpy())
        values = np.asarray(batches, np.float64)
        statistics = values.mean(axis=0)
        means, variances = self._places
        statistics[variances] += values[:, means].var(axis=0)
        return tf.constant(statistics, tf.float32)

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the means of batch norms lie in `Child.moved`, and where their variances do."""
        means: list[np.ndarray] = []
        variances: list[np.ndarray] = []
        start = 0
        for place in self.child.places:
            for shapes in place.piece.moved:
                for places, shape in zip((means, variances), shapes, strict=False):
                    places.append(np.arange(start, start + shape[0]))
                    start += shape[0]
        return np.concatenate(means), np.concatenate(variances)

    def probabilities(
        self, pixels: np.ndarray, views: Sequence[image_views.View] = image_views.PLAIN
    ) -> np.ndarray:
        """What the network says of images.

        Args:
            pixels: uint8 `(n, height, width, channels)`.
            views: of each; `Training.views` are those that fit the recipe.

        Returns:
            float32 `(n, classes)`, the mean over the views.
        """
        network = self.network()
        parts = [
            image_views.mean_probabilities(
                lambda shown: tf.nn.softmax(network.logits(preprocessing.scale(shown))),
                pixels[start : start + _SCORE_BATCH],
                views,
                border=self.recipe.border,
            ).numpy()
            for start in range(0, len(pixels), _SCORE_BATCH)
        ]
        return np.concatenate(parts)

    def score(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        views: Sequence[image_views.View] = image_views.PLAIN,
    ) -> Score:
        """Compares what the network says of images with their labels.

        Args:
            pixels, views: as of `probabilities`.
            labels: int `(n,)`.
        """
        shares = self.probabilities(pixels, views)
        right = float(np.mean(shares.argmax(-1) == labels))
        likely = np.maximum(shares[np.arange(len(labels)), labels], np.finfo(np.float32).tiny)
        return Score(right, float(-np.log(likely).mean()))

    @cached_property
    def _key(self) -> dict[str, Any]:
        """What the training depends on, beside the plan."""
        nodes = repr([(n.name, n.primitive, n.inputs) for n in self.graph.nodes.values()])
        images = hashlib.sha256(self.images.pixels.tobytes())
        images.update(self.images.labels.tobytes())
        return {
            "recipe": dataclasses.asdict(self.recipe),
            "network": hashlib.sha256(nodes.encode()).hexdigest()[:16],
            "images": images.hexdigest()[:16],
            "seed": self._seed,
        }

    def save(self, path: FilePath) -> None:
        """Keeps the training, complete or not at all, for `restore`.

        Raises:
            UserError: the file cannot be written.
        """
        facts = {**{name: getattr(self, name) for name in _FACTS}, "of": self._key}
        average, average_moved = (vector.numpy() for vector in self._average)
        arrays = {
            "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
            "average": average,
            "average_moved": average_moved,
            **self._training.state,
        }
        write_atomically(path, array_file.to_bytes(arrays))

    def restore(self, path: FilePath) -> None:
        """Goes on where `save` was called, with the plan of then.

        Raises:
            UserError: there is no such file, it is damaged, or of another training.
        """
        try:
            arrays = array_file.from_bytes(expanded(path).read_bytes())
            facts = json.loads(arrays.pop("facts").tobytes())
            average = tf.constant(arrays["average"]), tf.constant(arrays["average_moved"])
            steps, planned, averaged = (facts[name] for name in _FACTS)
            differences = settings_differences(self._key, facts["of"])
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such training; begin it anew") from None
        except array_file.DAMAGED as error:
            raise UserError(
                f"{path}: is damaged ({error}); remove it, and begin the training anew"
            ) from None
        if differences:
            raise UserError(
                f"{path}: is of another training ({in_words(differences)}); use the settings of "
                "then, or another file"
            )
        self._training.restore(arrays, steps)
        self._average, self.planned, self.averaged = average, planned, averaged
        self._scored = None
