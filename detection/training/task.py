"""Model Garden's detection tasks, on any set of boxes and with these backbones.

What they share is in `_CellsTask`. The part of training that is over, which ScheduledDropPath
follows, is computed in every step from `optimizer.iterations`, so a resumed run goes on where it
was.
"""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf
import tf_keras
from official.core import task_factory
from official.vision.dataloaders import maskrcnn_input, retinanet_input
from official.vision.tasks import maskrcnn, retinanet

from cells.network.drop_path import follow_training
from detection.config.schema import MaskRCNNTask, RetinaNetTask
from detection.data import dataset as data
from detection.model import backbone_weights, detector_model
from detection.training.coco_figures import Evaluation
from detection.training.collector import Evaluator
from transfer.training import checkpoints
from transfer.training.trainer import examples_in


class _CellsTask:
    """What Model Garden's tasks do not know: these backbones, their weights, any set of boxes."""

    task_config: Any

    @tf.autograph.experimental.do_not_convert
    def build_model(self) -> tf_keras.Model:
        """The detector; see `detection.model.detector_model`."""
        # Half of the decay, since the papers' L2 term is half the sum of squares.
        decay = self.task_config.losses.l2_weight_decay / 2.0
        regularizer = tf_keras.regularizers.L2(decay) if decay else None
        model = detector_model.build_detector(self.task_config.model, regularizer)
        backbone_weights.freeze(
            model.backbone,
            everything=self.task_config.freeze_backbone,
            stem=self.task_config.freeze_stem,
            batch_norm=self.task_config.freeze_batch_norm,
        )
        return model

    def initialize(self, model: tf_keras.Model) -> None:
        """Takes the weights of a trained classifier into the backbone, by the names of layers.

        What is no folder of a `cell-transfer` training, nor a weights file, is read as Model Garden
        does.
        """
        source = self.task_config.init_checkpoint
        if source and (
            backbone_weights.is_weights_file(source) or backbone_weights.is_classifier(source)
        ):
            checkpoints.take_weights(source, model.backbone)
        else:
            super().initialize(model)  # type: ignore[misc]

    @tf.autograph.experimental.do_not_convert
    def build_inputs(
        self, params: Any, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Reads a TFDS set by its features, or converted boxes.

        Of all this only some augmentations have Python's control flow, which AutoGraph converts in
        a `tf.function`; to look for it everywhere takes seconds of each start.
        """
        parse = self.parser(params).parse_fn(params.is_training)
        if params.parser.aug_type or getattr(params.parser, "aug_rand_jpeg", None):
            parse = tf.function(parse)
        dataset = data.batches(params, parse, input_context, with_masks=self.with_masks)
        return dataset if params.is_training else dataset.map(clip_to_images)

    @property
    def with_masks(self) -> bool:
        """Whether outlines are learnt, too."""
        return False

    def parser(self, params: Any) -> Any:
        """Model Garden's parser of decoded examples, for one side of the data."""
        raise NotImplementedError

    def parsing(self, params: Any, own: str) -> dict[str, Any]:
        """What Model Garden's parsers take from a configuration.

        Args:
            params: one side of the data.
            own: settings of this kind of parser, by the names that both have for them.
        """
        model = self.task_config.model
        same = (
            "aug_type aug_rand_hflip aug_scale_min aug_scale_max skip_crowd_during_training "
            f"max_num_instances {own}"
        )
        return {
            "output_size": model.input_size[:2],
            "min_level": model.min_level,
            "max_level": model.max_level,
            "num_scales": model.anchor.num_scales,
            "aspect_ratios": model.anchor.aspect_ratios,
            "anchor_size": model.anchor.anchor_size,
            "dtype": params.dtype,
            **{name: getattr(params.parser, name) for name in same.split()},
        }

    def evaluator(self) -> Evaluator:
        """Collects evaluation batches, in the data set's own numbers."""
        most = getattr(self.task_config, "max_num_eval_detections", 100)
        side = self.task_config.validation_data
        outlines = functools.partial(data.outlines, side) if self.with_masks else None
        return Evaluator(self.task_config.category_ids, most, outlines)

    @property
    def evaluation(self) -> Evaluation | None:
        """The last evaluation, image by image; None before the first."""
        metric = getattr(self, "coco_metric", None)
        return metric.evaluation if isinstance(metric, Evaluator) else None

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
        return super().train_step(inputs, model, optimizer, metrics)  # type: ignore[misc]


@task_factory.register_task_cls(RetinaNetTask)
class CellsRetinaNetTask(_CellsTask, retinanet.RetinaNetTask):
    """RetinaNet."""

    def parser(self, params: Any) -> retinanet_input.Parser:
        """Model Garden's parser of decoded examples, for one side of the data."""
        own = "match_threshold unmatched_threshold aug_rand_jpeg pad keep_aspect_ratio"
        weights = self.task_config.model.detection_generator.box_coder_weights
        return retinanet_input.Parser(**self.parsing(params, own), box_coder_weights=weights)

    def build_metrics(self, training: bool = True) -> list[Any]:
        """Model Garden's, with COCO's figures in the data set's own numbers."""
        metrics = super().build_metrics(training)
        if not training and self.task_config.use_coco_metrics:
            self.coco_metric = self.evaluator()
        return metrics

    def validation_step(
        self,
        inputs: tuple[Any, Any],
        model: tf_keras.Model,
        metrics: list[Any] | None = None,
    ) -> dict[str, Any]:
        """One step of one replica, whose losses count by its number of images."""
        weighted = [_ByImages(metric, examples_in(inputs)) for metric in metrics or ()]
        return super().validation_step(inputs, model, weighted)


class _ByImages:
    """A mean of a batch's figures, in which each image counts alike; of no image there is none."""

    def __init__(self, mean: tf_keras.metrics.Mean, images: tf.Tensor):
        self.name, self.result = mean.name, mean.result
        self._mean, self._images = mean, images

    def update_state(self, value: tf.Tensor) -> None:
        """Adds the figure of a batch."""
        value = tf.where(self._images > 0, value, 0.0)
        self._mean.update_state(value, sample_weight=self._images)


@task_factory.register_task_cls(MaskRCNNTask)
class CellsMaskRCNNTask(_CellsTask, maskrcnn.MaskRCNNTask):
    """Faster R-CNN, and with `include_mask` Mask R-CNN.

    Model Garden's own task hands a TFDS set to its decoder of TFRecords, which dies; here each
    source has its decoder (`detection.data.dataset`).
    """

    @property
    def with_masks(self) -> bool:
        """Whether outlines are learnt, too."""
        return self.task_config.model.include_mask

    def build_model(self) -> tf_keras.Model:
        """The detector; it has its weights after a first call."""
        model = super().build_model()
        shapes = (self.task_config.model.input_size, [2])
        image, size = (tf_keras.Input(shape) for shape in shapes)
        model(image, image_shape=size, training=False)
        return model

    def parser(self, params: Any) -> maskrcnn_input.Parser:
        """Model Garden's parser of decoded examples, for one side of the data."""
        own = (
            "rpn_match_threshold rpn_unmatched_threshold rpn_batch_size_per_im rpn_fg_fraction "
            "aug_rand_vflip mask_crop_size"
        )
        return maskrcnn_input.Parser(
            **self.parsing(params, own),
            include_mask=self.task_config.model.include_mask,
            outer_boxes_scale=self.task_config.model.outer_boxes_scale,
        )

    def _build_coco_metrics(self) -> None:
        # Model Garden's hook; it would scan the records for an annotation file of its own.
        self.coco_metric = self.evaluator()


def create(config: Any, **more: Any) -> Any:
    """The task of a configuration, of the kind that its class says."""
    return task_factory.get_task(config, **more)


def clip_to_images(images: tf.Tensor, labels: dict[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    """Has predictions clipped at the border of the scaled image.

    Model Garden clips them to row 1 of `image_info`, where its parser puts the size of the
    padded input.
    """
    original, _, scale, offset = tf.unstack(labels["image_info"], axis=1)
    info = tf.stack([original, original * scale, scale, offset], axis=1)
    return images, {**labels, "image_info": info}
