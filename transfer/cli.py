"""The command line of the second stage. TensorFlow is imported only once there is work."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from absl import flags

import cells.cli

MODES = ("train", "eval", "train_and_eval", "export", "summary")

HELP = """\
cell-transfer: trains a genotype as an image classifier, with Model Garden's trainer.

A genotype is a file that `cell-search` wrote, or a name of the catalogue (`cells list`).

  Train on CIFAR-10 for 200 steps and evaluate:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/cifar10_smoke.yaml \\
      --genotype=genotype.json --model_dir=/tmp/cifar10
  Train what a search found, with the settings that it wrote:
    cell-transfer --mode=train_and_eval --config_file=SEARCH_DIR/train.yaml --model_dir=/tmp/won
  The paper's recipe for ImageNet (mobile) on 8 GPUs:
    cell-transfer --mode=train_and_eval --config_file=configs/transfer/imagenet_mobile.yaml \\
      --model_dir=/tmp/mobile
  Evaluate a trained network again, on another split:
    cell-transfer --mode=eval --model_dir=/tmp/cifar10 \\
      --params_override="task.validation_data.tfds_split=train[:1000]"
  Write it as a Keras file that opens without this project:
    cell-transfer --mode=export --model_dir=/tmp/cifar10 --output=classifier.keras
  Count parameters and multiply-adds of what would be trained:
    cell-transfer --mode=summary --config_file=configs/transfer/imagenet_mobile.yaml

Modes:
  train           trains; an interrupted run goes on from its last checkpoint
  train_and_eval  the same, with evaluations in between and at the end
  eval            evaluates the last checkpoint of --model_dir; writes evaluation.json there
  export          writes a .keras file, and a .json with the classes and the input's scaling
  summary         prints parameters and multiply-adds; trains nothing

The configuration is: the experiment that --experiment or a file's `experiment:` names, then each
--config_file, then --params_override, then --genotype. The experiments are cells_classification
(any TFDS set of labelled images), cells_cifar10, cells_imagenet_mobile and cells_imagenet_large.
eval and export start from the configuration that --model_dir holds instead. docs/transfer.md
explains all of it.
"""


def main() -> None:
    """Runs the command line; never returns."""
    _define_flags()
    cells.cli.run(_main, module=__name__, text=HELP, prog="cell-transfer")


def _define_flags() -> None:
    # Not at import: the other command lines have flags of the same names.
    cells.cli.define_run_flags(
        MODES, "Name of the experiment; by default the files' or cells_classification."
    )
    flags.DEFINE_string(
        "output",
        None,
        "File to write: the .keras file of export, or the JSON of eval and summary.",
    )
    flags.DEFINE_enum(
        "checkpoint",
        "latest",
        ("latest", "best"),
        "Which weights export takes; best where the recipe keeps one.",
    )


def _main(argv: Sequence[str]) -> None:
    from cells.errors import UserError

    if len(argv) > 1:
        raise UserError(f"{argv[1]!r}: is no flag; see cell-transfer --help")
    mode = cells.cli.required("mode")
    cells.cli.hush()
    {
        "train": _run,
        "train_and_eval": _run,
        "eval": _run,
        "export": _export,
        "summary": _summary,
    }[mode]()


def _params(*, of_model_dir: bool) -> Any:
    from transfer import configure, model_dir

    values = flags.FLAGS
    if of_model_dir:
        base = model_dir.read_params(cells.cli.required("model_dir"))
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
    from cells.files import write_atomically

    values = flags.FLAGS
    folder = cells.cli.required("model_dir")
    params = _params(of_model_dir=values.mode == "eval")
    from transfer import checkpoints, progress, runner

    if values.mode == "eval":
        checkpoints.find(folder)
    metrics = runner.run(params, values.mode, folder)
    if metrics is None:
        print(f"trained {params.trainer.train_steps:,} steps; the run is in {folder}")
        return
    path = values.output or os.path.join(folder, "evaluation.json")
    data = params.task.validation_data
    result = {"data": data.tfds_name, "split": data.tfds_split, **metrics}
    write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
    print(
        f"{progress.described(metrics)} on {data.tfds_name or data.input_path} "
        f"{data.tfds_split} after {int(metrics['step']):,} steps; written to {path}"
    )


def _export() -> None:
    from cells.errors import UserError

    values = flags.FLAGS
    for name in ("config_file", "params_override", "genotype"):
        if getattr(values, name):
            raise UserError(f"--{name}: export takes the network as it was trained; leave it out")
    from transfer.export import export

    path = cells.cli.required("output")
    told = export(cells.cli.required("model_dir"), path, values.checkpoint)
    print(
        f"wrote {path}: {len(told['classes'])} classes, weights of step {told['step']:,} "
        f"({told['weights']}), logits as in training to "
        f"{told['logits_differ_from_training_by']:.1e}; open it with keras.models.load_model"
    )


def _summary() -> None:
    from cells.files import write_atomically
    from transfer.summary import summary

    values = flags.FLAGS
    trained = bool(values.model_dir) and not (values.config_file or values.experiment)
    counts = summary(_params(of_model_dir=trained))
    for name, value in counts.items():
        print(
            f"{name.replace('_', ' '):24} {value:,}"
            if isinstance(value, int)
            else f"{name.replace('_', ' '):24} {value}"
        )
    if values.output:
        write_atomically(values.output, (json.dumps(counts, indent=2) + "\n").encode())
