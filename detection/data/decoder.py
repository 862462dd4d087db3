"""Examples of any TFDS set with COCO's `objects`, as Model Garden's parsers take them.

Boxes and masks of stored examples are those of the picture as it is stored, as TFDS and COCO's
tools see it. They are turned upright together with it where EXIF says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from official.vision.dataloaders import decoder, tf_example_decoder

from cells.data import DetectionClasses, decoding, preprocessing

#: Model Garden's class 0 is the background, so label i of the data is its class i + SHIFT.
SHIFT = 1


class ObjectsDecoder(decoder.Decoder):
    """Gives the features of a detection set the names that Model Garden's parsers read.

    Model Garden's own decoder knows COCO and Objects365 by name; this one asks the set.

    Args:
        classes: where image, boxes and labels are, see `cells.data.detection_classes`.
    """

    def __init__(self, classes: DetectionClasses):
        self._classes = classes
        self._pixels = decoding.decoder(classes.image_shape)

    def decode(self, serialized_example: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Renames the features of one example.

        Args:
            serialized_example: an example as TFDS gives it where the image is left encoded, with
                `tfds_id` where the set does not number its images.

        Returns:
            `image` (height, width, 3) uint8; `source_id` a string that holds a whole number;
            `height`, `width` int64; `groundtruth_classes` (n,) int64, shifted by `SHIFT`;
            `groundtruth_boxes` (n, 4) float32, ymin, xmin, ymax, xmax in 0..1;
            `groundtruth_is_crowd` (n,) bool; `groundtruth_area` (n,) float32 in pixels.
        """
        known, objects = self._classes, serialized_example[self._classes.objects_key]
        encoded = serialized_example[known.image_key]
        image = preprocessing.with_channels(self._pixels(encoded), 3)
        size = tf.shape(image, out_type=tf.int64)
        boxes = decoding.upright_boxes(objects[known.bbox_key], decoding.orientation(encoded))
        return {
            "image": image,
            "source_id": tf.strings.as_string(self._image_id(serialized_example)),
            "height": size[0],
            "width": size[1],
            "groundtruth_classes": tf.cast(objects[known.label_key], tf.int64) + SHIFT,
            "groundtruth_boxes": boxes,
            "groundtruth_is_crowd": (
                tf.cast(objects[known.crowd_key], tf.bool)
                if known.crowd_key
                else tf.zeros(tf.shape(boxes)[:1], tf.bool)
            ),
            "groundtruth_area": (
                tf.cast(objects[known.area_key], tf.float32)
                if known.area_key
                else _areas(boxes, tf.cast(size, tf.float32))
            ),
        }

    def _image_id(self, example: Mapping[str, Any]) -> tf.Tensor:
        number = example[self._classes.image_id_key] if self._classes.image_id_key else None
        if number is not None and number.dtype.is_integer:
            return number
        # 31 bits: not everything that reads COCO's JSON knows larger whole numbers.
        return tf.strings.to_hash_bucket_fast(example["tfds_id"], 2**31 - 1)


class RecordDecoder(tf_example_decoder.TfExampleDecoder):
    """Model Garden's decoder of TFRecords, whose pictures, boxes and masks are upright."""

    def decode(self, serialized_example: tf.Tensor) -> dict[str, tf.Tensor]:
        """As Model Garden's; `height` and `width` are those of the upright picture."""
        found = super().decode(serialized_example)
        key = "image/encoded"
        parsed = tf.io.parse_single_example(
            serialized_example, {key: tf.io.FixedLenFeature((), tf.string)}
        )
        turn = decoding.orientation(parsed[key])
        size = tf.shape(found["image"], out_type=tf.int64)
        boxes = decoding.upright_boxes(found["groundtruth_boxes"], turn)
        found |= {"height": size[0], "width": size[1], "groundtruth_boxes": boxes}
        if (masks := found.get("groundtruth_instance_masks")) is not None:
            upright = decoding.upright(masks[..., tf.newaxis], turn)
            found["groundtruth_instance_masks"] = upright[..., 0]
        return found

    def _decode_image(self, parsed_tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return decoding.decode(parsed_tensors["image/encoded"])


def _areas(boxes: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) * size[0] * size[1]
