"""Trained detectors as files for other programs, each compared with the detector that was trained.

`detection.exporting.formats` says which, `detection.exporting.serving` what stands in them.
"""

from __future__ import annotations

import copy
import itertools
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from cells.checks.arguments import checked
from cells.support.errors import UserError, cut
from cells.support.files import (
    FilePath,
    FilePaths,
    path_text,
    require_writable,
    write_atomically,
    write_json,
)
from detection.config.read import read_params
from detection.config.schema import MaskRCNNTask
from detection.data import images
from detection.data.dataset import MOST_ASPECT
from detection.exporting.formats import (
    CATEGORIES,
    FORMATS,
    DetectorFormat,
    Exported,
    categories_text,
)
from detection.inference.detector import Detections, open_detector
from transfer.exporting import files

#: Images on which files are compared with the trained detector.
COMPARED = 10

DESCRIPTION = "detector.json"


@checked
def export(
    model_dir: FilePath,
    output: FilePath,
    formats: Sequence[str] = (),
    *,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
) -> dict[str, Any]:
    """Writes a trained detector for other programs, after comparing each file with the detector.

    Files are compared on `COMPARED` images of the validation data, or where these are not at hand
    on random ones.

    Args:
        model_dir: folder of the run, whose last checkpoint and configuration are taken.
        output: folder of a SavedModel, which must not exist; with `formats` a folder, in which
            files of the same names are replaced.
        formats: what to write there, of `saved_model`, `tflite` and `onnx`.
        config_file: YAML file or files that override the configuration, in order.
        params_override: settings that are applied after the files, nested or text.
        data_dir: folder of prepared TFDS sets, where the run names none.

    Returns:
        `files`, of each format its `file`, its `input` and by how much its `boxes` (relative to the
        image) and `scores` differ at most; `compared_on`, in words, and the number of `objects`
        that were compared there; `score_threshold`, where the detector finds nothing that is as
        sure as the configuration asks for, and was compared by what it is less sure of. With
        `formats` this stands in `detector.json`.

    Raises:
        UserError: there is no such run, `output` exists or cannot be written, a format is not
            installed or not for this detector, or a file differs from the trained detector.

    Example:
        >>> result = detection.export("run", "exported", ["saved_model"])
        >>> result["files"]["saved_model"]["boxes"] < 1e-4
        True
    """
    output = path_text(output)
    if not formats and os.path.exists(output):
        raise UserError(f"--output: {output} exists already; give a folder that does not")
    require_writable(output)
    chosen = files.choose_formats(formats or ("saved_model",), FORMATS)
    params = read_params(
        model_dir, config_file=config_file, params_override=params_override, data_dir=data_dir
    )
    _check_operators(params, chosen)
    exported = Exported(params, open_detector(model_dir, params=params))
    pictures, compared_on = _pictures(params.task.validation_data)
    expected = [exported.detector.detect(picture) for picture in pictures]
    sizes = [max(picture.shape) for picture in pictures]
    told: dict[str, Any] = {"compared_on": compared_on, "objects": 0}
    surest = exported
    if not any(len(found.scores) for found in expected):
        surest = _less_sure(model_dir, params, pictures)
        expected = [surest.detector.detect(picture) for picture in pictures]
        told["score_threshold"] = _threshold(surest.params)
    counts = []

    def compared(kind: str, path: str) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as other:
            if surest is not exported:
                path = os.path.join(other, chosen[kind].file)
                chosen[kind].write(surest, path)
            look = chosen[kind].open(surest, path)
            found = [look(picture) for picture in pictures]
        told, count = differences(kind, surest.params, expected, found, sizes)
        if surest is exported:
            require_same(kind, told)
        counts.append(count)
        return told

    with files.beside(output, folder=bool(formats)) as temporary:
        told["files"] = files.write_compared(exported, chosen, temporary, compared)
        told["objects"] = min(counts)
        if formats:
            text = categories_text(exported.detector.categories)
            write_atomically(os.path.join(temporary, CATEGORIES), text.encode())
            write_json(os.path.join(temporary, DESCRIPTION), told)
            files.replace_all(temporary, output)
        else:
            os.rename(os.path.join(temporary, chosen["saved_model"].file), output)
    return told


