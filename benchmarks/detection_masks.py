"""Masks of a trained Mask R-CNN on 8 images of COCO, by the commands that people use.

The images and their outlines are converted, learnt by heart, evaluated, and looked at again by
`--mode=predict`. Its result file goes to `pycocotools` beside COCO's own annotations, and must have
the figure that the evaluation had. Needs CELLS_DATA_DIR with `coco_sample`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pathlib
import statistics
import tempfile
from typing import Any

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import Figure, print_figures, required

LIMITS = {
    "mask AP50 of the result file on 8 images learnt by heart": (
        ">= 0.6",
        0.0,
        "masks that are turned by a quarter",
    ),
    "its difference from the evaluation's": ("<= 0.001", 0.9, "an empty result file"),
    "IoU of masks with outlines, median": (">= 0.6", 0.0, "masks of other objects"),
    "pictures": (">= 8", 0, "pictures that are not drawn"),
    "minutes of training": ("<= 20", 40, "every step traced anew, about"),
}

IMAGES = 8

STEPS = 300


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", help="folder to keep with run, pictures and results")
    args = parser.parse_args()
    data_dir()
    with contextlib.ExitStack() as stack:
        kept = args.output or stack.enter_context(tempfile.TemporaryDirectory())
        print_figures(_figures(pathlib.Path(kept)), seeds=[1])


def _figures(folder: pathlib.Path) -> list[Figure]:
    sample = pathlib.Path(data_dir()) / "coco_sample"
    folder.mkdir(parents=True, exist_ok=True)
    truth = _few(json.loads((sample / "instances_train2017.json").read_bytes()))
    annotations = folder / "few.json"
    annotations.write_text(json.dumps(truth), encoding="utf-8")
    boxes, run_dir, found = folder / "boxes", folder / "run", folder / "found"
    images = sample / "images.zip"
    given = [f"--annotations={annotations}", f"--images={images}", f"--output={boxes}", "--masks"]
    run("cell-detect", "--mode=convert", *given)
    settings = json.dumps(_settings(str(boxes)))
    seconds = run(
        "cell-detect",
        "--mode=train_and_eval",
        "--experiment=cells_maskrcnn",
        "--genotype=nasnet_a",
        f"--model_dir={run_dir}",
        f"--params_override={settings}",
    )
    given = [f"--model_dir={run_dir}", f"--output={found}", "--score_threshold=0.05"]
    run("cell-detect", "--mode=predict", *given)
    # Refuses a SavedModel that finds anything else.
    run("cell-detect", "--mode=export", f"--model_dir={run_dir}", f"--output={folder / 'saved'}")
    pictures = len(list((found / "pictures").glob("*.jpg")))
    evaluated = json.loads((run_dir / "evaluation.json").read_bytes())["mask_AP50"]
    predicted, overlaps = _judged(annotations, found / "results.json")
    overlap = round(statistics.median(overlaps), 4)
    return [
        required(LIMITS, "mask AP50 of the result file on 8 images learnt by heart", predicted),
        required(
            LIMITS, "its difference from the evaluation's", round(abs(predicted - evaluated), 4)
        ),
        required(
            LIMITS,
            "IoU of masks with outlines, median",
            overlap,
            note=f"of {len(overlaps)} found objects",
        ),
        required(LIMITS, "pictures", pictures),
        required(LIMITS, "minutes of training", round(seconds / 60, 2)),
    ]


def _few(values: dict[str, Any]) -> dict[str, Any]:
    """Of a COCO file, the first images that have objects, and no crowds."""
    objects: dict[int, list[dict[str, Any]]] = {}
    for annotation in values["annotations"]:
        objects.setdefault(annotation["image_id"], []).append(annotation)
    images = [
        image
        for image in sorted(values["images"], key=lambda image: image["id"])
        if (its := objects.get(image["id"])) and not any(one["iscrowd"] for one in its)
    ][:IMAGES]
    annotations = [one for image in images for one in objects[image["id"]]]
    return {**values, "images": images, "annotations": annotations}


def _settings(boxes: str) -> dict[str, Any]:
    side = {"input_path": boxes, "tfds_name": "", "global_batch_size": 4}
    parser = {"aug_rand_hflip": False, "aug_scale_min": 1.0, "aug_scale_max": 1.0}
    return {
        "task": {
            "seed": 1,
            "model": {"backbone": {"cells": {"filters": 8, "stem_filters": 16}}},
            "train_data": {**side, "parser": parser},
            "validation_data": side,
        },
        "trainer": {
            "train_steps": STEPS,
            "steps_per_loop": 20,
            "summary_interval": 20,
            "checkpoint_interval": STEPS,
            "validation_interval": STEPS,
            "optimizer_config": {"warmup": {"linear": {"warmup_steps": 10}}},
        },
    }


def _judged(annotations: pathlib.Path, results: pathlib.Path) -> tuple[float, list[float]]:
    """AP50 of masks; of each object that a box of its class fits, the IoU of the mask in it."""
    import numpy as np
    from pycocotools import mask as coco_masks
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        found = truth.loadRes(str(results))
        judge = COCOeval(truth, found, "segm")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    overlaps = []
    for one in truth.loadAnns(truth.getAnnIds()):
        given = found.getAnnIds(one["image_id"], one["category_id"])
        same = [other for other in found.loadAnns(given) if other["score"] >= 0.3]
        if not same:
            continue
        boxes = np.array([other["bbox"] for other in same])
        fits = coco_masks.iou(boxes, np.array([one["bbox"]]), [0])[:, 0]
        if fits.max() >= 0.5:
            mask = same[int(fits.argmax())]["segmentation"]
            overlaps.append(float(coco_masks.iou([mask], [truth.annToRLE(one)], [0])[0, 0]))
    return round(float(judge.stats[1]), 4), overlaps


if __name__ == "__main__":
    main()
