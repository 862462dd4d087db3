"""A trained network on a data set: accuracy by class, confusion, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cells import data as datasets
from cells.data import turned
from cells.support.errors import UserError
from transfer.data import damaged_images
from transfer.prediction import probabilities, viewed_probabilities
from transfer.runs import model_dir
from transfer.training import checkpoints, complete, devices

#: What is cut out of an enlarged image for several crops: as much as the central crop's part.
_CROP = 0.875
CROPS = (1, 5, 10)

#: Of equal width over the confidence (Guo et al. 2017, arXiv:1706.04599, section 2).
_CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """What a network says about a data set.

    Attributes:
        labels: int (n,).
        probabilities: float32 (n, num_classes).
        class_names: of the network, in the order of its labels.
        step: training steps of the weights.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    step: int

    @property
    def guesses(self) -> np.ndarray:
        """The likeliest class of each image."""
        return self.probabilities.argmax(axis=1)

    def confusion(self) -> np.ndarray:
        """How many images of class [i] were taken for class [j]."""
        from sklearn import metrics

        every = range(len(self.class_names))
        return metrics.confusion_matrix(self.labels, self.guesses, labels=every)

    def calibration_error(self) -> float:
        """The expected calibration error: mean distance of accuracy and confidence over bins."""
        confidence = self.probabilities.max(axis=1)
        right = self.guesses == self.labels
        edges = np.linspace(0.0, 1.0, _CALIBRATION_BINS + 1)
        bins = np.digitize(confidence, edges[1:-1], right=True)
        gaps = [
            abs(np.sum(right[bins == b]) - np.sum(confidence[bins == b], dtype=np.float64))
            for b in range(_CALIBRATION_BINS)
        ]
        return float(np.sum(gaps) / len(confidence))

    def metrics(self, top_k: int = 5) -> dict[str, float]:
        """`step`, `images`, `accuracy`, `top_K_accuracy`, `cross_entropy`, `calibration_error`."""
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        top_k = min(top_k, len(self.class_names))
        # How many classes are likelier than the right one.
        rank = np.sum(self.probabilities > own[:, None], axis=1)
        smallest = np.finfo(np.float32).tiny
        return {
            "step": self.step,
            "images": len(self.labels),
            "accuracy": float(np.mean(self.guesses == self.labels)),
            f"top_{top_k}_accuracy": float(np.mean(rank < top_k)),
            "cross_entropy": float(-np.mean(np.log(np.maximum(own, smallest)))),
            "calibration_error": self.calibration_error(),
        }

    def by_class(self) -> list[dict[str, Any]]:
        """`class`, `images`, `accuracy` (recall) and `precision` of every class; None of none."""
        confusion = self.confusion()
        right, of_class, taken = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        return [
            {
                "class": name,
                "images": int(of_class[i]),
                "accuracy": float(right[i] / of_class[i]) if of_class[i] else None,
                "precision": float(right[i] / taken[i]) if taken[i] else None,
            }
            for i, name in enumerate(self.class_names)
        ]


def evaluate(params: Any, folder: str, which: str = "latest", *, crops: int = 1) -> Evaluation:
    """Evaluates a run, with the moving averages of its weights where it keeps them.

    Args:
        params: the run's configuration, with other validation data perhaps; resolved here.
        folder: `model_dir` of the run.
        which: see `transfer.training.checkpoints.find`.
        crops: 1: the views that `task.evaluation` asks for; or 5 (corners and centre of the
            enlarged image) or 10 (their mirror images, too), whose probabilities are averaged
            (Krizhevsky et al. 2012, section 4.1).

    Raises:
        UserError: the data do not exist, are damaged, or have other classes than the network.
    """
    task = params.task
    labels = _labels(task, _class_names(folder, params))
    complete.resolve(params, train=False)
    strategy = devices.strategy(params.runtime)
    with strategy.scope(), turned.counted():
        trained = checkpoints.open_trained(folder, which, params=params)
        seen = list(_seen(trained, strategy, crops))
    told, given = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    return Evaluation(labels[told], given, trained.class_names, trained.step)


def _class_names(folder: str, params: Any) -> tuple[str, ...]:
    names = tuple(model_dir.class_names(folder))
    if params.task.model.num_classes != len(names):
        raise UserError(
            f"task.model.num_classes: {params.task.model.num_classes} is not the {len(names)} "
            f"classes of the head that {folder} trained; leave it out"
        )
    return names


