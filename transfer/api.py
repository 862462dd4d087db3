"""The functions of `import transfer`, which `cell-transfer` calls.

Nothing here imports TensorFlow before there is work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.checks.arguments import checked
from cells.kinds.files import ImageGenotype
from cells.support.errors import UserError
from cells.support.files import (
    FilePath,
    FilePaths,
    as_paths,
    path_text,
    require_writable,
    write_json,
)
from transfer.training.result import TrainingResult

if TYPE_CHECKING:
    import numpy as np
    from official.core.config_definitions import ExperimentConfig

    from transfer.prediction import Prediction
    from transfer.training.checkpoints import Trained

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class EvaluationResult:
    """What came of an evaluation.

    Attributes:
        metrics: `accuracy`, `top_5_accuracy` and others by their names; shares in 0..1, and `step`,
            the training steps of the weights.
        data: name or files of the data set.
        split: its part.
        file: the JSON file of these numbers.
        by_class: `class`, `images`, `accuracy` and `precision` of every class; None of an
            evaluation in the course of a training.
        confusion: int `(num_classes, num_classes)`: how many images of class [i] were taken for
            class [j]; None as `by_class`.
        picture: the PNG file of `confusion`; None as `by_class`.

    Example:
        >>> result = transfer.evaluate("run")
        >>> result.confusion.shape
        (10, 10)
    """

    metrics: dict[str, float]
    data: str
    split: str
    file: str
    by_class: list[dict[str, Any]] | None = None
    confusion: np.ndarray | None = None
    picture: str | None = None


@checked
def train(
    model_dir: FilePath,
    *,
    genotype: ImageGenotype | FilePath | None = None,
    experiment: str | ExperimentConfig | None = None,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    evaluate: bool = False,
    output: FilePath | None = None,
) -> TrainingResult[EvaluationResult]:
    """Trains a genotype as an image classifier, or goes on from its last checkpoint.

    Args:
        model_dir: folder of the run: checkpoints and configuration; made where it is missing.
        genotype: the cells or a whole network, their name, or their file; by default those of the
            configuration.
        experiment: name of the configuration to start from, or the configuration itself; by default
            the one that the files name, else `cells_classification`.
        config_file: YAML file or files of settings, applied in order.
        params_override: settings that are applied after the files: nested, such as
            `{"trainer": {"train_steps": 700}}`, or text, `"trainer.train_steps=700"`.
        data_dir: folder of prepared TFDS sets; by default TFDS's own.
        evaluate: whether to evaluate, in between as the configuration says and at the end.
        output: JSON file of the evaluation; by default `evaluation.json` in `model_dir`.

    Returns:
        The steps, and what came of the evaluation.

    Raises:
        UserError: a setting is impossible, the folder is that of another run, or data or
            checkpoints are damaged.
        Stopped: by SIGTERM or Ctrl-C, after a checkpoint; the same call goes on from there.

    Example:
        >>> result = transfer.train("run", config_file="digits.yaml", evaluate=True)
        >>> result.steps, result.evaluation.split
        (40, 'test')
    """
    require_writable(output)
    from transfer.runs.configuration import read_params
    from transfer.training import checkpoints, runner

    params = read_params(
        genotype=genotype,
        experiment=experiment,
        config_file=config_file,
        params_override=params_override,
        data_dir=data_dir,
    )
    folder = path_text(model_dir)
    metrics = runner.run(params, "train_and_eval" if evaluate else "train", folder)
    steps = checkpoints.last_step(folder)
    if metrics is None:
        return TrainingResult(folder, steps, None)
    file = path_text(output or os.path.join(folder, EVALUATION))
    return TrainingResult(folder, steps, _written(params, metrics, file))


@checked
def evaluate(
    model_dir: FilePath,
    *,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    checkpoint: str = "latest",
    crops: int = 1,
    output: FilePath | None = None,
) -> EvaluationResult:
    """Evaluates a trained network: accuracy by class, confusion, calibration.

    Args:
        model_dir: folder of the run, whose configuration is taken.
        config_file: YAML file or files that override the configuration, in order.
        params_override: settings that are applied after the files, nested or text, such as
            `"task.validation_data.tfds_split=test"`.
        data_dir: folder of prepared TFDS sets, where the run names none.
        checkpoint: `latest`, or `best` where the recipe keeps one.
        crops: 1; or 5 (corners and centre of the enlarged image) or 10 (their mirror images, too),
            whose probabilities are averaged.
        output: JSON file of the numbers; by default `evaluation.json` in `model_dir`. The confusion
            matrix is drawn beside it, as PNG.

    Returns:
        The numbers, and where they were written.

    Raises:
        UserError: there is no such run, it has no checkpoint, or the data cannot be read or have
            other classes.

    Example:
        >>> first = {"task": {"validation_data": {"tfds_split": "test[:100]"}}}
        >>> result = transfer.evaluate("run", params_override=first)
        >>> result.metrics["images"]
        100
    """
    require_writable(output)
    folder = path_text(model_dir)
    from transfer import evaluation
    from transfer.runs.configuration import read_params

    params = read_params(
        folder, config_file=config_file, params_override=params_override, data_dir=data_dir
    )
    if crops not in evaluation.CROPS:
        raise UserError(f"--crops: {crops} is none of 1, 5 and 10")
    result = evaluation.evaluate(params, folder, checkpoint, crops=crops)
    file = path_text(output or os.path.join(folder, EVALUATION))
    picture = os.path.splitext(file)[0] + ".png"
    written = _written(
        params,
        result.metrics(params.task.evaluation.top_k),
        file,
        crops=crops,
        by_class=result.by_class(),
        confusion=result.confusion(),
        picture=picture,
    )
    # Last, since the numbers must not wait for a picture.
    evaluation.draw(result, picture)
    return written


def _written(
    params: Any,
    metrics: dict[str, float],
    file: str,
    *,
    crops: int | None = None,
    by_class: list[dict[str, Any]] | None = None,
    confusion: np.ndarray | None = None,
    picture: str | None = None,
) -> EvaluationResult:
    """Writes the numbers of an evaluation to its JSON file."""
    side = params.task.validation_data
    data, split = side.tfds_name or side.input_path, side.tfds_split
    more = {} if by_class is None else {"crops": crops, "by_class": by_class}
    write_json(file, {"data": data, "split": split, **metrics, **more})
    return EvaluationResult(metrics, data, split, file, by_class, confusion, picture)


@checked
def predict(
    model_dir: FilePath | Trained,
    images: FilePaths,
    *,
    top: int = 5,
    checkpoint: str = "latest",
    output: FilePath | None = None,
) -> list[Prediction]:
    """The likeliest classes of image files.

    Args:
        model_dir: folder of the run; or what `open_classifier` gives, which is faster for several
            calls.
        images: files and folders of images, of any size; they are prepared as evaluation prepares
            its images.
        top: how many classes of each image, at most as many as there are.
        checkpoint: `latest`, or `best` where the recipe keeps one.
        output: JSON file of the predictions; by default none is written.

    Returns:
        A prediction for each image, in the order of `images`, those of a folder by name.

    Raises:
        UserError: there is no such run, or an image cannot be read; names it.

    Example:
        >>> predictions = transfer.predict("run", "photo.png", top=2)
        >>> [len(prediction.guesses) for prediction in predictions]
        [2]
    """
    from cells.data import image_files

    if top < 1:
        raise UserError(f"--top: {top} is too small; use at least 1")
    require_writable(output)
    files = image_files.find_files(as_paths(images))
    image_files.check_files(files)
    if not files:
        raise UserError("images: there are none; give files or folders")
    from transfer import prediction
    from transfer.training import checkpoints

    if isinstance(model_dir, str | os.PathLike):
        model_dir = checkpoints.open_classifier(model_dir, checkpoint)
    predictions = list(prediction.predict(model_dir, [Path(file) for file in files], top))
    if output is not None:
        write_json(output, [each.to_dict() for each in predictions])
    return predictions
