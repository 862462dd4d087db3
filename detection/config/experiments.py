"""Detection experiments of Model Garden's trainer: `--experiment` names one."""

from __future__ import annotations

import copy
import functools
import os
from typing import Any

from official.core import config_definitions as cfg
from official.core import exp_factory
from official.vision.configs import backbones, common, maskrcnn, retinanet
from official.vision.configs.decoders import FPN, Decoder

from cells.checks import stages
from cells.support import files
from cells.support.overrides import read_yaml
from detection.config.schema import MaskRCNN, MaskRCNNTask, RetinaNet, RetinaNetTask
from transfer.config.cells_backbone import Backbone, CellBackbone
from transfer.config.experiments import RESTRICTIONS, cosine, trainer
from transfer.runs import model_dir

#: The first is the one that is used when none is named.
NAMES = (
    "cells_retinanet",
    "cells_fasterrcnn",
    "cells_maskrcnn",
    "cells_retinanet_coco",
    "cells_fasterrcnn_coco",
    "cells_maskrcnn_coco",
    "resnet_retinanet_coco",
    "resnet_fasterrcnn_coco",
    "resnet_maskrcnn_coco",
)


def of_model_dir(folder: str) -> cfg.ExperimentConfig:
    """The configuration of a run, of whatever kind of detector.

    Raises:
        UserError: this is not the folder of a run, or its configuration is damaged.
    """
    path = os.path.join(folder, model_dir.PARAMS)
    given = stages.model_of(read_yaml(path) if files.exists(path) else {})
    if "rpn_head" not in given:
        base = cells_retinanet()
    else:
        base = cells_maskrcnn() if given.get("include_mask") else cells_fasterrcnn()
    return model_dir.read_params(folder, base)


@exp_factory.register_config_factory("cells_retinanet_coco")
def cells_retinanet_coco() -> cfg.ExperimentConfig:
    """RetinaNet on COCO with NASNet-A mobile below.

    Model Garden's recipe for RetinaNet (its `retinanet_resnetfpn_coco`: 72 epochs of 256 images
    of 640 pixels, focal loss), with the gradient clipped at a global norm of 10 as in the
    detectors of the NASNet paper.
    """
    config = exp_factory.get_exp_config("retinanet_resnetfpn_coco")
    given = config.task
    task = RetinaNetTask(
        model=RetinaNet(
            input_size=[640, 640, 3],
            norm_activation=common.NormActivation(use_sync_bn=True),
        ),
        losses=given.losses,
        train_data=_data("coco/2017", "train", given.train_data),
        validation_data=_data("coco/2017", "validation", given.validation_data).replace(
            drop_remainder=False
        ),
        init_checkpoint_modules="backbone",
    )
    return _recipe(config, task)


@exp_factory.register_config_factory("cells_retinanet")
def cells_retinanet() -> cfg.ExperimentConfig:
    """A small RetinaNet for a computer without accelerator: `digits_scenes`, 128 pixels.

    Adam with one cosine period; the numbers are for training from scratch in minutes.
    """
    data = retinanet.DataConfig(
        tfds_name="digits_scenes",
        dtype="float32",
        global_batch_size=16,
        drop_remainder=False,
        shuffle_buffer_size=1000,
    )
    task = RetinaNetTask(
        model=RetinaNet(
            input_size=[128, 128, 3],
            min_level=3,
            max_level=5,
            backbone=Backbone(
                cells=CellBackbone(
                    normal_cells=1, filters=16, stem_filters=16, min_level=3, max_level=5
                )
            ),
            anchor=retinanet.Anchor(anchor_size=3.0),
            decoder=Decoder(type="fpn", fpn=FPN(num_filters=64)),
            head=retinanet.RetinaNetHead(num_convs=2, num_filters=64),
            # The other kinds loop over classes and boxes one by one, which a CPU feels.
            detection_generator=retinanet.DetectionGenerator(nms_version="batched"),
            norm_activation=common.NormActivation(norm_momentum=0.97, norm_epsilon=1e-3),
        ),
        train_data=data.replace(
            is_training=True,
            tfds_split="train",
            drop_remainder=True,
            # No flips: a mirrored digit is another picture.
            parser=retinanet.Parser(aug_scale_min=0.8, aug_scale_max=1.25),
        ),
        validation_data=data.replace(is_training=False, tfds_split="validation"),
        init_checkpoint_modules="backbone",
    )
    return cfg.ExperimentConfig(
        task=task,
        trainer=trainer(
            steps=700,
            interval=700,
            optimizer={"type": "adam", "adam": {"global_clipnorm": 10.0}},
            learning_rate=cosine(3e-3),
            warmup_steps=50,
            steps_per_loop=50,
            summary_interval=50,
            validation_steps=-1,
        ),
        runtime=cfg.RuntimeConfig(distribution_strategy="one_device", num_gpus=-1),
        restrictions=list(RESTRICTIONS),
    )


@exp_factory.register_config_factory("cells_fasterrcnn_coco")
def cells_fasterrcnn_coco() -> cfg.ExperimentConfig:
    """Faster R-CNN on COCO with NASNet-A mobile below.

    As in the detectors of the NASNet paper (Zoph et al. 2018, section 4.3, and its released
    configuration): batch norms of the backbone stay as the classifier's training left them,
    gradients are clipped at a norm of 10, flips only, 300 proposals, overlaps of 0.7 (proposals)
    and 0.6 (objects), 100 objects; images of 600 pixels, here 640, a multiple of all strides. The
    pyramid (FPN) over levels 2 to 5 in the place of the paper's one map, schedule and batch are
    Model Garden's (its `fasterrcnn_resnetfpn_coco`).
    """
    return _rcnn_coco("fasterrcnn_resnetfpn_coco", masks=False)


