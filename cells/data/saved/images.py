"""Images that Python holds, written as a data set that all stages read: `cells.save_images`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cells.checks.arguments import checked
from cells.data import prepared
from cells.data.image_folders import set_name
from cells.support.errors import UserError, cut, first_line
from cells.support.files import FilePath, expanded, writing

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


@checked
def save_images(
    folder: FilePath, splits: Mapping[str, Any], *, class_names: Sequence[str] = ()
) -> str:
    """Writes images of arrays or of `tf.data.Dataset`s as a data set, which every stage takes.

    Args:
        folder: of the set; made, and new. Its name is that of the set.
        splits: by name, such as `train` and `test`: a pair (images, labels), each an array or a
            list, or a `tf.data.Dataset` of such pairs, not in batches. An image is uint8 `(height,
            width, 1 or 3)`, a label the number of its class. For detectors the label is what there
            is on the image: `{"boxes": (n, 4), "labels": (n,)}`, boxes as x, y, width and height in
            pixels.
        class_names: in the order of the labels; by default numbers, up to the largest label of
            arrays.

    Returns:
        The folder of the prepared set: `images.name` of a search, `tfds_name` of the other stages.

    Raises:
        UserError: images or labels are not what they should be, the folder has a set already, or
            cannot be written.

    Example:
        >>> import numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> labels = np.arange(40) % 2
        >>> cells.save_images("sets/noise", {"train": (pixels, labels)})
        'sets/noise/1.0.0'
    """
    place = expanded(folder)
    name = set_name(place.absolute().name)
    if not name[:1].isalpha():
        raise UserError(f"folder: {place} cannot name a data set; let its name begin with a letter")
    made = place.parent / name / prepared.VERSION
    if made.exists():
        raise UserError(
            f"folder: {made.parent} holds a data set already; delete it, or use another name"
        )
    if not splits:
        raise UserError("splits: is empty; give images, such as {'train': (images, labels)}")
    for split, given in splits.items():
        if not isinstance(split, str) or not re.fullmatch(r"\w+", split):
            raise UserError(f"splits: {split!r} is no name of letters, digits and _, such as train")
        if next(_examples(split, given), None) is None:
            raise UserError(f"splits: {split!r} has no images")
    names = list(class_names) or _numbers(splits)
    if len(set(names)) < len(names):
        raise UserError(f"class_names: {cut(str(names))} holds a name twice")
    boxes = isinstance(next(_examples(*next(iter(splits.items()))))[1], Mapping)

    from cells.data.examples_builder import ExamplesBuilder

    with writing(place):
        builder = ExamplesBuilder(
            name=name,
            splits={split: _written(split, given, names, boxes) for split, given in splits.items()},
            # TFDS adds the name and the version.
            data_dir=place.parent,
            description="Images that a program held, written by `cells.save_images`.",
            features=_features(names, boxes),
            supervised_keys=None if boxes else ("image", "label"),
        )
        prepared.make(builder)
    return str(made)


def _examples(split: str, given: Any) -> Iterator[tuple[Any, Any]]:
    """The images of a split with their labels, one after the other."""
    if hasattr(given, "as_numpy_iterator"):
        elements = given.as_numpy_iterator()
        for element in elements:
            if not isinstance(element, tuple) or len(element) != 2:
                raise UserError(f"splits: {split!r} is no tf.data.Dataset of pairs (image, label)")
            yield element
        return
    if not isinstance(given, Sequence) or len(given) != 2:
        raise UserError(
            f"splits: {split!r} is neither a pair (images, labels) nor a tf.data.Dataset of pairs"
        )
    images, labels = given
    if not all(hasattr(each, "__len__") for each in given):
        raise UserError(f"splits: {split!r} is no pair of arrays or lists")
    if len(images) != len(labels):
        raise UserError(f"splits: {split!r} has {len(images)} images and {len(labels)} labels")
    yield from zip(images, labels, strict=True)


def _numbers(splits: Mapping[str, Any]) -> list[str]:
    """Names of the classes by the largest label of arrays."""
    largest = -1
    for split, given in splits.items():
        if hasattr(given, "as_numpy_iterator"):
            raise UserError(
                "class_names: a tf.data.Dataset does not say how many classes there are; name them"
            )
        for number, (_, label) in enumerate(_examples(split, given)):
            several = label["labels"] if isinstance(label, Mapping) else [label]
            where = f"splits: image {number} of {split!r}"
            largest = max(largest, *(_class(where, each) for each in several), -1)
    return [str(number) for number in range(largest + 1)]


def _features(names: list[str], boxes: bool) -> tfds.features.FeaturesDict:
    import tensorflow_datasets as tfds

    image = {"image": tfds.features.Image(encoding_format="png")}
    label = {"label": tfds.features.ClassLabel(names=names)}
    if not boxes:
        return tfds.features.FeaturesDict({**image, **label})
    objects = tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), **label})
    return tfds.features.FeaturesDict({**image, "image/id": np.int64, "objects": objects})


def _written(
    split: str, given: Any, names: list[str], boxes: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The examples as they are stored."""
    import tensorflow_datasets as tfds

    for number, pixels, label in _checked(split, given, names, boxes):
        image = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
        if not boxes:
            yield number, {"image": image, "label": label}
            continue
        objects = [
            {"bbox": tfds.features.BBox(*(float(v) for v in box)), "label": int(each)}
            for box, each in zip(*label, strict=True)
        ]
        yield number, {"image": image, "image/id": number + 1, "objects": objects}