def differences(
    kind: str,
    params: Any,
    expected: Sequence[Detections],
    found: Sequence[Detections],
    sizes: Sequence[int],
) -> tuple[dict[str, float], int]:
    """How what a file finds compares with what the trained detector finds.

    An object is compared with that of the same class whose box is nearest, each with another one.
    Those at the edge of being told at all, by their score or as the last of too many, may be
    missing, and so may boxes without area, which lie outside of the image.

    Args:
        kind: of the file.
        params: the configuration of the run.
        expected: of each image, what the trained detector finds.
        found: of each image, what the file finds.
        sizes: of each image, the longer side.

    Returns:
        The largest differences of `boxes`, relative to the image, and of `scores`; and how many of
        the expected objects were compared.
    """
    allowed = FORMATS[kind].difference
    most = params.task.model.detection_generator.max_num_detections
    boxes, scores, count = [0.0], [0.0], 0
    for ours, theirs, size in zip(expected, found, sizes, strict=True):
        both = (ours, theirs)
        full = [d.scores.min() for d in both if len(d.scores) >= most]
        edge = max([_threshold(params), *full])
        for some, others in (both, both[::-1]):
            counts = (some.scores > edge + allowed) & (some.boxes[:, 2:] > 0).all(axis=1)
            count += int(counts.sum()) if some is ours else 0
            free = np.ones(len(others.scores), bool)
            for i in np.flatnonzero(counts):
                same = np.flatnonzero(free & (others.labels == some.labels[i]))
                if not len(same):
                    boxes.append(1.0)
                    continue
                distance = np.abs(others.boxes[same] - some.boxes[i]).max(axis=1) / size
                nearest = same[distance.argmin()]
                free[nearest] = False
                boxes.append(float(distance.min()))
                scores.append(abs(float(others.scores[nearest] - some.scores[i])))
    return {"boxes": max(boxes), "scores": max(scores)}, count


def require_same(kind: str, told: Mapping[str, float]) -> None:
    """Checks that a file finds what the trained detector finds.

    Args:
        kind: of the file.
        told: of `differences`.

    Raises:
        UserError: they are larger than the format's rounding can make them.
    """
    if max(told.values()) > FORMATS[kind].difference:
        raise files.differs(
            kind,
            "detector",
            f"boxes by up to {told['boxes']:.1e} of the image, scores by up to "
            f"{told['scores']:.1e}",
        )


def _threshold(params: Any) -> float:
    return float(params.task.model.detection_generator.pre_nms_score_threshold)


def _less_sure(model_dir: FilePath, params: Any, pictures: Sequence[np.ndarray]) -> Exported:
    """A run's detector that also tells of what it is less sure of, some ten objects at least.

    How it differs from a file is told, but nothing is refused for it: where thousands of places
    are all but equally unlikely, rounding decides which of them are told.
    """

    def opened(threshold: float) -> Exported:
        changed = copy.deepcopy(params)
        changed.task.model.detection_generator.pre_nms_score_threshold = threshold
        return Exported(changed, open_detector(model_dir, params=changed))

    every = opened(0.0)
    scores = np.sort(np.concatenate([every.detector.detect(p).scores for p in pictures]))[::-1]
    return opened(0.8 * float(scores[:10][-1])) if len(scores) else every


def _check_operators(params: Any, chosen: dict[str, DetectorFormat]) -> None:
    if isinstance(params.task, MaskRCNNTask):
        for kind in (kind for kind, form in chosen.items() if not form.two_stage):
            raise UserError(
                f"--formats: {kind} files hold one-stage detectors only, and the run has two "
                "stages; use saved_model, or train a RetinaNet"
            )
    elif params.task.model.detection_generator.use_class_agnostic_nms:
        for kind in (kind for kind in chosen if kind != "saved_model"):
            raise UserError(
                f"--formats: {kind} finds objects class by class, and the run has "
                "detection_generator.use_class_agnostic_nms; use saved_model"
            )


def _pictures(side: Any) -> tuple[list[np.ndarray], str]:
    """Images of the validation data, or smooth random ones of different shapes; and which."""
    why_not = "there are none that are not panoramas"
    try:
        stored = (image.pixels for image in images.from_data(side))
        # Evaluation passes over the others, too.
        wide = (p for p in stored if max(p.shape[:2]) <= MOST_ASPECT * min(p.shape[:2]))
        if real := list(itertools.islice(wide, COMPARED)):
            return real, f"{len(real)} real images"
    except (UserError, ValueError) as error:
        why_not = cut(str(error), 300)
    logging.warning(
        "the files are compared on random images, which say little of real ones, since no images "
        "of the validation data can be read (%s); give --data_dir",
        why_not,
    )
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((6, 8), (9, 4))]
    drawn = [np.kron(image, np.ones((12, 12, 1), np.uint8)) for image in coarse]
    return drawn, f"{len(drawn)} random images"
