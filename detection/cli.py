"""\
cell-detect: trains a genotype as the backbone of an object detector, with Model Garden's trainer.

A genotype is a file that `cell-search` wrote, or a name of the catalogue (`cells list`).

  Train on scenes of handwritten digits, in minutes without an accelerator, and evaluate:
    cell-detect --mode=train_and_eval --config_file=configs/detection/digits_scenes.yaml \\
      --genotype=genotype.json --model_dir=runs/detector
  COCO, from the weights of a classifier that cell-transfer trained with the same genotype:
    cell-detect --mode=train_and_eval --config_file=configs/detection/coco.yaml \\
      --genotype=nasnet_a --model_dir=runs/coco \\
      --params_override=task.init_checkpoint=runs/classifier
  Your own boxes: a COCO file, a folder of Pascal VOC's XML or of YOLO's text files, with images:
    cell-detect --mode=convert --annotations=train.json --images=photos.zip --output=boxes/train
    cell-detect --mode=convert --annotations=val.json --images=photos.zip --output=boxes/val
    cell-detect --mode=train_and_eval --config_file=configs/detection/digits_scenes.yaml \\
      --model_dir=runs/boxes_detector --params_override="task.train_data.input_path=boxes/train,\\
      task.validation_data.input_path=boxes/val"
  Find objects in images, videos and folders; draws them, and writes COCO's result file:
    cell-detect --mode=predict --model_dir=runs/detector --output=found photo.jpg holiday/
  The same for images of the validation data, or of another split:
    cell-detect --mode=predict --model_dir=runs/detector --output=found \\
      --params_override="task.validation_data.tfds_split='validation[:20]'"
  Write it for TensorFlow Serving, for phones and for ONNX Runtime:
    cell-detect --mode=export --model_dir=runs/detector --output=exported_detector \\
      --formats=saved_model,tflite,onnx
  Count parameters of what would be trained:
    cell-detect --mode=summary --config_file=configs/detection/coco.yaml --genotype=pnasnet_5

Modes:
  train           trains; an interrupted run goes on from its last checkpoint
  train_and_eval  the same, with evaluations in between and at the end
  eval            COCO's 12 numbers for the last checkpoint; writes evaluation.json to --model_dir,
                  and evaluation/ with a table of classes, curves and the worst images
  predict         writes results.json and pictures/ to the folder --output
  export          writes a SavedModel to --output: files of images in, boxes in their pixels out;
                  or, to the folder --output, the files that --formats names
  convert         makes TFRecords of --annotations and --images in the folder --output, or a COCO
                  file where --output ends in .json; an interrupted conversion goes on
  summary         prints parameters and multiply-adds; trains nothing

The configuration is: the experiment (that --experiment or a file names), then each --config_file,
then --params_override, then --genotype. The experiments are cells_retinanet (the one if none is
named), cells_fasterrcnn and cells_maskrcnn, small for a computer without accelerator; each with
_coco behind its name; resnet_retinanet_coco, resnet_fasterrcnn_coco and resnet_maskrcnn_coco to
compare with. eval and predict start from the configuration that --model_dir holds instead.
`cells docs detection` explains all of it.
"""

# TensorFlow is imported only once there is work.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from cells import run_flags
from cells.checks import stages
from cells.support import command_line

if TYPE_CHECKING:
    from detection.api import EvaluationResult

#: Of `detection.exporting.formats`, which imports what --help has no time for.
FORMATS = ("saved_model", "tflite", "onnx")


def main() -> None:
    """Runs the command line; never returns."""
    _define_flags()
    command_line.run(_main, module=__name__, prog="cell-detect")


def _define_flags() -> None:
    # Not at import: the other command lines have flags of the same names.
    command_line.define_run_flags(tuple(_MODES), "Name of the experiment; cells_retinanet if none.")
    flags.DEFINE_string(
        "output",
        None,
        "Folder to write for predict, export and convert, JSON file for eval and summary.",
    )
    flags.DEFINE_float(
        "score_threshold", 0.3, "What is found with a lower score is not shown, 0 to 1."
    )
    flags.DEFINE_integer(
        "tile_size",
        0,
        "predict: images with a longer side are also run in tiles of this many pixels; 0: off.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "class_agnostic", False, "predict: one box a thing, the surest, whatever its class."
    )
    flags.DEFINE_list(
        "formats", [], f"What export writes to the folder --output: {', '.join(FORMATS)}."
    )
    flags.DEFINE_integer("worst", 10, "eval: how many images with the most errors are drawn.")
    flags.DEFINE_string(
        "annotations", None, "convert: COCO file, or folder of Pascal VOC's or YOLO's files."
    )
    flags.DEFINE_string("images", None, "convert: folder or zip file of the images.")
    flags.DEFINE_string(
        "classes",
        None,
        "convert: names of YOLO's or VOC's classes: YAML, or one a line.",
    )
    flags.DEFINE_integer("shards", None, "convert: number of files; one for 1,000 images if none.")
    flags.DEFINE_bool("masks", False, "convert: keep the outlines of objects, for Mask R-CNN.")


