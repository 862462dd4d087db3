"""Trained detectors as files for other programs, each compared with the detector that was trained.

`detection.exporting.formats` says which, `detection.exporting.serving` what stands in them.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from cells.support.errors import UserError
from cells.support.files import write_atomically, write_json, writing
from detection.config import experiments
from detection.config.schema import MaskRCNNTask
from detection.data import images
from detection.data.dataset import MOST_ASPECT
from detection.exporting import formats
from detection.inference.detector import Detections, open_detector
from transfer.exporting import formats as files
from transfer.exporting.export import replace_all

#: Images on which files are compared with the trained detector.
COMPARED = 10

DESCRIPTION = "detector.json"


def export(
    folder: str, output: str, kinds: Sequence[str] = (), params: Any = None
) -> dict[str, Any]:
    """Writes the detector of a run, after comparing each file with the run's own.

    Args:
        folder: `--model_dir` of the training.
        output: folder of a SavedModel, which must not exist; with `kinds` a folder, in which files
            of the same names are replaced.
        kinds: names of `detection.exporting.formats.FORMATS`.
        params: the configuration to build the detector with, by default the run's own. Files are
            compared on `COMPARED` images of its validation data, or where these are not at hand on
            random ones.

    Returns:
        `files`, of each kind its `file`, its `input` and what `compare` gives; `compared_on`, in
        words, and the number of `objects` that were compared there; `score_threshold`, where the
        detector finds nothing that is as sure as the configuration asks for, and was compared by
        what it is less sure of. With `kinds` this stands in `detector.json`.

    Raises:
        UserError: there is no such run, `output` exists or cannot be written, a format is not
            installed or not for this detector, or a file differs from the trained detector.
    """
    if not kinds and os.path.exists(output):
        raise UserError(f"--output: {output} exists already; give a folder that does not")
    params = params or experiments.of_model_dir(folder)
    wanted = {kind: formats.FORMATS[kind] for kind in kinds or ("saved_model",)}
    files.check({kind: form.extra for kind, form in wanted.items()})
    _check_operators(params, wanted)
    exported = formats.Exported(params, open_detector(folder, params))
    pictures, compared_on = _pictures(params.task.validation_data)
    expected = [exported.detector.detect(picture) for picture in pictures]
    told: dict[str, Any] = {"compared_on": compared_on, "objects": 0, "files": {}}
    compared = exported
    if not any(len(found.scores) for found in expected):
        compared = _less_sure(folder, params, pictures)
        expected = [compared.detector.detect(picture) for picture in pictures]
        told["score_threshold"] = _threshold(compared.params)
    place = os.path.dirname(os.path.abspath(output))
    with writing(f"--output: {output}"):
        os.makedirs(place, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".export-", dir=place) as temporary,
            tempfile.TemporaryDirectory() as other,
        ):
            counts = []
            for kind, form in wanted.items():
                path = os.path.join(temporary, form.file)
                form.write(exported, path)
                if compared is not exported:
                    path = os.path.join(other, form.file)
                    form.write(compared, path)
                look = form.open(compared, path)
                found = [look(picture) for picture in pictures]
                sizes = [max(picture.shape) for picture in pictures]
                differences, count = _differences(kind, compared.params, expected, found, sizes)
                if compared is exported:
                    _require_same(kind, differences)
                counts.append(count)
                told["files"][kind] = {"file": form.file, "input": form.input, **differences}
            told["objects"] = min(counts)
            if kinds:
                text = formats.categories_text(exported.detector.categories)
                write_atomically(os.path.join(temporary, formats.CATEGORIES), text.encode())
                write_json(os.path.join(temporary, DESCRIPTION), told)
                os.makedirs(output, exist_ok=True)
                replace_all(temporary, output)
            else:
                os.rename(os.path.join(temporary, wanted["saved_model"].file), output)
    return told


def compare(
    kind: str,
    params: Any,
    expected: Sequence[Detections],
    found: Sequence[Detections],
    sizes: Sequence[int],
) -> dict[str, float]:
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
        The largest differences of `boxes`, relative to the image, and of `scores`.

    Raises:
        UserError: they are larger than the format's rounding can make them.
    """
    told, _ = _differences(kind, params, expected, found, sizes)
    _require_same(kind, told)
    return told


def _differences(
    kind: str,
    params: Any,
    expected: Sequence[Detections],
    found: Sequence[Detections],
    sizes: Sequence[int],
) -> tuple[dict[str, float], int]:
    """What `compare` gives, however large, and how many of the expected objects were compared."""
    allowed = formats.FORMATS[kind].difference
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


def _require_same(kind: str, told: dict[str, float]) -> None:
    if max(told.values()) > formats.FORMATS[kind].difference:
        raise UserError(
            f"--formats: {kind} differs from the trained detector (boxes by up to "
            f"{told['boxes']:.1e} of the image, scores by up to {told['scores']:.1e}), so nothing "
            "is written; leave it out, or train longer"
        )


def _threshold(params: Any) -> float:
    return float(params.task.model.detection_generator.pre_nms_score_threshold)


def _less_sure(folder: str, params: Any, pictures: Sequence[np.ndarray]) -> formats.Exported:
    """A run's detector that also tells of what it is less sure of, some ten objects at least.

    How it differs from a file is told, but nothing is refused for it: where thousands of places
    are all but equally unlikely, rounding decides which of them are told.
    """

    def opened(threshold: float) -> formats.Exported:
        changed = copy.deepcopy(params)
        changed.task.model.detection_generator.pre_nms_score_threshold = threshold
        return formats.Exported(changed, open_detector(folder, changed))

    every = opened(0.0)
    scores = np.sort(np.concatenate([every.detector.detect(p).scores for p in pictures]))[::-1]
    return opened(0.8 * float(scores[:10][-1])) if len(scores) else every


def _check_operators(params: Any, wanted: dict[str, formats.Format]) -> None:
    if isinstance(params.task, MaskRCNNTask):
        for kind in (kind for kind, form in wanted.items() if not form.two_stage):
            raise UserError(
                f"--formats: {kind} files hold one-stage detectors only, and the run has two "
                "stages; use saved_model, or train a RetinaNet"
            )
    elif params.task.model.detection_generator.use_class_agnostic_nms:
        for kind in (kind for kind in wanted if kind != "saved_model"):
            raise UserError(
                f"--formats: {kind} finds objects class by class, and the run has "
                "detection_generator.use_class_agnostic_nms; use saved_model"
            )


def _pictures(side: Any) -> tuple[list[np.ndarray], str]:
    """Images of the validation data, or smooth random ones of different shapes; and which."""
    with contextlib.suppress(UserError, ValueError):
        stored = (image.pixels for image in images.from_data(side))
        # Evaluation passes over the others, too.
        wide = (p for p in stored if max(p.shape[:2]) <= MOST_ASPECT * min(p.shape[:2]))
        if real := list(itertools.islice(wide, COMPARED)):
            return real, f"{len(real)} real images"
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((6, 8), (9, 4))]
    drawn = [np.kron(image, np.ones((12, 12, 1), np.uint8)) for image in coarse]
    return drawn, f"{len(drawn)} random images"
