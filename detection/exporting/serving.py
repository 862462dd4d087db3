"""Detectors from images to boxes in one graph, as files for other programs hold them.

Model Garden's serving module, with boxes in pixels of the image as it was given, and the data set's
own numbers of classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from official.vision.modeling import retinanet_model
from official.vision.modeling.layers import detection_generator
from official.vision.ops import preprocess_ops
from official.vision.serving import detection as serving

from cells.data import decoding
from cells.network.keras_settings import overridden

#: Model Garden's colour of what an image leaves of the input: 0 once it is normalised.
PADDING = preprocess_ops.MEAN_RGB


class ServedDetector(serving.DetectionModule):
    """A detector with all that belongs between images and boxes.

    Each of its functions gives, of each image, up to `max_num_detections` objects, the surest
    first: `detection_boxes` float32 (n, m, 4), ymin, xmin, ymax, xmax in pixels;
    `detection_classes` int64 (n, m), the data set's own category ids; `detection_scores` float32
    (n, m); `num_detections` int32 (n,), how many of the m are there; of Mask R-CNN also
    `detection_masks` float32 (n, m, side, side), spread over the boxes.

    Args:
        params: the configuration of the run.
        model: the trained model.
    """

    def __init__(self, params: Any, model: Any):
        size = list(params.task.model.input_size[:2])
        super().__init__(
            params=params,
            batch_size=None,
            input_image_size=size,
            input_type="image_bytes",
            model=model,
        )
        # 0 is the background, and nothing is found of it. No tensor: converters take one for an
        # input.
        self._category_ids = [-1, *params.task.category_ids]

    @tf.function(autograph=False)
    def inference_from_image_bytes(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """From strings (n,) of JPEG, PNG, BMP or GIF files of any sizes; boxes in their pixels.

        Photographs are turned upright as EXIF says, and their boxes are those of the upright ones.

        Decoded and scaled image by image, since they have different sizes.
        """
        with tf.device("cpu:0"):
            like = self._inputs_of(tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)))
            images, anchors, info = tf.map_fn(
                self._inputs_of,
                inputs,
                fn_output_signature=tf.nest.map_structure(
                    lambda t: tf.TensorSpec(t.shape, t.dtype), like
                ),
            )
        return self._found(images, anchors, info)

    @tf.function(autograph=False)
    def inference_from_image(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """From one image, uint8 (height, width, 3), of any size; boxes in its pixels."""
        given = self._build_inputs(image)
        return self._found(*tf.nest.map_structure(lambda t: t[tf.newaxis], given))

    @tf.function(autograph=False)
    def inference_from_pixels(self, pixels: tf.Tensor, size: tf.Tensor) -> dict[str, tf.Tensor]:
        """From one image that is scaled already; boxes in pixels of the scaled one.

        Args:
            pixels: float32 (1, height, width, 3) of 0 to 255: the image, scaled into the detector's
                input with its aspect ratio, in the upper left corner of `PADDING`.
            size: float32 (1, 2): height and width that the scaled image takes of it.
        """
        anchors = {level: boxes[tf.newaxis] for level, boxes in self._build_anchor_boxes().items()}
        one, zero = tf.ones_like(size), tf.zeros_like(size)
        info = tf.stack([size, size, one, zero], axis=1)
        images = preprocess_ops.normalize_image(
            pixels, offset=preprocess_ops.MEAN_RGB, scale=preprocess_ops.STDDEV_RGB
        )
        return self._found(images, anchors, info)

    def scaled(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """An image as `inference_from_pixels` takes it.

        Args:
            image: uint8 (height, width, 3), RGB.

        Returns:
            `pixels`, `size`, and the scales (2,) of height and width that made it.
        """
        pixels, info = preprocess_ops.resize_and_crop_image(
            tf.cast(image, tf.float32) - PADDING,
            self._input_image_size,
            padded_size=self._padded_size,
            keep_aspect_ratio=self.params.task.train_data.parser.keep_aspect_ratio,
        )
        size, scale = info[0] * info[2], info[2]
        return (pixels + PADDING)[tf.newaxis].numpy(), size[tf.newaxis].numpy(), scale.numpy()

    def _inputs_of(self, data: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor]:
        image = decoding.decode(data, portable=True)
        pixels, anchors, info = self._build_inputs(image)
        return pixels, dict(anchors), info

    def _found(
        self, images: tf.Tensor, anchors: dict[str, tf.Tensor], info: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        # Boxes are cut at the border of the scaled image, not at that of the padded input.
        shape = info[:, 0, :] * info[:, 2, :]
        found = self.model.call(
            images=images, image_shape=shape, anchor_boxes=anchors, training=False
        )
        classes = tf.cast(found["detection_classes"], tf.int32)
        category_ids = tf.constant(self._category_ids, tf.int64)
        told = {
            "detection_boxes": found["detection_boxes"] / tf.tile(info[:, 2:3, :], [1, 1, 2]),
            "detection_classes": tf.gather(category_ids, tf.maximum(classes, 0)),
            "detection_scores": found["detection_scores"],
            "num_detections": found["num_detections"],
        }
        if "detection_masks" in found:
            told["detection_masks"] = found["detection_masks"]
        return told


@overridden(tf_keras)
def of_plain_operators(model: Any, sigma: float | None) -> Any:
    """A RetinaNet whose non-maximum suppression other programs have an operator for.

    Class by class, which finds the same as the kinds for accelerators and for batches.

    Args:
        model: Model Garden's RetinaNet, whose weights are shared.
        sigma: of soft suppression; 0 and None are the same hard one by different operators. That
            of 0 gives no count in TFLite, that of None cannot be converted to ONNX.
    """
    settings = model.detection_generator.get_config()
    generator = _WithoutEmptyBoxes(**{**settings, "nms_version": "v1", "soft_nms_sigma": sigma})
    return retinanet_model.RetinaNetModel(
        **{**model.get_config(), "detection_generator": generator}
    )


class _WithoutEmptyBoxes(detection_generator.MultilevelDetectionGenerator):
    """Model Garden's, but what lies outside of the image, cut at its border, scores nothing.

    TFLite's suppression compares what it has kept with itself, which only an area betrays, and so
    keeps a box without area again and again until there is room for no other.
    """

    def _decode_multilevel_outputs(self, *args: Any, **more: Any) -> tuple[Any, Any, Any]:
        boxes, scores, attributes = super()._decode_multilevel_outputs(*args, **more)
        top, left, bottom, right = tf.unstack(boxes, axis=-1)
        return boxes, scores * tf.cast((bottom > top) & (right > left), scores.dtype), attributes
