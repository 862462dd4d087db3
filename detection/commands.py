"""The modes of `cell-detect`: flags and arguments in, lines printed and files written."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from cells import image_files
from cells.files import write_atomically
from detection import experiments, resolve
from detection.task import CellsRetinaNetTask
from transfer import configure, model_dir

EVALUATION = "evaluation.json"

#: COCO's 12 numbers, as Model Garden's evaluator calls them and as people read them.
COCO_NUMBERS = {
    "AP": "AP, mean over IoU 0.50 to 0.95",
    "AP50": "AP at IoU 0.50",
    "AP75": "AP at IoU 0.75",
    "APs": "AP, small (below 32x32 pixels)",
    "APm": "AP, medium (up to 96x96)",
    "APl": "AP, large",
    "ARmax1": "AR with 1 detection an image",
    "ARmax10": "AR with 10 detections",
    "ARmax100": "AR with 100 detections",
    "ARs": "AR, small",
    "ARm": "AR, medium",
    "ARl": "AR, large",
}


def run(flags: Any, _: Sequence[str]) -> None:
    """Trains, evaluates, or both."""
    from detection import data
    from transfer import checkpoints, runner

    params = _params(flags, of_model_dir=flags.mode == "eval")
    if flags.mode == "eval":
        checkpoints.find(flags.model_dir)
    metrics = runner.run(
        params,
        flags.mode,
        flags.model_dir,
        complete=lambda given, **sides: resolve.resolve(given, **sides).names,
        task_class=CellsRetinaNetTask,
    )
    if metrics is None:
        print(f"trained {params.trainer.train_steps:,} steps; the run is in {flags.model_dir}")
        return
    side = params.task.validation_data
    path = flags.output or os.path.join(flags.model_dir, EVALUATION)
    given = {"data": side.tfds_name, "split": side.tfds_split}
    if side.input_path:
        given = {"data": side.input_path}
    result = {**given, **metrics}
    write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
    for line in described(metrics):
        print(line)
    print(f"{data.name_of(side)} after {int(metrics['step']):,} steps; written to {path}")


def described(metrics: dict[str, float]) -> list[str]:
    """COCO's 12 numbers in words; -1 stands for no object of that kind in the data."""
    # The evaluator names the last recall by the number of detections that it is set to.
    return [
        f"{words:32} {metrics[name]:.4f}" if metrics[name] >= 0 else f"{words:32} no such object"
        for name, words in COCO_NUMBERS.items()
        if name in metrics
    ]


def predict(flags: Any, paths: Sequence[str]) -> None:
    """Finds objects in files, folders, or the validation data of the run."""
    from detection import images
    from detection.detector import open_detector
    from detection.predict import predict as look

    params = _params(flags, of_model_dir=True)
    files = image_files.find_files(paths)
    image_files.check_files(files)
    detector = open_detector(flags.model_dir, params)
    source = images.from_files(files) if paths else images.from_data(params.task.validation_data)
    told = look(detector, source, flags.output, score_threshold=flags.score_threshold)
    print(
        f"{told.detections:,} objects in {told.images:,} images; pictures in {told.pictures}, "
        f"COCO's result file in {told.results}"
    )


def summary(flags: Any, _: Sequence[str]) -> None:
    """Parameters and multiply-adds."""
    from detection.summary import summary as counted

    trained = bool(flags.model_dir) and not (flags.config_file or flags.experiment)
    counts = counted(_params(flags, of_model_dir=trained))
    for name, value in counts.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        print(f"{name.replace('_', ' '):24} {shown}")
    if flags.output:
        write_atomically(flags.output, (json.dumps(counts, indent=2) + "\n").encode())


def _params(flags: Any, *, of_model_dir: bool) -> Any:
    if of_model_dir:
        base = model_dir.read_params(flags.model_dir, experiments.cells_retinanet())
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
