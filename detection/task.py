"""Model Garden's RetinaNet task, on any set with COCO's features."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
import tf_keras
from official.core import task_factory
from official.vision.dataloaders import retinanet_input
from official.vision.tasks import retinanet

from cells.config import read_yaml
from cells.drop_path import follow_training
from detection import data
from detection import model as detector_model
from detection.config import RetinaNetTask
from transfer import checkpoints, model_dir


@task_factory.register_task_cls(RetinaNetTask)
class CellsRetinaNetTask(retinanet.RetinaNetTask):
    """What Model Garden's task does not know: these backbones, their weights, any set of boxes.

    The part of training that is over, which ScheduledDropPath follows, is computed in every step
    from `optimizer.iterations`, so a resumed run goes on where it was.
    """

    def build_model(self) -> tf_keras.Model:
        """The detector; see `detection.model`."""
        # Half of the decay, since the papers' L2 term is half the sum of squares.
        decay = self.task_config.losses.l2_weight_decay / 2.0
        regularizer = tf_keras.regularizers.L2(decay) if decay else None
        model = detector_model.build_retinanet(self.task_config.model, regularizer)
        if self.task_config.freeze_backbone:
            model.backbone.trainable = False
        return model

    def initialize(self, model: tf_keras.Model) -> None:
        """Takes the weights of a trained classifier into the backbone, by the names of layers.

        What is no folder of a `cell-transfer` training is read as Model Garden does.
        """
        source = self.task_config.init_checkpoint
        if source and is_classifier(source):
            checkpoints.take_weights(source, model.backbone)
        else:
            super().initialize(model)

    def build_inputs(
        self, params: Any, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Reads a TFDS set by its features, or converted boxes."""
        parse = self.parser(params).parse_fn(params.is_training)
        dataset = data.batches(params, parse, input_context)
        return dataset if params.is_training else dataset.map(clip_to_images)

    def parser(self, params: Any) -> retinanet_input.Parser:
        """Model Garden's parser of decoded examples, for one side of the data."""
        model, parser = self.task_config.model, params.parser
        return retinanet_input.Parser(
            output_size=model.input_size[:2],
            min_level=model.min_level,
            max_level=model.max_level,
            num_scales=model.anchor.num_scales,
            aspect_ratios=model.anchor.aspect_ratios,
            anchor_size=model.anchor.anchor_size,
            box_coder_weights=model.detection_generator.box_coder_weights,
            dtype=params.dtype,
            match_threshold=parser.match_threshold,
            unmatched_threshold=parser.unmatched_threshold,
            aug_type=parser.aug_type,
            aug_rand_hflip=parser.aug_rand_hflip,
            aug_rand_jpeg=parser.aug_rand_jpeg,
            aug_scale_min=parser.aug_scale_min,
            aug_scale_max=parser.aug_scale_max,
            skip_crowd_during_training=parser.skip_crowd_during_training,
            max_num_instances=parser.max_num_instances,
            pad=parser.pad,
            keep_aspect_ratio=parser.keep_aspect_ratio,
        )

    def train_step(
        self,
        inputs: tuple[Any, Any],
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: list[Any] | None = None,
    ) -> dict[str, Any]:
        """One step of one replica; drop path follows `optimizer.iterations`."""
        steps = self.task_config.model.backbone.cells.drop_path_steps
        follow_training(model.backbone, optimizer.iterations, steps)
        return super().train_step(inputs, model, optimizer, metrics)


def is_classifier(folder: str) -> bool:
    """Whether a folder is that of a `cell-transfer` training."""
    path = os.path.join(folder, model_dir.PARAMS)
    if not os.path.exists(path):
        return False
    model = read_yaml(path).get("task", {}).get("model", {})
    return "cells" in model


def clip_to_images(images: tf.Tensor, labels: dict[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """Has predictions clipped at the border of the scaled image.

    Model Garden clips them to row 1 of `image_info`, where its parser puts the size of the
    padded input.
    """
    original, _, scale, offset = tf.unstack(labels["image_info"], axis=1)
    info = tf.stack([original, original * scale, scale, offset], axis=1)
    return images, {**labels, "image_info": info}