@exp_factory.register_config_factory("cells_maskrcnn_coco")
def cells_maskrcnn_coco() -> cfg.ExperimentConfig:
    """Mask R-CNN on COCO, the recipe of `cells_fasterrcnn_coco`; data must be converted boxes."""
    return _rcnn_coco("maskrcnn_resnetfpn_coco", masks=True)


def _rcnn_coco(theirs: str, *, masks: bool) -> cfg.ExperimentConfig:
    config = exp_factory.get_exp_config(theirs)
    given = config.task
    generator = maskrcnn.ROIGenerator(
        num_proposals=300, test_num_proposals=300, nms_iou_threshold=0.7, test_nms_iou_threshold=0.7
    )
    model = MaskRCNN(
        input_size=[640, 640, 3],
        include_mask=masks,
        roi_generator=generator,
        # Model Garden samples 512, of 1,000 proposals; there must be as many to sample from.
        roi_sampler=maskrcnn.ROISampler(num_sampled_rois=256),
        detection_generator=maskrcnn.DetectionGenerator(nms_iou_threshold=0.6),
        norm_activation=common.NormActivation(use_sync_bn=True),
    )
    parser = maskrcnn.Parser(aug_rand_hflip=True)
    task = MaskRCNNTask(
        model=model,
        losses=given.losses,
        train_data=_data("coco/2017", "train", given.train_data).replace(parser=parser),
        validation_data=_data("coco/2017", "validation", given.validation_data),
        init_checkpoint_modules="backbone",
        freeze_batch_norm=True,
    )
    return _recipe(config, task)


def _recipe(config: cfg.ExperimentConfig, task: Any) -> cfg.ExperimentConfig:
    """Model Garden's recipe for another task, with the gradient clipped."""
    config.trainer.optimizer_config.optimizer.sgd.global_clipnorm = 10.0
    # All images, the last batch included.
    config.trainer.validation_steps = -1
    return cfg.ExperimentConfig(
        task=task, trainer=config.trainer, runtime=config.runtime, restrictions=list(RESTRICTIONS)
    )


def _with_resnet(name: str) -> cfg.ExperimentConfig:
    """ResNet-50-FPN under the recipe of another experiment, to compare with."""
    config = exp_factory.get_exp_config(name)
    config.task.model.backbone.type = "resnet"
    config.task.model.backbone.resnet = backbones.ResNet(model_id=50)
    # Batch norms that nobody trained yet must move.
    config.task.freeze_batch_norm = False
    return config


for _kind in ("retinanet", "fasterrcnn", "maskrcnn"):
    exp_factory.register_config_factory(f"resnet_{_kind}_coco")(
        functools.partial(_with_resnet, f"cells_{_kind}_coco")
    )


@exp_factory.register_config_factory("cells_fasterrcnn")
def cells_fasterrcnn() -> cfg.ExperimentConfig:
    """A small Faster R-CNN for a computer without accelerator, as `cells_retinanet`."""
    return _small_rcnn(masks=False)


@exp_factory.register_config_factory("cells_maskrcnn")
def cells_maskrcnn() -> cfg.ExperimentConfig:
    """A small Mask R-CNN for a computer without accelerator; data must be converted boxes."""
    return _small_rcnn(masks=True)


def _small_rcnn(*, masks: bool) -> cfg.ExperimentConfig:
    config = cells_retinanet()
    given = config.task
    data = maskrcnn.DataConfig(
        tfds_name=given.train_data.tfds_name,
        dtype="float32",
        global_batch_size=8,
        drop_remainder=False,
        shuffle_buffer_size=1000,
        parser=maskrcnn.Parser(rpn_batch_size_per_im=64),
    )
    train = data.replace(is_training=True, tfds_split="train", drop_remainder=True)
    train.parser.aug_scale_min, train.parser.aug_scale_max = 0.8, 1.25
    generator = maskrcnn.ROIGenerator(
        pre_nms_top_k=200,
        num_proposals=100,
        test_pre_nms_top_k=200,
        test_num_proposals=100,
        # The other kinds loop over boxes one by one, which a CPU feels.
        use_batched_nms=True,
    )
    model = MaskRCNN(
        input_size=list(given.model.input_size),
        min_level=3,
        max_level=5,
        include_mask=masks,
        backbone=copy.deepcopy(given.model.backbone),
        anchor=maskrcnn.Anchor(anchor_size=3.0, num_scales=2),
        decoder=copy.deepcopy(given.model.decoder),
        rpn_head=maskrcnn.RPNHead(num_filters=64),
        detection_head=maskrcnn.DetectionHead(num_convs=0, num_fcs=2, fc_dims=256),
        mask_head=maskrcnn.MaskHead(num_convs=2, num_filters=64),
        mask_sampler=maskrcnn.MaskSampler(num_sampled_masks=16),
        roi_generator=generator,
        roi_sampler=maskrcnn.ROISampler(num_sampled_rois=64),
        detection_generator=maskrcnn.DetectionGenerator(nms_version="batched"),
        norm_activation=copy.deepcopy(given.model.norm_activation),
    )
    config.task = MaskRCNNTask(
        model=model,
        train_data=train,
        validation_data=data.replace(is_training=False, tfds_split="validation"),
        init_checkpoint_modules="backbone",
    )
    return config


def _data(name: str, split: str, given: Any) -> Any:
    """Model Garden's data settings, read from TFDS in place of its TFRecords."""
    return given.replace(input_path="", tfds_name=name, tfds_split=split)