def _labels(task: Any, known: tuple[str, ...]) -> np.ndarray:
    """The network's label of each of the data's: by the names of the classes.

    Raises:
        UserError: a class of the data is none of the network's.
    """
    data = task.validation_data
    if not data.tfds_name:
        return np.arange(len(known))
    builder = datasets.builder(data.tfds_name, data.tfds_data_dir)
    names = datasets.image_classes(builder).class_names
    # A network that was trained on TFRecord files knows numbers only.
    if names == known[: len(names)] or not (task.train_data.tfds_name or len(names) > len(known)):
        return np.arange(len(known))
    strange = [name for name in names if name not in known]
    if strange:
        raise UserError(
            f"task.validation_data: {len(strange)} of the {len(names)} classes of "
            f"{data.tfds_name} are none of the network's {len(known)}, such as {strange[0]!r} "
            f"(it knows {', '.join(map(repr, known[:4]))}, ...); evaluate on data of its classes"
        )
    return np.array([known.index(name) for name in names])


def _seen(
    trained: checkpoints.Trained, strategy: tf.distribute.Strategy, crops: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Labels and probabilities, batch by batch."""
    task, data = trained.task, trained.params.task.validation_data
    height, width, channels = trained.params.task.model.input_size
    if crops > 1:
        larger = [round(height / _CROP), round(width / _CROP), channels]
        task = type(task)(
            task.task_config.replace(
                model=task.task_config.model.replace(input_size=larger),
                validation_data=data.replace(center_crop_fraction=1.0),
            )
        )
        data = task.task_config.validation_data

    def of_replica(inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = inputs

        def averaged() -> tf.Tensor:
            if crops == 1:
                return viewed_probabilities(trained.model, images, task.task_config.evaluation)
            views = cut(images, (height, width), crops)
            return sum(probabilities(trained.model, view) for view in views) / len(views)

        nothing = tf.zeros([0, len(trained.class_names)])
        return labels, devices.where_images_are(images, averaged, lambda: nothing)

    @tf.function(autograph=False)
    def step(inputs: Any) -> Any:
        return strategy.run(of_replica, (inputs,))

    dataset = strategy.distribute_datasets_from_function(
        lambda context: task.build_inputs(data, context)
    )
    try:
        for inputs in dataset:
            labels, given = map(strategy.experimental_local_results, step(inputs))
            for told, row in zip(labels, given, strict=True):
                yield told.numpy(), row.numpy()
    except tf.errors.OpError as error:
        sentence = damaged_images.explained(error)
        if sentence is None:
            raise
        raise sentence from error


def cut(images: tf.Tensor, size: tuple[int, int], crops: int) -> list[tf.Tensor]:
    """Crops of images: corners and centre, or these and their mirror images.

    Args:
        images: `(batch, height, width, channels)`.
        size: (height, width) of the crops.
        crops: 5 or 10.
    """
    height, width = size
    down, right = images.shape[1] - height, images.shape[2] - width
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    views = [tf.image.crop_to_bounding_box(images, y, x, height, width) for y, x in corners]
    return views if crops == 5 else [*views, *map(tf.image.flip_left_right, views)]


def worst(by_class: list[dict[str, Any]], most: int = 20) -> Iterator[str]:
    """Lines of a table: every class, or the worst where there are many."""
    seen = [row for row in by_class if row["images"]]
    rows = seen if len(seen) <= most else sorted(seen, key=lambda row: row["accuracy"])[:most]
    width = max(len("class"), *(len(row["class"]) for row in rows))
    if len(rows) < len(seen):
        yield f"the {most} worst of {len(seen)} classes:"
    yield f"{'class':{width}}  images  accuracy  precision"
    for row in rows:
        precision = "        -" if row["precision"] is None else f"{row['precision']:9.4f}"
        yield f"{row['class']:{width}}  {row['images']:6,}  {row['accuracy']:8.4f}  {precision}"


def draw(evaluation: Evaluation, path: str) -> None:
    """Writes the confusion matrix as a picture: a row is a class, shares of its images by guess."""
    import matplotlib.style

    from cells.support.files import atomic_path

    # Not as the user's own settings say, which may hand the names of classes to LaTeX.
    with matplotlib.style.context("default"), atomic_path(path) as temporary:
        _confusion_figure(evaluation).savefig(temporary)


def _confusion_figure(evaluation: Evaluation) -> Any:
    from matplotlib.figure import Figure

    counts = evaluation.confusion()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(counts)
    few = size <= 30
    side = 3.0 + 0.42 * size if few else 12.0
    figure = Figure(figsize=(side + 1.0, side), dpi=120, layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label="share of the class's images", shrink=0.8)
    axes.set(xlabel="guessed class", ylabel="class", title=f"{len(evaluation.labels):,} images")
    if few:
        names = [name if len(name) <= 24 else name[:23] + "…" for name in evaluation.class_names]
        # They are text, and no formulas between `$`.
        axes.set_xticks(range(size), names, rotation=90, parse_math=False)
        axes.set_yticks(range(size), names, parse_math=False)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=8
                )
    return figure
