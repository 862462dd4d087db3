"""What a data set holds: pictures with one label each, or pictures with labelled boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cells.support.errors import UserError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

ImageShape = tuple[int | None, int | None, int | None]
"""Height, width and channels; None where pictures differ."""


@dataclass(frozen=True)
class ImageClasses:
    """A set of pictures with one label each.

    Attributes:
        image_key: the feature that holds the picture, uint8.
        label_key: the feature that holds the label, a whole number 0 to `num_classes` - 1.
        image_shape: height, width, channels; None where pictures differ.
        num_classes: number of classes.
        class_names: their names, in the order of the labels.
    """

    image_key: str
    label_key: str
    image_shape: ImageShape
    num_classes: int
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class DetectionClasses:
    """A set of pictures with labelled boxes, as `coco/2017` has them.

    Attributes:
        image_key: the feature that holds the picture, uint8.
        objects_key: the feature that holds the objects of a picture, a sequence.
        bbox_key: within it, the box: float32 ymin, xmin, ymax, xmax as parts of height and width.
        label_key: within it, the label, a whole number 0 to `num_classes` - 1.
        image_shape: height, width, channels; None where pictures differ.
        num_classes: number of classes.
        class_names: their names, in the order of the labels.
        image_id_key: the feature that holds the picture's number, or None.
        crowd_key: within the objects, whether the box holds a crowd, or None.
        area_key: within the objects, the area in pixels, or None.
    """

    image_key: str
    objects_key: str
    bbox_key: str
    label_key: str
    image_shape: ImageShape
    num_classes: int
    class_names: tuple[str, ...]
    image_id_key: str | None
    crowd_key: str | None
    area_key: str | None


def image_classes(builder: tfds.core.DatasetBuilder) -> ImageClasses:
    """Returns where the pictures and labels of a classification set are.

    The set's own `supervised_keys` decide; without them, the only picture and the only label, or
    those that are called `image` and `label`.

    Raises:
        UserError: where the set does not have one picture (uint8) and one label an example.
    """
    import tensorflow_datasets as tfds

    features = _features(builder)
    images = {key: value for key, value in features.items() if _is_picture(value)}
    labels = {
        key: value
        for key, value in features.items()
        if isinstance(value, tfds.features.ClassLabel) and value.num_classes
    }
    supervised = builder.info.supervised_keys
    if (
        isinstance(supervised, tuple)
        and len(supervised) == 2
        and all(isinstance(key, str) for key in supervised)
        and supervised[0] in images
        and supervised[1] in labels
    ):
        image_key, label_key = supervised
    else:
        image_key, label_key = _the_one(images, "image"), _the_one(labels, "label")
        if image_key is None or label_key is None:
            raise UserError(
                f"{builder.info.full_name} is not a set of images with one label each: it needs "
                f"one Image (uint8) and one ClassLabel, but has {_described(features)}"
            )
    label = labels[label_key]
    return ImageClasses(
        image_key=image_key,
        label_key=label_key,
        image_shape=_shape(images[image_key]),
        num_classes=int(label.num_classes),
        class_names=tuple(label.names),
    )


def detection_classes(builder: tfds.core.DatasetBuilder) -> DetectionClasses:
    """Returns where the pictures, boxes and labels of a detection set are.

    Raises:
        UserError: where the set lacks an `image` (uint8) or `objects` with a `bbox` (relative
            ymin, xmin, ymax, xmax) and a `label`, as `coco/2017` has them.
    """
    import tensorflow_datasets as tfds

    features = _features(builder)
    objects = features.get("objects")
    inner: Mapping[str, Any] = {}
    if isinstance(objects, tfds.features.Sequence) and isinstance(
        objects.feature, tfds.features.FeaturesDict
    ):
        inner = dict(objects.feature.items())
    bbox, label = inner.get("bbox"), inner.get("label")
    if not (
        _is_picture(features.get("image"))
        and isinstance(bbox, tfds.features.BBoxFeature)
        and isinstance(label, tfds.features.ClassLabel)
        and label.num_classes
    ):
        raise UserError(
            f"{builder.info.full_name} is not a detection set such as coco/2017: it needs an "
            "'image' (uint8) and 'objects' with a 'bbox' and a 'label' (ClassLabel), but has "
            f"{_described(features)}"
        )
    # Sets of before TFDS had formats say nothing; what they hold is the one format of that time.
    written = getattr(bbox, "bbox_format", None)
    if written is not None and getattr(written, "value", written) != "REL_YXYX":
        raise UserError(
            f"the boxes of {builder.info.full_name} are in the format "
            f"{getattr(written, 'value', written)}, but only REL_YXYX (ymin, xmin, ymax, xmax in "
            "0 to 1) is read"
        )
    return DetectionClasses(
        image_key="image",
        objects_key="objects",
        bbox_key="bbox",
        label_key="label",
        image_shape=_shape(features["image"]),
        num_classes=int(label.num_classes),
        class_names=tuple(label.names),
        image_id_key="image/id" if "image/id" in features else None,
        crowd_key="is_crowd" if "is_crowd" in inner else None,
        area_key="area" if "area" in inner else None,
    )


def _features(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """The features at the top; `{}` where an example is not a dictionary."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    return dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}


def _is_picture(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return (
        isinstance(feature, tfds.features.Image)
        # A segmentation map: its values are classes, not light.
        and not isinstance(feature, tfds.features.LabeledImage)
        and np.dtype(feature.numpy_dtype) == np.uint8
    )


def _the_one(features: Mapping[str, Any], name: str) -> str | None:
    """The only feature's key, or `name` where it is among several."""
    if len(features) == 1:
        return next(iter(features))
    return name if name in features else None


def _shape(feature: Any) -> ImageShape:
    height, width, channels = feature.shape
    return height, width, channels


def _described(features: Mapping[str, Any], most: int = 12) -> str:
    """Such as `image (Image uint8), objects (Sequence of area, bbox)`."""
    import tensorflow_datasets as tfds

    words = []
    for key, feature in features.items():
        word = type(feature).__name__
        if isinstance(feature, tfds.features.Image):
            word += f" {np.dtype(feature.numpy_dtype).name}"
        inner = getattr(feature, "feature", None)
        if isinstance(inner, tfds.features.FeaturesDict):
            word += f" of {', '.join(inner.keys())}"
        elif inner is not None:
            word += f" of {type(inner).__name__}"
        words.append(f"{key} ({word})")
    if len(words) > most:
        words[most:] = [f"{len(words) - most} more"]
    return ", ".join(words) or "no named feature"
