"""Outlines of objects: drawn as COCO's own tools draw them, or refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from annotated import coco, converted
from pycocotools import mask as coco_masks

from detection import conversion
from detection.conversion import masks


def blobs(seed, height=30, width=40):
    """A mask of some rectangles, as pycocotools packs it."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(4):
        y, x = rng.integers(0, (height, width))
        mask[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20)] ^= 1
    return mask, coco_masks.encode(np.asfortranarray(mask))["counts"].decode()


@pytest.mark.parametrize("seed", range(20))
def test_packed_run_lengths_are_the_mask_that_was_packed(seed):
    mask, packed = blobs(seed)
    np.testing.assert_array_equal(
        masks.outlined({"size": [30, 40], "counts": packed}, 30, 40), mask
    )


@pytest.mark.parametrize("mask", [np.zeros((300, 400), np.uint8), np.ones((300, 400), np.uint8)])
def test_empty_and_full_masks_are_read(mask):
    packed = coco_masks.encode(np.asfortranarray(mask))["counts"].decode()
    given = {"size": [300, 400], "counts": packed}
    np.testing.assert_array_equal(masks.outlined(given, 300, 400), mask)


@pytest.mark.parametrize("seed", range(5))
def test_packed_run_lengths_that_were_cut_short_are_refused(seed):
    """Every proper beginning: pycocotools draws nearly all of them, out of memory nobody set."""
    _, packed = blobs(seed)
    assert len(packed) > 30
    for end in range(len(packed)):
        with pytest.raises(ValueError, match="run length"):
            masks.outlined({"size": [30, 40], "counts": packed[:end]}, 30, 40)


@pytest.mark.parametrize(
    "counts",
    [
        *("n15i00fQ1 ", "n15i00fQ1\u0663", "nnnnnnnnnnnnnnnn0", "\x00", "~~"),
        *([1200, 1], [-1, 1201], [600.5, 599.5], [True, 1199], ["1200"], [10**400], None, 7, {}),
        *([math.nan, 1200], [[1200]], []),
    ],
)
def test_run_lengths_that_do_not_fill_the_image_are_refused(counts):
    with pytest.raises(ValueError, match="run length"):
        masks.outlined({"size": [30, 40], "counts": counts}, 30, 40)


def test_run_lengths_of_another_size_are_refused():
    with pytest.raises(ValueError, match="another size"):
        masks.outlined({"size": [40, 30], "counts": [1200]}, 30, 40)


@pytest.mark.parametrize(
    "polygons",
    [
        [[2, 2, 12, 2, 12, 9.5, 2, 9]],
        [[-500, -300, 20, 10, 600, 900, -7, 29.5]],
        [[2, 2, 12, 2, 12, 9], [20, 20, 30, 20, 25, 28], [1, 1, 3, 3]],
    ],
)
def test_polygons_are_drawn_as_pycocotools_draws_them(polygons):
    """Also where they reach out of the image; two points have no area."""
    drawn = coco_masks.decode(coco_masks.frPyObjects([p for p in polygons if len(p) > 4], 30, 40))
    np.testing.assert_array_equal(masks.outlined(polygons, 30, 40), drawn.max(axis=2))


@pytest.mark.parametrize(
    "polygons",
    [
        [[0, 0, 2**23, 0, 2**23, 2**23]],
        [[0, 0, 2**24, 0, 2**24, 0, 0, 2**24] * 30],
        [[0, 0, 10**400, 0, 5, 5]],
        [[0, 0, math.nan, 0, 5, 5]],
        [[0, 0, math.inf, 0, 5, 5]],
        [[0, 0, "5", 0, 5, 5]],
        [[0, 0, 9, 0, 5, 5, 1]],
        [0, 0, 9, 0, 5, 5],
        [[2, 2, 12, 2, 12, 9], "mask"],
        "mask",
        7,
    ],
)
def test_polygons_that_nobody_can_draw_are_refused(polygons):
    with pytest.raises(ValueError, match="polygon"):
        masks.outlined(polygons, 30, 40)


@pytest.mark.parametrize("nothing", [None, [], {}, [[]], [[1, 1]], [[1, 1, 5, 5]]])
def test_what_has_no_area_is_no_outline(nothing):
    assert masks.outlined(nothing, 30, 40) is None


def test_objects_of_damaged_outlines_are_told_and_have_their_box_as_mask(tmp_path, photos):
    import tensorflow as tf
    from official.vision.dataloaders import tf_example_decoder

    values = coco([[10, 5, 10, 5]] * 3)
    mask, packed = blobs(1)
    outlines = [
        {"size": [30, 40], "counts": packed},
        {"size": [30, 40], "counts": packed[:-2]},
        [],
    ]
    for annotation, outline in zip(values["annotations"], outlines, strict=True):
        annotation["segmentation"] = outline
    found = converted(tmp_path, photos, values, with_masks=True)
    held = found.info["contents"]
    assert held["faults"]["outlines"] == [2]
    assert held["boxes_as_masks"] == 1
    told = conversion.described(found)
    assert "objects of a damaged outline, whose boxes are masks: 1 (2)" in told
    decode = tf_example_decoder.TfExampleDecoder(include_mask=True).decode
    example = next(tf.data.TFRecordDataset(found.files).map(decode).as_numpy_iterator())
    boxed = np.zeros((30, 40))
    boxed[5:10, 10:20] = 1
    for drawn, expected in zip(
        example["groundtruth_instance_masks"], (mask, boxed, boxed), strict=True
    ):
        np.testing.assert_array_equal(drawn, expected)
    assert json.loads((found.folder / "boxes.json").read_bytes()) == found.info
