"""Model Garden's detectors on the images that this project's networks are trained with."""

from __future__ import annotations

import tf_keras
from official.vision.modeling import backbones, factory
from official.vision.ops import preprocess_ops

from cells.data import preprocessing
from cells.network.keras_settings import overridden
from detection.config.schema import MaskRCNN, RetinaNet


@overridden(tf_keras)
def build_detector(
    config: RetinaNet | MaskRCNN, l2_regularizer: tf_keras.regularizers.Regularizer | None = None
) -> tf_keras.Model:
    """Builds the detector.

    Args:
        config: the resolved model.
        l2_regularizer: of every kernel.

    Returns:
        Model Garden's `RetinaNetModel` or `MaskRCNNModel`. Images come in as its parsers normalise
        them.

    Raises:
        UserError: the backbone is impossible.
    """
    specs = tf_keras.layers.InputSpec(shape=[None, *config.input_size])
    backbone = backbones.factory.build_backbone(
        input_specs=specs,
        backbone_config=config.backbone,
        norm_activation_config=config.norm_activation,
        l2_regularizer=l2_regularizer,
    )
    if config.backbone.type == "cells":
        backbone = _on_normalized_images(backbone, config.input_size)
    build = factory.build_retinanet if isinstance(config, RetinaNet) else factory.build_maskrcnn
    return build(
        input_specs=specs, model_config=config, l2_regularizer=l2_regularizer, backbone=backbone
    )


def _on_normalized_images(backbone: tf_keras.Model, input_size: list[int]) -> tf_keras.Model:
    """Puts the change from Model Garden's scale of pixels to ours in front.

    Ours is `cells.data.preprocessing.scale`.

    Weights of a classifier fit that scale. Inside the model, Model Garden's parsers and its export
    need not know.
    """
    image = tf_keras.Input(input_size, name="normalized_image")
    one, zero = float(preprocessing.scale(1.0)), float(preprocessing.scale(0.0))
    rescaled = tf_keras.layers.Rescaling(
        [std * (one - zero) for std in preprocess_ops.STDDEV_RGB],
        [mean * (one - zero) + zero for mean in preprocess_ops.MEAN_RGB],
        name="rescaled",
    )(image)
    model = tf_keras.Model(image, backbone(rescaled), name="backbone")
    model.output_specs = backbone.output_specs
    if hasattr(backbone, "drop_path_progress"):
        model.drop_path_progress = backbone.drop_path_progress
    return model
