"""cell-transfer: trains a genotype as an image classifier, with Model Garden's trainer.

A genotype is a file that `cell-search` wrote, or a name of the catalogue (`cells list`).

  Train on CIFAR-10 for 200 steps and evaluate:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/cifar10_smoke.yaml \\
      --genotype=genotype.json --model_dir=runs/classifier
  Your own images (a folder CLASS/*), from the weights of an earlier training:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/finetune.yaml \\
      --model_dir=runs/flowers_classifier --params_override="task.init_checkpoint=runs/classifier,\\
      task.train_data.tfds_name=./flowers,task.validation_data.tfds_name=./flowers"
  Train what a search found, with the settings that it wrote:
    cell-transfer --mode=train_and_eval --config_file=runs/search/train.yaml --model_dir=runs/won
  The paper's recipe for ImageNet (mobile) on 8 GPUs:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/imagenet_mobile.yaml \\
      --model_dir=runs/mobile
  Evaluate a trained network again, on another split, or on a folder of images (CLASS/*):
    cell-transfer --mode=eval --model_dir=runs/classifier \\
      --params_override="task.validation_data.tfds_split=train[:1000]"
    cell-transfer --mode=eval --model_dir=runs/flowers_classifier --crops=10 \\
      --params_override="task.validation_data.tfds_name=./flowers"
  Say what is on images, in files or folders:
    cell-transfer --mode=predict --model_dir=runs/classifier photo.jpg holiday/ --output=said.json
  Write it as a Keras file that opens without this project:
    cell-transfer --mode=export --model_dir=runs/classifier --output=classifier.keras
  Write it for TensorFlow Serving and for phones, in a folder with the labels:
    cell-transfer --mode=export --model_dir=runs/classifier --output=exported \\
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
`cells docs transfer` explains all of it.
"""

# TensorFlow is imported only once there is work.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from absl import flags

from cells import run_flags
from cells.checks import stages
from cells.support import command_line
from cells.support.errors import UserError

if TYPE_CHECKING:
    from transfer.api import EvaluationResult

#: Of `transfer.exporting.formats`, which imports what --help has no time for.
FORMATS = ("keras", "weights", "saved_model", "tflite", "tflite_int8", "onnx")


def main() -> None:
    """Runs the command line; never returns."""
    _define_flags()
    command_line.run(_main, module=__name__, prog="cell-transfer")


def _define_flags() -> None:
    # Not at import: the other command lines have flags of the same names.
    command_line.define_run_flags(
        tuple(_MODES), "Name of the experiment; by default the files' or cells_classification."
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
        "crops", 1, "eval averages over this many crops of each image: 1, 5 or 10 (5 and mirrored)."
    )


def _main(argv: Sequence[str]) -> None:
    run_flags.say(argv, stages.CLASSIFIER, _MODES)


def _train(_: Sequence[str]) -> Iterator[str]:
    from transfer import api

    values = flags.FLAGS
    folder = command_line.required("model_dir")
    stages.require_own("model_dir", folder, stages.CLASSIFIER)
    result = api.train(
        folder,
        evaluate=values.mode == "train_and_eval",
        output=values.output,
        **run_flags.settings(stages.CLASSIFIER, trained=False),
    )
    if result.evaluation is None:
        yield f"trained {result.steps:,} steps; the run is in {folder}"
    else:
        yield _evaluated(result.evaluation)


def _evaluate(_: Sequence[str]) -> Iterator[str]:
    values = flags.FLAGS
    folder = command_line.required("model_dir")
    settings = run_flags.settings(stages.CLASSIFIER)
    from transfer import api, evaluation

    if values.genotype:
        from transfer.runs import model_dir

        model_dir.check_genotype(folder, values.genotype)
    result = api.evaluate(
        folder,
        checkpoint=values.checkpoint,
        crops=values.crops,
        output=values.output,
        **settings,
    )
    if result.by_class is not None:
        yield from evaluation.worst(result.by_class)
    yield f"confusion matrix in {result.picture}"
    yield _evaluated(result)


def _evaluated(result: EvaluationResult) -> str:
    from transfer.training import progress

    return (
        f"{progress.described(result.metrics)} on {result.data} {result.split} after "
        f"{int(result.metrics['step']):,} steps; written to {result.file}"
    )


def _predict(paths: Sequence[str]) -> Iterator[str]:
    values = flags.FLAGS
    _refuse_settings("predict")
    folder = command_line.required("model_dir")
    if not paths:
        raise UserError("--mode=predict: needs images: give files or folders after the flags")
    from transfer import api

    run_flags.begin(stages.CLASSIFIER)
    predictions = api.predict(
        folder, paths, top=values.top, checkpoint=values.checkpoint, output=values.output
    )
    from transfer import prediction

    yield from prediction.table(predictions)


def _refuse_settings(mode: str) -> None:
    for name in ("config_file", "params_override", "genotype"):
        if getattr(flags.FLAGS, name):
            raise UserError(f"--{name}: {mode} takes the network as it was trained; leave it out")


def _export(_: Sequence[str]) -> Iterator[str]:
    values = flags.FLAGS
    _refuse_settings("export")
    folder, output = command_line.required("model_dir"), command_line.required("output")
    formats = run_flags.formats(FORMATS)
    run_flags.begin(stages.CLASSIFIER)
    from transfer.exporting.export import export

    result = export(folder, output, formats, checkpoint=values.checkpoint)
    for kind, file in result["files"].items():
        yield (
            f"{kind:12} {file['file']:24} top-1 agrees with the trained network on "
            f"{file['top_1_agreement']:.1%}, largest difference {file['largest_difference']:.1e} "
            f"of the largest logit; takes {file['input']}"
        )
    yield (
        f"wrote {output}: {len(result['classes'])} classes, weights of step {result['step']:,} "
        f"({result['weights']}), compared on {result['compared_on']}"
    )


def _summary(_: Sequence[str]) -> Iterator[str]:
    values = flags.FLAGS
    trained = run_flags.is_of_run()
    folder = values.model_dir if trained else None
    settings = run_flags.settings(stages.CLASSIFIER, trained=trained)
    from transfer.runs.configuration import read_params
    from transfer.step_time import measure
    from transfer.summary import summary

    params = read_params(folder, **{**settings, "genotype": values.genotype})
    counts = summary(params)
    if values.measure:
        counts |= measure(params)
    yield from run_flags.counted(counts)


_MODES = {
    "train": _train,
    "eval": _evaluate,
    "train_and_eval": _train,
    "predict": _predict,
    "export": _export,
    "summary": _summary,
}
