"""The command line of the second stage. TensorFlow is imported only once there is work."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from cells.support import command_line

MODES = ("train", "eval", "train_and_eval", "predict", "export", "summary")

#: Of `transfer.exporting.formats`, which imports what --help has no time for.
FORMATS = ("keras", "weights", "saved_model", "tflite", "tflite_int8", "onnx")

HELP = """\
cell-transfer: trains a genotype as an image classifier, with Model Garden's trainer.

A genotype is a file that `cell-search` wrote, or a name of the catalogue (`cells list`).

  Train on CIFAR-10 for 200 steps and evaluate:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/cifar10_smoke.yaml \\
      --genotype=genotype.json --model_dir=/tmp/cifar10
  Your own images (a folder CLASS/*), from the weights of an earlier training:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/finetune.yaml \\
      --model_dir=/tmp/flowers --params_override="task.init_checkpoint=/tmp/cifar10,\\
      task.train_data.tfds_name=./flowers,task.validation_data.tfds_name=./flowers"
  Train what a search found, with the settings that it wrote:
    cell-transfer --mode=train_and_eval --config_file=SEARCH_DIR/train.yaml --model_dir=/tmp/won
  The paper's recipe for ImageNet (mobile) on 8 GPUs:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/imagenet_mobile.yaml \\
      --model_dir=/tmp/mobile
  Evaluate a trained network again, on another split, or on a folder of images (CLASS/*):
    cell-transfer --mode=eval --model_dir=/tmp/cifar10 \\
      --params_override="task.validation_data.tfds_split=train[:1000]"
    cell-transfer --mode=eval --model_dir=/tmp/cifar10 --crops=10 \\
      --params_override="task.validation_data.tfds_name=./photos"
  Say what is on images, in files or folders:
    cell-transfer --mode=predict --model_dir=/tmp/cifar10 photo.jpg holiday/ --output=said.json
  Write it as a Keras file that opens without this project:
    cell-transfer --mode=export --model_dir=/tmp/cifar10 --output=classifier.keras
  Write it for TensorFlow Serving and for phones, in a folder with the labels:
    cell-transfer --mode=export --model_dir=/tmp/cifar10 --output=exported \\
      --formats=saved_model,tflite,tflite_int8
  Count parameters and multiply-adds of what would be trained:
    cell-transfer --mode=summary --config_file=configs/transfer/imagenet_mobile.yaml

Modes:
  train           trains; an interrupted run goes on from its last checkpoint
  train_and_eval  the same, with evaluations in between and at the end
  eval            evaluates the last checkpoint of --model_dir: accuracy by class, confusion,
                  calibration; writes evaluation.json and evaluation.png there
  predict         the likeliest classes of image files
  export          writes a .keras file, or those that --formats names, and a .json with the
                  classes and the input's scaling
  summary         prints parameters, multiply-adds and memory; with --measure the time of a step

The configuration is: the experiment that --experiment or a file's `experiment:` names, then each
--config_file, then --params_override, then --genotype. The experiments are cells_classification
(any TFDS set or folder of labelled images), cells_cifar10, cells_imagenet_mobile,
cells_imagenet_large and cells_finetune (from earlier weights).
eval, predict and export start from the configuration that --model_dir holds instead.
docs/transfer.md explains all of it.
"""


def main() -> None:
    """Runs the command line; never returns."""
    _define_flags()
    command_line.run(_main, module=__name__, text=HELP, prog="cell-transfer")


def _define_flags() -> None:
    # Not at import: the other command lines have flags of the same names.
    command_line.define_run_flags(
        MODES, "Name of the experiment; by default the files' or cells_classification."
    )
    flags.DEFINE_string(
        "output",
        None,
        "File to write: the .keras file of export, or the JSON of eval, predict and summary.",
    )
    flags.DEFINE_enum(
        "checkpoint",
        "latest",
        ("latest", "best"),
        "Which weights eval, predict and export take; best where the recipe keeps one.",
    )
    flags.DEFINE_list(
        "formats", [], f"What export writes to the folder --output: {', '.join(FORMATS)}."
    )
    flags.DEFINE_integer("top", 5, "How many classes predict tells of each image.", lower_bound=1)
    flags.DEFINE_boolean("measure", False, "Whether summary also times some training steps.")
    flags.DEFINE_integer(
        "crops", 1, "eval averages over so many crops of each image: 1, 5 or 10 (5 and mirrored)."
    )


def _main(argv: Sequence[str]) -> None:
    from cells.support.errors import UserError

    mode = command_line.required("mode")
    if mode == "predict":
        command_line.hush()
        _predict(argv[1:])
        return
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r}: is no flag; see cell-transfer --help")
    command_line.hush()
    {
        "train": _run,
        "train_and_eval": _run,
        "eval": _eval,
        "export": _export,
        "summary": _summary,
    }[mode]()


def _params(*, of_model_dir: bool) -> Any:
    from transfer.config import configure
    from transfer.runs import model_dir

    values = flags.FLAGS
    if of_model_dir:
        base = model_dir.read_params(command_line.required("model_dir"))
    else:
        name = configure.experiment_of(values.config_file, values.experiment)
        base = configure.experiment(name or configure.DEFAULT_EXPERIMENT)
    return configure.configure(
        base,
        files=values.config_file,
        override=values.params_override,
        genotype=values.genotype,
        data_dir=values.data_dir,
    )


def _run() -> None:
    values = flags.FLAGS
    folder = command_line.required("model_dir")
    params = _params(of_model_dir=False)
    from transfer.training import checkpoints, runner

    metrics = runner.run(params, values.mode, folder)
    if metrics is None:
        print(f"trained {checkpoints.last_step(folder):,} steps; the run is in {folder}")
        return
    _write_evaluation(params, metrics, values.output or os.path.join(folder, "evaluation.json"))


def _eval() -> None:
    values = flags.FLAGS
    folder = command_line.required("model_dir")
    params = _params(of_model_dir=True)
    from cells.support.errors import UserError
    from transfer import evaluation

    if values.crops not in evaluation.CROPS:
        raise UserError(f"--crops: {values.crops} is none of 1, 5 and 10")
    found = evaluation.evaluate(params, folder, values.checkpoint, crops=values.crops)
    by_class = found.by_class()
    for line in evaluation.worst(by_class):
        print(line)
    path = values.output or os.path.join(folder, "evaluation.json")
    picture = os.path.splitext(path)[0] + ".png"
    metrics = found.metrics(params.task.evaluation.top_k)
    _write_evaluation(params, metrics, path, crops=values.crops, by_class=by_class)
    # Last, since the numbers must not wait for a picture.
    evaluation.draw(found, picture)
    print(f"confusion matrix in {picture}")


def _write_evaluation(params: Any, metrics: dict[str, float], path: str, **more: Any) -> None:
    from cells.support.files import write_json
    from transfer.training import progress

    data = params.task.validation_data
    result = {"data": data.tfds_name or data.input_path, "split": data.tfds_split}
    write_json(path, {**result, **metrics, **more})
    print(
        f"{progress.described(metrics)} on {data.tfds_name or data.input_path} "
        f"{data.tfds_split} after {int(metrics['step']):,} steps; written to {path}"
    )


def _predict(paths: Sequence[str]) -> None:
    from cells.data import image_files
    from cells.support.errors import UserError
    from cells.support.files import write_json

    values = flags.FLAGS
    _refuse_settings("predict")
    folder = command_line.required("model_dir")
    if not paths:
        raise UserError("--mode=predict: needs images: files or folders, behind the flags")
    files = image_files.find_files(paths)
    turned = image_files.check_files(files)
    from transfer import prediction as predict
    from transfer.training import checkpoints

    trained = checkpoints.open_classifier(folder, values.checkpoint)
    told = list(predict.predict(trained, files, values.top))
    if values.output:
        write_json(values.output, [prediction.to_dict() for prediction in told])
    print("\n".join(predict.table(told)))
    if turned:
        print(image_files.turned_line(turned, len(files)), file=sys.stderr)


def _refuse_settings(mode: str) -> None:
    from cells.support.errors import UserError

    for name in ("config_file", "params_override", "genotype"):
        if getattr(flags.FLAGS, name):
            raise UserError(f"--{name}: {mode} takes the network as it was trained; leave it out")


def _export() -> None:
    values = flags.FLAGS
    _refuse_settings("export")
    from cells.support.errors import unknown

    folder, output = command_line.required("model_dir"), command_line.required("output")
    for name in values.formats:
        if name not in FORMATS:
            raise unknown("--formats", name, FORMATS)
    from transfer.exporting.export import export

    told = export(folder, output, values.checkpoint, values.formats)
    for kind, file in told["files"].items():
        print(
            f"{kind:12} {file['file']:24} top-1 agrees with the trained network on "
            f"{file['top_1_agreement']:.1%}, largest difference {file['largest_difference']:.1e} "
            f"of the largest logit; takes {file['input']}"
        )
    print(
        f"wrote {output}: {len(told['classes'])} classes, weights of step {told['step']:,} "
        f"({told['weights']}), compared on {told['compared_on']}"
    )


def _summary() -> None:
    from cells.support.files import write_json
    from transfer.summary import measure, summary

    values = flags.FLAGS
    trained = bool(values.model_dir) and not (values.config_file or values.experiment)
    params = _params(of_model_dir=trained)
    counts = summary(params)
    if values.measure:
        counts |= measure(params)
    for name, value in counts.items():
        print(f"{name.replace('_', ' '):24} {_shown(name, value)}")
    if values.output:
        write_json(values.output, counts)


def _shown(name: str, value: Any) -> str:
    if name.endswith("_bytes"):
        return f"{value / 2**20:,.1f} MiB (estimate)"
    if name.endswith("_seconds"):
        return f"{value:.3f} s" + (" (estimate)" if name == "step_seconds" else "")
    return f"{value:,}" if isinstance(value, int) else str(value)
