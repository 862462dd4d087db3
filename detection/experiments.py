"""Detection experiments of Model Garden's trainer: `--experiment` names one."""

from __future__ import annotations

from official.core import config_definitions as cfg
from official.core import exp_factory
from official.modeling import optimization
from official.vision.configs import common, retinanet
from official.vision.configs.decoders import FPN, Decoder

from detection.config import RetinaNet, RetinaNetTask
from transfer.backbone import Backbone, CellBackbone
from transfer.experiments import RESTRICTIONS

#: The first is the one that is used when none is named.
NAMES = ("cells_retinanet", "cells_retinanet_coco")


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
    config.trainer.optimizer_config.optimizer.sgd.global_clipnorm = 10.0
    # All images, the last batch included.
    config.trainer.validation_steps = -1
    return cfg.ExperimentConfig(
        task=task, trainer=config.trainer, runtime=config.runtime, restrictions=list(RESTRICTIONS)
    )


@exp_factory.register_config_factory("cells_retinanet")
def cells_retinanet() -> cfg.ExperimentConfig:
    """A small RetinaNet for a computer without accelerator: `digits_scenes`, 128 pixels.

    Adam with one cosine period; the numbers are for training from scratch in minutes.
    """
    steps = 700
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
    optimizer = optimization.OptimizationConfig(
        {
            "optimizer": {"type": "adam", "adam": {"global_clipnorm": 10.0}},
            "learning_rate": {
                "type": "cosine",
                "cosine": {"initial_learning_rate": 3e-3, "decay_steps": 0},
            },
            "warmup": {"type": "linear", "linear": {"warmup_steps": 50}},
        }
    )
    trainer = cfg.TrainerConfig(
        train_steps=steps,
        steps_per_loop=50,
        summary_interval=50,
        checkpoint_interval=steps,
        validation_interval=steps,
        validation_steps=-1,
        max_to_keep=2,
        optimizer_config=optimizer,
    )
    return cfg.ExperimentConfig(
        task=task,
        trainer=trainer,
        runtime=cfg.RuntimeConfig(distribution_strategy="one_device", num_gpus=-1),
        restrictions=list(RESTRICTIONS),
    )


def _data(name: str, split: str, given: retinanet.DataConfig) -> retinanet.DataConfig:
    """Model Garden's data settings, read from TFDS in place of its TFRecords."""
    return given.replace(input_path="", tfds_name=name, tfds_split=split)
