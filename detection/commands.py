"""The modes of `cell-detect`: flags and arguments in, lines printed and files written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from cells.data import image_files
from cells.support.files import write_json
from detection.config import experiments
from detection.data.categories import Categories
from detection.training import coco_figures
from detection.training import complete as resolve
from transfer.config import configure

EVALUATION = "evaluation.json"

COCO_NUMBERS = coco_figures.NUMBERS


def run(flags: Any, _: Sequence[str]) -> None:
    """Trains, evaluates, or both."""
    from detection.data import dataset
    from detection.training import task
    from transfer.training import checkpoints, runner

    params = _params(flags, of_model_dir=flags.mode == "eval")
    if flags.mode == "eval":
        checkpoints.find(flags.model_dir)
    tasks: list[Any] = []
    categories: list[Categories] = []

    def complete(given: Any, **sides: bool) -> tuple[str, ...]:
        categories.append(resolve.resolve(given, **sides))
        return categories[-1].names

    def task_class(config: Any, **more: Any) -> Any:
        tasks.append(task.create(config, **more))
        return tasks[-1]

    metrics = runner.run(params, flags.mode, flags.model_dir, complete, task_class)
    if metrics is None:
        step = checkpoints.last_step(flags.model_dir)
        print(f"trained {step:,} steps; the run is in {flags.model_dir}")
        return
    side = params.task.validation_data
    path = flags.output or os.path.join(flags.model_dir, EVALUATION)
    given = {"data": side.tfds_name, "split": side.tfds_split}
    if side.input_path:
        given = {"data": side.input_path}
    result = {**given, **metrics}
    write_json(path, result)
    evaluated = tasks[0].evaluation
    if evaluated is not None:
        _report(flags, evaluated, categories[0], side, os.path.splitext(path)[0])
    for line in described(metrics):
        print(line)
    print(f"{dataset.name_of(side)} after {int(metrics['step']):,} steps; written to {path}")


def _report(
    flags: Any, evaluated: coco_figures.Evaluation, categories: Categories, side: Any, folder: str
) -> None:
    """Tables and pictures beside the numbers; the classes are told before these."""
    from detection.data import images
    from detection.inference import evaluation_report

    drawn = evaluation_report.write(
        evaluated,
        categories,
        images.from_data(side),
        folder,
        worst=flags.worst,
        score_threshold=flags.score_threshold,
    )
    for line in evaluation_report.described(evaluated.classes, categories):
        print(line)
    print(f"classes, curves and the {len(drawn)} worst images are in {folder}")


def described(metrics: dict[str, float]) -> list[str]:
    """COCO's 12 numbers in words; -1 stands for no object of that kind in the data."""
    # The evaluator names the last recall by the number of detections that it is set to.
    told = {
        f"{kind}{name}": words for kind in ("", "mask_") for name, words in COCO_NUMBERS.items()
    }
    return [
        ("masks: " if name.startswith("mask_") else "")
        + (
            f"{words:32} {metrics[name]:.4f}"
            if metrics[name] >= 0
            else f"{words:32} no such object"
        )
        for name, words in told.items()
        if name in metrics
    ]


def predict(flags: Any, paths: Sequence[str]) -> None:
    """Finds objects in files, folders, or the validation data of the run."""
    from detection.data import images
    from detection.inference.detector import open_detector
    from detection.inference.predict import predict as look

    params = _params(flags, of_model_dir=True)
    files = images.find_files(paths)
    turned = images.check_files(files)
    detector = open_detector(flags.model_dir, params)
    source = images.from_files(files) if paths else images.from_data(params.task.validation_data)
    told = look(
        detector,
        source,
        flags.output,
        score_threshold=flags.score_threshold,
        tile_size=flags.tile_size,
    )
    print(
        f"{told.detections:,} objects in {told.images:,} images; pictures in {told.pictures}, "
        f"COCO's result file in {told.results}"
    )
    if turned:
        print(image_files.turned_line(turned, len(files)))


def export(flags: Any, _: Sequence[str]) -> None:
    """Writes files for other programs."""
    from detection.exporting.export import export as write

    params = _params(flags, of_model_dir=True)
    told = write(flags.model_dir, flags.output, flags.formats, params)
    for kind, file in told["files"].items():
        print(
            f"{kind:12} {file['file']:16} boxes differ from the trained detector's by at most "
            f"{file['boxes']:.1e} of the image, scores by {file['scores']:.1e}; "
            f"takes {file['input']}"
        )
    print(f"wrote {flags.output}, compared on {told['objects']:,} objects of {told['compared_on']}")


def summary(flags: Any, _: Sequence[str]) -> None:
    """Parameters and multiply-adds."""
    from detection.summary import summary as counted

    trained = bool(flags.model_dir) and not (flags.config_file or flags.experiment)
    counts = counted(_params(flags, of_model_dir=trained))
    for name, value in counts.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        print(f"{name.replace('_', ' '):24} {shown}")
    if flags.output:
        write_json(flags.output, counts)


def _params(flags: Any, *, of_model_dir: bool) -> Any:
    if of_model_dir:
        base = experiments.of_model_dir(flags.model_dir)
    else:
        name = configure.experiment_of(flags.config_file, flags.experiment)
        base = configure.experiment(name or experiments.NAMES[0], experiments.NAMES)
    return configure.configure(
        base,
        files=flags.config_file,
        override=flags.params_override,
        genotype=flags.genotype,
        data_dir=flags.data_dir,
    )
