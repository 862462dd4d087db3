"""Training and evaluation of detectors, as `cell-detect` and Python users call them.

Nothing here imports TensorFlow before it has been decided how it is to compute.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cells.support.files import FilePath, FilePaths, write_json
from detection.training import onednn

if TYPE_CHECKING:
    from detection.data.categories import Categories
    from detection.training.coco_figures import Evaluation

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class EvaluationResult:
    """What came of an evaluation.

    Attributes:
        metrics: COCO's 12 numbers by their names (`AP`, `AP50`, `ARmax100`, ...; of Mask R-CNN also
            with `mask_` before them), in 0..1, or -1 where the data have no object of that kind;
            and `step`, the training steps of the weights.
        data: the data set and split.
        file: the JSON file of these numbers.
        folder: tables, curves and pictures; None where this process has not written them.
        pictures: how many of the worst images are drawn there.
        categories: the classes.
        figures: numbers by class, and all boxes, as they were compared; None as `folder`.
    """

    metrics: dict[str, float]
    data: str
    file: str
    folder: str | None
    pictures: int
    categories: Categories
    figures: Evaluation | None


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training.

    Attributes:
        model_dir: the folder of the run.
        steps: the training steps of its last checkpoint.
        evaluation: of the last checkpoint; None where none was asked for.
    """

    model_dir: str
    steps: int
    evaluation: EvaluationResult | None


def train(
    model_dir: FilePath,
    *,
    genotype: FilePath | None = None,
    experiment: str | None = None,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    evaluate: bool = False,
    output: FilePath | None = None,
    worst: int = 10,
    score_threshold: float = 0.3,
) -> TrainingResult:
    """Trains a detector with a genotype as its backbone, or goes on from its last checkpoint.

    Args:
        model_dir: folder of the run: checkpoints and configuration; made where it is missing.
        genotype: name of the catalogue or file; by default the configuration's.
        experiment: name of the configuration to start from; by default the one that the files
            name, else `cells_retinanet`.
        config_file: YAML file or files of settings, applied in order.
        params_override: settings that are applied after the files: nested, such as
            `{"trainer": {"train_steps": 700}}`, or text, `"trainer.train_steps=700"`.
        data_dir: folder of prepared TFDS sets; by default TFDS's own.
        evaluate: whether to evaluate, in between as the configuration says and at the end.
        output, worst, score_threshold: of the evaluation, see `evaluate`.

    Returns:
        The steps, and what came of the evaluation.

    Raises:
        UserError: a setting is impossible, the folder is that of another run, or data or
            checkpoints are damaged.
        Stopped: by SIGTERM or Ctrl-C, after a checkpoint; the same call goes on from there.

    Example:
        >>> detection.train("runs/digits", genotype="nasnet_a", evaluate=True)
    """
    onednn.turn_off()
    from detection.config.read import read_params

    params = read_params(
        experiment=experiment,
        config_file=config_file,
        params_override=params_override,
        genotype=genotype,
        data_dir=data_dir,
    )
    mode = "train_and_eval" if evaluate else "train"
    evaluation = _run(params, mode, os.fspath(model_dir), output, worst, score_threshold)
    return TrainingResult(os.fspath(model_dir), params.trainer.train_steps, evaluation)


def evaluate(
    model_dir: FilePath,
    *,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    output: FilePath | None = None,
    worst: int = 10,
    score_threshold: float = 0.3,
) -> EvaluationResult:
    """Compares what a trained detector finds with what there is, by COCO's numbers.

    Args:
        model_dir: folder of the run, whose last checkpoint and configuration are taken.
        config_file: YAML file or files that override the configuration, in order.
        params_override: settings that are applied after the files, nested or text, such as
            `"task.validation_data.tfds_split=test"`.
        data_dir: folder of prepared TFDS sets, where the run names none.
        output: JSON file of the numbers; by default `evaluation.json` in `model_dir`. Beside it, in
            a folder of the same name without ending, lie `results.json` (COCO's), `classes.csv`,
            `precision_recall.png` and `worst/`.
        worst: how many of the images with the most errors are drawn.
        score_threshold: in 0..1; what is found with a lower score is neither an error nor drawn.

    Returns:
        The numbers, and where they were written.

    Raises:
        UserError: there is no such run, it has no checkpoint, or the data cannot be read.

    Example:
        >>> detection.evaluate("runs/digits").metrics["AP50"]
    """
    from detection.config.read import read_params
    from transfer.training import checkpoints

    params = read_params(
        model_dir, config_file=config_file, params_override=params_override, data_dir=data_dir
    )
    checkpoints.find(os.fspath(model_dir))
    result = _run(params, "eval", os.fspath(model_dir), output, worst, score_threshold)
    assert result is not None
    return result


def _run(
    params: Any, mode: str, folder: str, output: FilePath | None, worst: int, score_threshold: float
) -> EvaluationResult | None:
    from detection.data import dataset, images
    from detection.inference import evaluation_report
    from detection.training import complete, task
    from transfer.training import runner

    tasks: list[Any] = []
    categories: list[Categories] = []

    def completed(params: Any, **sides: bool) -> tuple[str, ...]:
        categories.append(complete.resolve(params, **sides))
        return categories[-1].names

    def task_class(config: Any, **more: Any) -> Any:
        tasks.append(task.create(config, **more))
        return tasks[-1]

    metrics = runner.run(params, mode, folder, completed, task_class)
    if metrics is None:
        return None
    side = params.task.validation_data
    file = os.fspath(output or os.path.join(folder, EVALUATION))
    data = {"data": side.tfds_name, "split": side.tfds_split}
    if side.input_path:
        data = {"data": side.input_path}
    write_json(file, {**data, **metrics})
    figures, report, drawn = tasks[0].evaluation, None, 0
    if figures is not None:
        report = os.path.splitext(file)[0]
        drawn = len(
            evaluation_report.write(
                figures,
                categories[0],
                images.from_data(side),
                report,
                worst=worst,
                score_threshold=score_threshold,
            )
        )
    return EvaluationResult(
        metrics, dataset.name_of(side), file, report, drawn, categories[0], figures
    )
