"""The experiments that Model Garden's trainer knows by name: the recipes of the papers.

Zoph et al. 2018 and TF-slim's NASNet give the optimizers, schedules and losses; what is ours is
said where it stands. A recipe's global batch is that of all the paper's workers together.
"""

from __future__ import annotations

from typing import Any

from official.core import config_definitions, exp_factory
from official.modeling import optimization

from transfer.config import schema
from transfer.config.cells_backbone import CellStack

NAMES = (
    "cells_classification",
    "cells_cifar10",
    "cells_imagenet_mobile",
    "cells_imagenet_large",
    "cells_finetune",
)

CIFAR10_TRAIN_IMAGES = 50_000
IMAGENET_TRAIN_IMAGES = 1_281_167
IMAGENET_STEPS = 250_000

#: Held before any tensor exists, by Model Garden's `ExperimentConfig.validate`; what they cannot
#: say is checked in `transfer/training/complete.py`.
RESTRICTIONS = [
    "task.train_data.is_training != None",
    "task.validation_data.is_training != None",
    "task.train_data.global_batch_size > 0",
    "task.validation_data.global_batch_size > 0",
    "trainer.train_steps > 0",
    "trainer.steps_per_loop > 0",
    "trainer.checkpoint_interval > 0",
]


@exp_factory.register_config_factory("cells_classification")
def classification() -> config_definitions.ExperimentConfig:
    """Any TFDS set of labelled images, small network, short training; ours."""
    return _experiment(
        model=schema.Model(cells=CellStack(network="cifar", normal_cells=2, filters=16)),
        **_any_images(),
        losses=schema.Losses(l2_weight_decay=1e-4),
        trainer=trainer(
            steps=2_000,
            interval=500,
            optimizer=_momentum(),
            learning_rate=cosine(0.05),
        ),
        strategy="one_device",
    )


@exp_factory.register_config_factory("cells_cifar10")
def cifar10() -> config_definitions.ExperimentConfig:
    """CIFAR-10 as Zoph et al. 2018, appendix A.1 and A.4: 6 cells @ 768, 600 epochs."""
    batch = 32
    epoch = CIFAR10_TRAIN_IMAGES // batch
    return _experiment(
        model=schema.Model(
            auxiliary_head=True, cells=CellStack(network="cifar", drop_path_keep=0.6)
        ),
        train=schema.DataConfig(
            is_training=True,
            tfds_name="cifar10",
            tfds_split="train",
            global_batch_size=batch,
            shuffle_buffer_size=CIFAR10_TRAIN_IMAGES,
            aug_shift=4,
        ),
        validation=schema.DataConfig(
            is_training=False,
            tfds_name="cifar10",
            tfds_split="test",
            global_batch_size=500,
            drop_remainder=False,
        ),
        losses=schema.Losses(l2_weight_decay=5e-4),
        trainer=trainer(
            steps=600 * CIFAR10_TRAIN_IMAGES // batch,
            interval=epoch,
            optimizer=_momentum(),
            learning_rate=cosine(0.025),
        ),
        strategy="one_device",
    )


@exp_factory.register_config_factory("cells_imagenet_mobile")
def imagenet_mobile() -> config_definitions.ExperimentConfig:
    """ImageNet under the mobile budget: 4 cells @ 1056, 224 pixels, 50 replicas of 32 images."""
    return _imagenet(
        network="imagenet_mobile",
        size=224,
        replicas=50,
        replica_batch=32,
        replica_learning_rate=0.04,
        weight_decay=4e-5,
        drop_path_keep=1.0,
    )


@exp_factory.register_config_factory("cells_imagenet_large")
def imagenet_large() -> config_definitions.ExperimentConfig:
    """ImageNet, large: 6 cells @ 4032, 331 pixels, 100 replicas of 16 images."""
    return _imagenet(
        network="imagenet_large",
        size=331,
        replicas=100,
        replica_batch=16,
        replica_learning_rate=0.015,
        weight_decay=5e-5,
        drop_path_keep=0.7,
    )


@exp_factory.register_config_factory("cells_finetune")
def finetune() -> config_definitions.ExperimentConfig:
    """Any labelled images, from the weights, cells and stack of an earlier training; ours."""
    experiment = _experiment(
        model=schema.Model(
            input_size=[0, 0, 0], cells=CellStack(genotype="", network="cifar", drop_path_keep=1.0)
        ),
        **_any_images(),
        losses=schema.Losses(l2_weight_decay=1e-4, label_smoothing=0.1),
        trainer=trainer(
            steps=1_000,
            interval=250,
            optimizer=_momentum(),
            learning_rate=cosine(0.02),
            warmup_steps=50,
            ema={"average_decay": 0.99},
        ),
        strategy="one_device",
    )
    experiment.task.unfreeze_every = 50
    return experiment


