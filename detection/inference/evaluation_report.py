"""What an evaluation leaves behind: tables, curves, and pictures of the worst images."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from cells.support.files import atomic_path, write_atomically
from detection.data.categories import Categories
from detection.data.images import NamedImage
from detection.inference import coco_results, pictures
from detection.inference.detector import Detections
from detection.training.coco_figures import NUMBERS, ClassFigures, Evaluation, ImageErrors

CLASSES, CURVES, WORST = "classes.csv", "precision_recall.png", "worst"


def write(
    evaluation: Evaluation,
    categories: Categories,
    images: Iterable[NamedImage],
    folder: str,
    *,
    worst: int = 10,
    score_threshold: float = 0.3,
) -> list[ImageErrors]:
    """Writes `results.json`, `classes.csv`, `precision_recall.png` and `worst/*.jpg`.

    Args:
        evaluation: what to tell.
        categories: of the detector.
        images: of the data that were evaluated; read only as far as pictures need it.
        folder: where to; pictures of an earlier evaluation there are replaced.
        worst: how many images with errors are drawn.
        score_threshold: detections with a lower score are neither errors nor drawn.

    Returns:
        The images that were drawn, the worst first.

    Raises:
        UserError: the folder cannot be written.
    """
    coco_results.write(
        [dict(entry) for entry in evaluation.found], os.path.join(folder, "results.json")
    )
    table = _table(evaluation.classes, categories)
    write_atomically(os.path.join(folder, CLASSES), table.encode())
    _draw_curves(evaluation, os.path.join(folder, CURVES))
    chosen = evaluation.worst(score_threshold)[:worst]
    _draw_worst(evaluation, categories, images, chosen, folder, score_threshold)
    return chosen


def described(classes: Sequence[ClassFigures], categories: Categories) -> list[str]:
    """A line for each class that has objects, the best first."""
    names = categories.by_id
    present = sorted((c for c in classes if c.objects), key=lambda c: (-c.ap, c.category_id))
    width = max((len(names[c.category_id]) for c in present), default=0)
    return [
        f"{names[c.category_id]:{width}}  AP {c.ap:.3f}  AP50 {c.ap50:.3f}  AR {c.recall:.3f}  "
        f"{c.objects:,} objects"
        for c in present
    ]


def coco_lines(metrics: Mapping[str, float]) -> list[str]:
    """COCO's 12 numbers in words; -1 stands for no object of that kind in the data."""
    # The evaluator names the last recall by the number of detections that it is set to.
    return [
        f"{prefix}{words:32} " + (f"{metrics[key]:.4f}" if metrics[key] >= 0 else "no such object")
        for kind, prefix in (("", ""), ("mask_", "masks: "))
        for name, words in NUMBERS.items()
        if (key := f"{kind}{name}") in metrics
    ]


def _table(classes: Sequence[ClassFigures], categories: Categories) -> str:
    names = categories.by_id
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = [name for name in vars(classes[0]) if name != "category_id"]
    writer.writerow(["category_id", "name", *fields])
    for row in classes:
        values = vars(row)
        writer.writerow([row.category_id, names[row.category_id], *(values[f] for f in fields)])
    return text.getvalue()


def _draw_curves(evaluation: Evaluation, path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    for iou, precision in evaluation.precisions.items():
        area = float(np.mean(precision))
        axes.plot(evaluation.recalls, precision, label=f"IoU {iou}: AP {area:.3f}")
    axes.set(xlabel="recall", ylabel="precision, mean over classes", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    if evaluation.precisions:
        axes.legend(loc="best")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _draw_worst(
    evaluation: Evaluation,
    categories: Categories,
    images: Iterable[NamedImage],
    chosen: Sequence[ImageErrors],
    folder: str,
    score_threshold: float,
) -> None:
    """One picture for each: what there is on the left, what was found on the right."""
    there = os.path.join(folder, WORST)
    if os.path.isdir(there):
        for name in os.listdir(there):
            if name.endswith(".jpg"):
                os.unlink(os.path.join(there, name))
    wanted = {errors.image_id: place for place, errors in enumerate(chosen, 1)}
    truth = _by_image(evaluation.truth["annotations"], wanted)
    found = _by_image(evaluation.found, wanted)
    for image in images if wanted else ():
        place = wanted.pop(image.image_id, None)
        if place is None:
            continue
        left = pictures.draw(
            image.pixels,
            _detections(truth[image.image_id], categories),
            categories.names,
            scores=False,
        )
        seen = _detections(found[image.image_id], categories).above(score_threshold)
        right = pictures.draw(image.pixels, seen, categories.names)
        both = Image.new("RGB", (left.width + right.width + 8, left.height), (128, 128, 128))
        both.paste(left, (0, 0))
        both.paste(right, (left.width + 8, 0))
        pictures.save(both, os.path.join(there, f"{place:02d}-{image.image_id}.jpg"))
        if not wanted:
            break


def _by_image(entries: Iterable[Mapping[str, Any]], wanted: Iterable[int]) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {image_id: [] for image_id in wanted}
    for entry in entries:
        if entry["image_id"] in grouped:
            grouped[entry["image_id"]].append(entry)
    return grouped


def _detections(entries: Sequence[Mapping[str, Any]], categories: Categories) -> Detections:
    labels = categories.labels
    return Detections(
        np.array([e["bbox"] for e in entries], np.float32).reshape(-1, 4),
        np.array([labels[e["category_id"]] for e in entries], np.int64),
        np.array([e.get("score", 1.0) for e in entries], np.float32),
    )
