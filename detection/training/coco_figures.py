"""COCO's figures, by its own tools, in the data set's own numbers of classes and images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: COCO's 12 numbers, as Model Garden's evaluator calls them and as people read them.
NUMBERS = {
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


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is found; -1 stands for a class without objects in the data.

    Attributes:
        category_id: the data set's own.
        objects: in the data, crowds left out.
        found: detections, sure or not.
        ap, ap50, ap75: average precision, over IoU 0.50 to 0.95 and at 0.50 and 0.75.
        recall: average recall over IoU 0.50 to 0.95 with as many detections as are evaluated.
    """

    category_id: int
    objects: int
    found: int
    ap: float
    ap50: float
    ap75: float
    recall: float


@dataclass(frozen=True)
class ImageErrors:
    """What is wrong with what was found in one image, at IoU 0.50.

    Attributes:
        image_id: the data set's own.
        missed: objects that nothing sure enough was matched with; crowds do not count.
        false: detections that are sure enough and match no object; on crowds they do not count.
    """

    image_id: int
    missed: int
    false: int


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        numbers: COCO's 12, by the keys of `NUMBERS`; -1 stands for no object of that kind.
        classes: each class of the data.
        recalls: float (101,), where precisions are read off.
        precisions: float (101,) at each of the recalls, by IoU (`0.50`, `0.75`, `0.50 to 0.95`),
            the mean over the classes that have objects; none without any.
        truth: what was evaluated against, as COCO's annotation files have it.
        found: what was evaluated, as COCO's result files have it.
    """

    numbers: dict[str, float]
    classes: tuple[ClassFigures, ...]
    recalls: np.ndarray
    precisions: dict[str, np.ndarray]
    truth: Mapping[str, Any]
    found: Sequence[Mapping[str, Any]]
    _matches: Sequence[Mapping[str, Any]]

    def worst(self, score_threshold: float) -> list[ImageErrors]:
        """The images with errors, those with the most first.

        Args:
            score_threshold: detections with a lower score count as not made.
        """
        missed: dict[int, int] = {}
        false: dict[int, int] = {}
        for match in self._matches:
            image = int(match["image_id"])
            scores = np.asarray(match["dtScores"], float)
            sure = scores >= score_threshold
            seen = {
                identity
                for identity, counts in zip(match["dtMatches"][0], sure, strict=True)
                if counts and identity
            }
            objects = zip(match["gtIds"], match["gtIgnore"], strict=True)
            missed[image] = missed.get(image, 0) + sum(
                not ignored and identity not in seen for identity, ignored in objects
            )
            wrong = sure & (np.asarray(match["dtMatches"][0]) == 0)
            false[image] = false.get(image, 0) + int(
                np.sum(wrong & ~np.asarray(match["dtIgnore"][0], bool))
            )
        errors = [ImageErrors(image, missed[image], false[image]) for image in missed]
        errors = [found for found in errors if found.missed + found.false]
        return sorted(errors, key=lambda e: (-(e.missed + e.false), e.image_id))


def evaluate(
    truth: Mapping[str, Any],
    found: Sequence[Mapping[str, Any]],
    *,
    most: int = 100,
    outlines: bool = False,
) -> Evaluation:
    """Compares what was found with what there is, by `pycocotools`.

    Args:
        truth: as COCO's annotation files have it. Numbers of objects begin at 1, since the tools
            take 0 for none.
        found: as COCO's result files have it; may be empty.
        most: detections of an image that count.
        outlines: whether masks are compared, and not boxes.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO()
        there.dataset = {"info": {}, **truth}
        there.createIndex()
        if found:
            made = there.loadRes([dict(entry) for entry in found])
        else:  # The tools look at the first.
            made = COCO()
            made.dataset = {**there.dataset, "annotations": []}
            made.createIndex()
        tool = COCOeval(there, made, "segm" if outlines else "bbox")
        tool.params.maxDets[2] = most
        tool.evaluate()
        tool.accumulate()
        tool.summarize()
    names = [name.replace("ARmax100", f"ARmax{most}") for name in NUMBERS]
    precision = tool.eval["precision"][:, :, :, 0, -1]
    return Evaluation(
        numbers=dict(zip(names, map(float, tool.stats), strict=True)),
        classes=tuple(_classes(tool, precision, truth, found)),
        recalls=tool.params.recThrs,
        precisions=_curves(precision),
        truth=truth,
        found=found,
        # Of all areas; the ranges of areas come one behind the other for each class.
        _matches=[
            match
            for match in tool.evalImgs
            if match is not None and list(match["aRng"]) == list(tool.params.areaRng[0])
        ],
    )


def _classes(tool: Any, precision: np.ndarray, truth: Any, found: Any) -> list[ClassFigures]:
    recall = tool.eval["recall"][:, :, 0, -1]
    figures = []
    for place, category in enumerate(tool.params.catIds):
        figures.append(
            ClassFigures(
                category_id=int(category),
                objects=sum(
                    a["category_id"] == category and not a.get("iscrowd")
                    for a in truth["annotations"]
                ),
                found=sum(entry["category_id"] == category for entry in found),
                ap=_mean(precision[:, :, place]),
                ap50=_mean(precision[0, :, place]),
                ap75=_mean(precision[5, :, place]),
                recall=_mean(recall[:, place]),
            )
        )
    return figures


def _mean(values: np.ndarray) -> float:
    """As the tools do: -1 stands for nothing to average."""
    valid = values[values > -1]
    return float(valid.mean()) if valid.size else -1.0


def _curves(precision: np.ndarray) -> dict[str, np.ndarray]:
    # The tools mark classes without objects with -1, at every recall.
    present = precision[0, 0] > -1
    if not present.any():
        return {}
    kept = precision[:, :, present].mean(axis=2)
    return {"0.50": kept[0], "0.75": kept[5], "0.50 to 0.95": kept.mean(axis=0)}