def _any_images() -> dict[str, schema.DataConfig]:
    """Both sides of a set that is still to be named."""
    return {
        "train": schema.DataConfig(
            is_training=True, tfds_split="train", global_batch_size=64, aug_shift=4
        ),
        "validation": schema.DataConfig(
            is_training=False, tfds_split="test", global_batch_size=256, drop_remainder=False
        ),
    }


def _imagenet(
    *,
    network: str,
    size: int,
    replicas: int,
    replica_batch: int,
    replica_learning_rate: float,
    weight_decay: float,
    drop_path_keep: float,
) -> config_definitions.ExperimentConfig:
    batch = replicas * replica_batch
    epoch = IMAGENET_TRAIN_IMAGES // batch
    return _experiment(
        model=schema.Model(
            input_size=[size, size, 3],
            auxiliary_head=True,
            cells=CellStack(network=network, drop_path_keep=drop_path_keep),
        ),
        train=schema.DataConfig(
            is_training=True,
            tfds_name="imagenet2012",
            tfds_split="train",
            global_batch_size=batch,
            aug_crop=True,
            # The shuffle buffer holds JPEG bytes, not pixels.
            tfds_skip_decoding_feature="image",
        ),
        validation=schema.DataConfig(
            is_training=False,
            tfds_name="imagenet2012",
            tfds_split="validation",
            global_batch_size=batch,
            drop_remainder=False,
            aug_crop=True,
            tfds_skip_decoding_feature="image",
        ),
        losses=schema.Losses(l2_weight_decay=weight_decay, label_smoothing=0.1),
        trainer=trainer(
            steps=IMAGENET_STEPS,
            interval=5 * epoch,
            optimizer={
                "type": "rmsprop",
                "rmsprop": {"rho": 0.9, "momentum": 0.9, "epsilon": 1.0, "global_clipnorm": 10.0},
            },
            learning_rate={
                "type": "exponential",
                "exponential": {
                    "initial_learning_rate": replica_learning_rate * replicas,
                    "decay_rate": 0.97,
                    "decay_steps": round(2.4 * IMAGENET_TRAIN_IMAGES / batch),
                    "staircase": True,
                },
            },
            # Ours: the paper's replicas start one after the other, a synchronous step does not.
            warmup_steps=5 * epoch,
            ema={"average_decay": 0.9999},
        ),
        strategy="mirrored",
    )


def _momentum() -> dict:
    return {"type": "sgd", "sgd": {"momentum": 0.9, "global_clipnorm": 5.0}}


def cosine(rate: float) -> dict:
    """A learning rate that falls along a cosine over the whole training.

    Args:
        rate: at the beginning.
    """
    # 0 steps stand for the whole training.
    return {"type": "cosine", "cosine": {"initial_learning_rate": rate, "decay_steps": 0}}


def trainer(
    *,
    steps: int,
    interval: int,
    optimizer: dict,
    learning_rate: dict,
    warmup_steps: int = 0,
    ema: dict | None = None,
    **more: Any,
) -> config_definitions.TrainerConfig:
    """How a training is carried out.

    Args:
        steps: of the training.
        interval: steps from one checkpoint and one evaluation to the next.
        optimizer, learning_rate, ema: those of `optimization.OptimizationConfig`.
        warmup_steps: in which the learning rate rises from 0 along a line.
        **more: further fields of the configuration, or in place of what follows from `interval`.
    """
    settings: dict = {"optimizer": optimizer, "learning_rate": learning_rate, "ema": ema}
    if warmup_steps:
        settings["warmup"] = {
            "type": "linear",
            "linear": {"warmup_steps": warmup_steps, "warmup_learning_rate": 0.0},
        }
    loop = min(100, interval)
    return config_definitions.TrainerConfig(
        train_steps=steps,
        checkpoint_interval=interval,
        validation_interval=interval,
        max_to_keep=2,
        optimizer_config=optimization.OptimizationConfig(settings),
        **{"steps_per_loop": loop, "summary_interval": loop} | more,
    )


def _experiment(
    *,
    model: schema.Model,
    train: schema.DataConfig,
    validation: schema.DataConfig,
    losses: schema.Losses,
    trainer: config_definitions.TrainerConfig,
    strategy: str,
) -> config_definitions.ExperimentConfig:
    return config_definitions.ExperimentConfig(
        task=schema.Task(model=model, train_data=train, validation_data=validation, losses=losses),
        trainer=trainer,
        # All the accelerators that there are; none is the CPU.
        runtime=config_definitions.RuntimeConfig(distribution_strategy=strategy, num_gpus=-1),
        restrictions=list(RESTRICTIONS),
    )
