"""The configuration of an experiment: Model Garden's, with a network of cells as the model.

A configuration file (`--config_file`) sets any part of it. The shortest that trains a genotype:

    experiment: cells_classification    # the default; what it changes is below
    task:
      model:
        cells:
          genotype: genotype.json   # or a name of the catalogue
          network: cifar            # or imagenet_mobile, imagenet_large
          normal_cells: 2
          filters: 16
        input_size: [32, 32, 3]
        num_classes: 0              # 0: as many as the data set has
      train_data: {tfds_name: cifar10, tfds_split: "train", global_batch_size: 64}
      validation_data: {tfds_name: cifar10, tfds_split: "test", global_batch_size: 256}
    trainer: {train_steps: 2000}

A relative path of a genotype in a file is relative to that file, so a search directory can be
moved. What a file leaves out stays as the experiment (`transfer/config/experiments.py`) has it;
`cells_classification`, which fits any data set, is the one that is used when none is named.

Values that follow from others may be left at 0 and are filled in before anything is built
(`transfer/training/complete.py`): `num_classes`, `drop_path_steps`, the `decay_steps`
of a cosine, `num_gpus` (-1: all that there are). The result is what `params.yaml` in
`--model_dir` holds.
"""

from __future__ import annotations

import dataclasses

from official.core import config_definitions
from official.modeling import hyperparams
from official.vision.configs import image_classification as base

from cells.network.stack_config import MAX_CLASSES, MAX_FILTERS, MAX_SIDE
from cells.support.settings import setting
from transfer.config.cells_backbone import CellStack


@dataclasses.dataclass
class Model(hyperparams.Config):
    """The network.

    Attributes:
        num_classes: classes of the head; 0 stands for those of the training data.
        input_size: height, width and channels (1 or 3). Images are brought to it. [0, 0, 0] is
            that of `task.init_checkpoint`.
        auxiliary_head: a second classifier for training; see `Losses.auxiliary_weight`.
        synchronized_batch_norm: batch-norm statistics over all replicas.
        cells: genotype and stack.
        baseline: a network that people designed in place of the cells, see
            `transfer.model.baselines`; it has no auxiliary head and no drop path, whatever a
            recipe says.
        baseline_filters: F of the baseline `resnet_9`; the others have sizes of their own.
    """

    num_classes: int = setting(0, least=0, most=MAX_CLASSES)
    input_size: list[int] = setting([32, 32, 3], least=0, most=MAX_SIDE, length=3)
    auxiliary_head: bool = False
    synchronized_batch_norm: bool = False
    cells: CellStack = dataclasses.field(default_factory=CellStack)
    baseline: str = ""
    baseline_filters: int = setting(16, least=1, most=MAX_FILTERS)


@dataclasses.dataclass
class DataConfig(base.DataConfig):
    """One side of the data, training or validation.

    Model Garden's augmentations work (`aug_type` for RandAugment and AutoAugment, `color_jitter`,
    `random_erasing`, `mixup_and_cutmix`), its `aug_crop` is the Inception-style crop in training
    and the central crop in evaluation.

    Attributes:
        aug_shift: pixels; pad by as many on each side and crop at a random place (CIFAR).
            Not together with `aug_crop`.
        aug_cutout: side of the square of mean grey that is laid over each image, in pixels.
        max_damaged: how many images that cannot be decoded are passed over, each named in one
            line; one more ends the run.
    """

    aug_crop: bool | None = False
    decode_jpeg_only: bool = False
    aug_shift: int = setting(0, least=0, most=MAX_SIDE)
    aug_cutout: int = setting(0, least=0, most=MAX_SIDE)
    max_damaged: int = setting(10, least=0)


@dataclasses.dataclass
class Losses(base.Losses):
    """Model Garden's losses.

    Attributes:
        auxiliary_weight: factor of the auxiliary head's loss (0.4 in the paper).
    """

    auxiliary_weight: float = setting(0.4, least=0)


@dataclasses.dataclass
class Evaluation(base.Evaluation):
    """What evaluation and prediction do; evaluations in the course of a training see plain images.

    Attributes:
        mirrored: whether each image is also looked at mirrored.
        shift: by how many pixels it is also moved, along the diagonal both ways; 0: it is not. The
            mean of the probabilities counts.
    """

    mirrored: bool = False
    shift: int = setting(0, least=0, most=MAX_SIDE)


@dataclasses.dataclass
class Task(base.ImageClassificationTask):
    """Classification with a network of cells.

    Attributes:
        init_checkpoint: the `model_dir` of an earlier run, or a weights file (`.safetensors`),
            whose weights are taken by the names of layers; a head of other classes keeps its
            initial values.
        unfreeze_every: steps after which one group of cells more learns, from above; at first only
            the heads do. 0 is off; it takes weights to start from.
        seed: of weights, dropout and augmentation; None is another one in every run.
    """

    model: Model = dataclasses.field(default_factory=Model)
    train_data: DataConfig = dataclasses.field(default_factory=lambda: DataConfig(is_training=True))
    validation_data: DataConfig = dataclasses.field(
        default_factory=lambda: DataConfig(is_training=False, drop_remainder=False)
    )
    losses: Losses = dataclasses.field(default_factory=Losses)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)
    unfreeze_every: int = setting(0, least=0)
    seed: int | None = setting(None, least=0, most=2**32 - 1)


Experiment = config_definitions.ExperimentConfig
