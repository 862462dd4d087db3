"""The functions of `import detection`, which `cell-detect` calls.

Nothing here imports TensorFlow before it has been decided how it is to compute.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cells.checks.arguments import checked
from cells.genotype.genotype import Genotype
from cells.support.errors import UserError
from cells.support.files import (
    FilePath,
    FilePaths,
    as_paths,
    path_text,
    require_writable,
    write_json,
)
from detection.training import onednn
from transfer.training.result import TrainingResult

if TYPE_CHECKING:
    from official.core.config_definitions import ExperimentConfig

    from detection.data.categories import Categories
    from detection.inference.detector import Detector
    from detection.inference.predict import Predicted
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

    Example:
        >>> result = detection.evaluate("run")
        evaluation at step 4: AP ..., AP50 ..., loss ...
        >>> [figures.category_id for figures in result.figures.classes][:3]
        [0, 1, 2]
    """

    metrics: dict[str, float]
    data: str
    file: str
    folder: str | None
    pictures: int
    categories: Categories
    figures: Evaluation | None


@checked
def train(
    model_dir: FilePath,
    *,
    genotype: Genotype | FilePath | None = None,
    experiment: str | ExperimentConfig | None = None,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    evaluate: bool = False,
    output: FilePath | None = None,
    worst: int = 10,
    score_threshold: float = 0.3,
) -> TrainingResult[EvaluationResult]:
    """Trains a detector with a genotype as its backbone, or goes on from its last checkpoint.

    Args:
        model_dir: folder of the run: checkpoints and configuration; made where it is missing.
        genotype: the cells, a name of the catalogue, or a genotype file; by default those of the
            configuration.
        experiment: name of the configuration to start from, or the configuration itself; by default
            the one that the files name, else `cells_retinanet`.
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
        >>> result = detection.train("run", config_file="scenes.yaml", evaluate=True)
        continues at step 4 of 4
        evaluation at step 4: AP ..., AP50 ..., loss ...
        >>> result.steps, result.evaluation.data
        (4, 'digits_scenes validation[:8]')
    """
    require_writable(output)
    onednn.turn_off()
    from detection.config.read import read_params
    from transfer.training import checkpoints

    params = read_params(
        experiment=experiment,
        config_file=config_file,
        params_override=params_override,
        genotype=genotype,
        data_dir=data_dir,
    )
    folder, mode = path_text(model_dir), "train_and_eval" if evaluate else "train"
    evaluation = _run(params, mode, folder, output, worst, score_threshold)
    return TrainingResult(folder, checkpoints.last_step(folder), evaluation)


@checked
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
        >>> first = {"task": {"validation_data": {"tfds_split": "validation[:4]"}}}
        >>> result = detection.evaluate("run", params_override=first, output="first.json")
        evaluation at step 4: AP ..., AP50 ..., loss ...
        >>> result.metrics["step"], 0 <= result.metrics["AP50"] <= 1
        (4, True)
    """
    from detection.config.read import read_params
    from transfer.training import checkpoints

    require_writable(output)
    folder = path_text(model_dir)
    params = read_params(
        folder, config_file=config_file, params_override=params_override, data_dir=data_dir
    )
    checkpoints.find(folder)
    result = _run(params, "eval", folder, output, worst, score_threshold)
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

    metrics = runner.run(params, mode, folder, completed, task_class, in_order=False)
    if metrics is None:
        return None
    side = params.task.validation_data
    file = path_text(output or os.path.join(folder, EVALUATION))
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


@checked
def predict(
    model_dir: FilePath | Detector,
    images: FilePaths = (),
    *,
    output: FilePath,
    score_threshold: float = 0.3,
    tile_size: int = 0,
    class_agnostic: bool = False,
    draw: bool = True,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
) -> Predicted:
    """Finds objects in images and videos; writes pictures and COCO's result file.

    `open_detector` gives the same boxes as arrays, of one image.

    Args:
        model_dir: folder of the run, whose last checkpoint and configuration are taken; or what
            `open_detector` gives, which is faster for several calls and has its configuration.
        images: files and folders of images and videos; by default the run's validation data.
        output: folder for `results.json` and `pictures/`; made where it is missing.
        score_threshold: in 0..1; what is found with a lower score is left out.
        tile_size: images with a longer side in pixels are also looked at in parts of this size;
            0 for none.
        class_agnostic: whether of boxes that overlap by half the surest alone is kept, whatever
            their classes; by default each class has boxes of its own.
        draw: whether to write pictures.
        config_file: YAML file or files that override the configuration, in order.
        params_override: settings that are applied after the files, nested or text, such as
            `"task.validation_data.tfds_split='validation[:20]'"`.
        data_dir: folder of prepared TFDS sets, where the run names none.

    Returns:
        The paths of what was written, and the numbers of images and detections.

    Raises:
        UserError: there is no such run, an image cannot be read, or the folder cannot be written.

    Example:
        >>> result = detection.predict("run", "photo.png", output="found")
        >>> result.images, result.results
        (1, 'found/results.json')
    """
    if not 0.0 <= score_threshold <= 1.0:
        raise UserError(f"--score_threshold: {score_threshold} is not in [0, 1]")
    from detection.config.read import read_params
    from detection.data.images import check_files, find_files, from_data, from_files
    from detection.inference.detector import Detector, open_detector
    from detection.inference.predict import predict as write

    require_writable(output)
    files = find_files(as_paths(images))
    check_files(files)
    if isinstance(model_dir, Detector):
        detector, source = model_dir, from_files(files)
        if not files:
            raise UserError("images: there are none; give files or folders")
    else:
        params = read_params(
            model_dir, config_file=config_file, params_override=params_override, data_dir=data_dir
        )
        detector = open_detector(model_dir, params=params)
        source = from_files(files) if files else from_data(params.task.validation_data)
    return write(
        detector,
        source,
        path_text(output),
        score_threshold=score_threshold,
        tile_size=tile_size,
        class_agnostic=class_agnostic,
        draw=draw,
    )