def _checked(
    split: str, given: Any, names: list[str], boxes: bool
) -> Iterator[tuple[int, np.ndarray, Any]]:
    """Number, image and label (or boxes and labels) of each example, compared with the others."""
    for number, (image, label) in enumerate(_examples(split, given)):
        where = f"splits: image {number} of {split!r}"
        pixels = _array(where, image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
            raise UserError(
                f"{where} is {pixels.dtype} of shape {pixels.shape}; give uint8 pixels of 0 "
                "to 255, (height, width, 1 or 3)"
            )
        if boxes != isinstance(label, Mapping):
            raise UserError(f"{where} has {'no ' if boxes else ''}boxes, unlike the first image")
        if boxes:
            label = _boxes(where, label, pixels.shape)
        several = label[1] if boxes else [label]
        for each in several:
            if not 0 <= _class(where, each) < len(names):
                raise UserError(f"{where}: there is no class {each} among {len(names)}")
        yield number, pixels, label if boxes else _class(where, label)


def _array(where: str, values: Any, dtype: Any = None) -> np.ndarray:
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: is no array of numbers ({first_line(error)})") from None


def _class(where: str, label: Any) -> int:
    """The number of a class, which may stand alone in an array."""
    value = np.asarray(label)
    if value.size != 1 or value.dtype.kind not in "iuf" or value.item() % 1 != 0:
        raise UserError(f"{where}: {cut(str(label))!r} is no class; give its number, from 0 on")
    return int(value.item())


def _boxes(where: str, label: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Boxes as TFDS has them, ymin, xmin, ymax, xmax in parts of the image; and their labels."""
    if set(label) != {"boxes", "labels"}:
        raise UserError(f"{where}: has {sorted(label)} as its label; give boxes and labels")
    boxes = _array(where, label["boxes"], np.float64)
    if boxes.size % 4:
        raise UserError(f"{where}: has boxes of shape {boxes.shape}; give (n, 4)")
    boxes = boxes.reshape(-1, 4)
    if len(boxes) != len(label["labels"]):
        raise UserError(f"{where}: has {len(boxes)} boxes and {len(label['labels'])} labels")
    x, y, width, height = boxes.T
    corners = np.stack([y, x, y + height, x + width], axis=1)
    corners /= np.array([shape[0], shape[1], shape[0], shape[1]])
    # The negation finds what is no number, too.
    if not ((corners >= 0) & (corners <= 1)).all() or not (np.minimum(width, height) > 0).all():
        raise UserError(
            f"{where}: a box is empty or leaves the image; boxes are x, y, width, height"
        )
    return corners.astype(np.float32), np.asarray(label["labels"])