def _main(argv: Sequence[str]) -> None:
    run_flags.say(argv, stages.DETECTOR, _MODES)


def _settings(*, trained: bool = True) -> dict[str, Any]:
    settings = run_flags.settings(stages.DETECTOR, trained=trained)
    if trained and flags.FLAGS.genotype:
        from transfer.runs import model_dir

        model_dir.check_genotype(flags.FLAGS.model_dir, flags.FLAGS.genotype)
    return settings


def _report() -> dict[str, Any]:
    """The flags of an evaluation."""
    values = flags.FLAGS
    names = ("output", "worst", "score_threshold")
    return {name: getattr(values, name) for name in names}


def _train(_: Sequence[str]) -> Iterator[str]:
    from detection.api import train

    folder = command_line.required("model_dir")
    stages.require_own("model_dir", folder, stages.DETECTOR)
    evaluate = flags.FLAGS.mode == "train_and_eval"
    result = train(folder, evaluate=evaluate, **_settings(trained=False), **_report())
    if result.evaluation is None:
        yield f"trained {result.steps:,} steps; the run is in {result.model_dir}"
    else:
        yield from _described(result.evaluation)


def _evaluate(_: Sequence[str]) -> Iterator[str]:
    from detection.api import evaluate

    yield from _described(evaluate(command_line.required("model_dir"), **_settings(), **_report()))


def _described(result: EvaluationResult) -> Iterator[str]:
    """The lines that tell what came of an evaluation: classes, then COCO's numbers in words."""
    from detection.inference import evaluation_report

    if result.figures is not None:
        yield from evaluation_report.described(result.figures.classes, result.categories)
        yield f"classes, curves and the {result.pictures} worst images are in {result.folder}"
    yield from evaluation_report.coco_lines(result.metrics)
    yield f"{result.data} after {int(result.metrics['step']):,} steps; written to {result.file}"


def _predict(paths: Sequence[str]) -> Iterator[str]:
    from detection.api import predict

    folder, output = command_line.required("model_dir"), command_line.required("output")
    values = flags.FLAGS
    result = predict(
        folder,
        paths,
        output=output,
        score_threshold=values.score_threshold,
        tile_size=values.tile_size,
        class_agnostic=values.class_agnostic,
        **_settings(),
    )
    yield (
        f"{result.detections:,} objects in {result.images:,} images; pictures in "
        f"{result.pictures}, COCO's result file in {result.results}"
    )


def _export(_: Sequence[str]) -> Iterator[str]:
    folder, output = command_line.required("model_dir"), command_line.required("output")
    formats = run_flags.formats(FORMATS)
    settings = _settings()
    from detection.exporting.export import export

    result = export(folder, output, formats, **settings)
    for kind, file in result["files"].items():
        yield (
            f"{kind:12} {file['file']:16} boxes differ from the trained detector's by at most "
            f"{file['boxes']:.1e} of the image, scores by {file['scores']:.1e}; "
            f"takes {file['input']}"
        )
    if "score_threshold" in result:
        yield (
            "warning: nothing is found there that is as sure as detection_generator wants, so the "
            f"files were compared by what has {result['score_threshold']:.2g}; train longer"
        )
    if not result["objects"]:
        yield "warning: there was no object to compare, so nothing is known of the files' boxes"
    yield f"wrote {output}, compared on {result['objects']:,} objects of {result['compared_on']}"


def _convert(_: Sequence[str]) -> Iterator[str]:
    annotations, output = command_line.required("annotations"), command_line.required("output")
    from detection.conversion.contents import described
    from detection.conversion.from_files import convert

    values = flags.FLAGS
    result = convert(
        annotations,
        output,
        values.images,
        classes=values.classes,
        shards=values.shards,
        masks=values.masks,
    )
    yield from result.notes
    if result.records is not None:
        yield from described(result.records)
    else:
        yield (
            f"{result.images:,} images with {result.objects:,} objects of "
            f"{len(result.classes)} classes, as they stand; written to {result.path}"
        )


def _summary(_: Sequence[str]) -> Iterator[str]:
    trained = run_flags.is_of_run()
    folder = flags.FLAGS.model_dir if trained else None
    settings = _settings(trained=trained)
    from detection.config.read import read_params
    from detection.summary import summary

    yield from run_flags.counted(summary(read_params(folder, **settings)))


_MODES = {
    "train": _train,
    "eval": _evaluate,
    "train_and_eval": _train,
    "predict": _predict,
    "export": _export,
    "convert": _convert,
    "summary": _summary,
}
