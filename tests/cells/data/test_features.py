"""Which features of a set are its images, labels and boxes."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cells.data import ImageClasses, detection_classes, image_classes
from cells.support.errors import UserError


def with_features(features, supervised=None):
    """As much of a builder as `image_classes` and `detection_classes` look at."""
    info = types.SimpleNamespace(
        features=tfds.features.FeaturesDict(features),
        supervised_keys=supervised,
        full_name="some/1.0.0",
    )
    return types.SimpleNamespace(info=info)


def test_the_supervised_keys_choose_among_several_labels():
    features = {
        "picture": tfds.features.Image(shape=(None, 8, 1)),
        "fine": tfds.features.ClassLabel(num_classes=3),
        "coarse": tfds.features.ClassLabel(names=["a", "b"]),
    }
    chosen = image_classes(with_features(features, ("picture", "coarse")))
    assert chosen == ImageClasses("picture", "coarse", (None, 8, 1), 2, ("a", "b"))
    with pytest.raises(UserError, match=r"fine \(ClassLabel\), coarse \(ClassLabel\)"):
        image_classes(with_features(features))


@pytest.mark.parametrize(
    "features",
    [
        {
            "image": tfds.features.Image(dtype=np.uint16),
            "label": tfds.features.ClassLabel(names=["a", "b"]),
        },
        {"image": tfds.features.Image(), "label": tfds.features.Text()},
        {"image": tfds.features.Image(), "label": tfds.features.ClassLabel()},
        {
            "image": tfds.features.LabeledImage(labels=2, shape=(None, None, 1)),
            "label": tfds.features.ClassLabel(num_classes=2),
        },
        {
            "image": tfds.features.Image(),
            "label": tfds.features.Sequence(tfds.features.ClassLabel(num_classes=2)),
        },
    ],
    ids=["uint16", "text", "unknown classes", "segmentation", "several labels"],
)
def test_sets_that_are_not_for_classification(features):
    with pytest.raises(UserError, match=r"some/1.0.0 is not a set of images with one label each"):
        image_classes(with_features(features))


def test_boxes_alone_are_enough_for_detection_but_in_one_format():
    def scenes(**box):
        objects = {
            "bbox": tfds.features.BBoxFeature(**box),
            "label": tfds.features.ClassLabel(names=["a", "b"]),
        }
        return with_features(
            {"image": tfds.features.Image(), "objects": tfds.features.Sequence(objects)}
        )

    found = detection_classes(scenes())
    assert (found.num_classes, found.crowd_key, found.area_key) == (2, None, None)
    assert found.image_id_key is None
    with pytest.raises(UserError, match="in the format XYWH, but only REL_YXYX"):
        detection_classes(scenes(bbox_format="XYWH"))
