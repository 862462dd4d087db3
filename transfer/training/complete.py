"""Fills in what follows from other settings, and checks what must hold between them.

All of it happens before any tensor exists.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Sequence
from typing import Any

from cells import data as datasets
from cells.support.errors import UserError, require_known
from cells.support.overrides import check, require_type
from transfer.config import schema
from transfer.config.cells_backbone import CellStack
from transfer.config.ranges import RANGES
from transfer.data import tfrecords
from transfer.model import network
from transfer.runs import initial_weights

STRATEGIES = (
    "one_device",
    "mirrored",
    "multi_worker_mirrored",
    "parameter_server",
    "tpu",
    "off",
)
DTYPES = ("float32", "bfloat16", "float16")


def resolve(
    params: schema.Experiment, *, train: bool = True, evaluate: bool = True
) -> tuple[str, ...]:
    """Completes a configuration in place and checks it.

    Args:
        params: an experiment of this project.
        train: whether the training data will be read, and so has to exist.
        evaluate: whether the validation data will be read.

    Returns:
        The names of the classes, in the order of the labels; numbers where nobody knows names.

    Raises:
        UserError: names the key, what is wrong, and the remedy.
    """
    task = params.task
    sides = {"train_data": train, "validation_data": evaluate}
    read = [side for side, wanted in sides.items() if wanted]
    _check_settings(params, read)
    # From here on data are looked at, and made where they are not there.
    names = _resolve_classes(task, read)
    task.evaluation.top_k = min(task.evaluation.top_k, task.model.num_classes)
    for side in read:
        _check_data(side, getattr(task, side))
    network.check(task.model)
    return names


def _check_settings(params: schema.Experiment, read: Sequence[str]) -> None:
    """Completes and checks what no data are needed for."""
    check_restrictions(params)
    task = params.task
    initial_weights.complete(task)
    _check_input_size(task.model)
    if task.evaluation.shift >= min(task.model.input_size[:2]):
        raise UserError(
            f"task.evaluation.shift: {task.evaluation.shift} pixels are as much as the image has; "
            "use 1 or 2, or 0 for none"
        )
    for side in read:
        _check_side(side, getattr(task, side), task)
    if task.losses.label_smoothing and not task.losses.one_hot:
        raise UserError(
            "task.losses.label_smoothing: has no effect without task.losses.one_hot=true; set it, "
            "or use label_smoothing=0"
        )
    resolve_steps(params, task.model.cells)
    resolve_runtime(params.runtime)
    # Any number of classes will do as long as nobody knows theirs.
    model = task.model.replace(num_classes=task.model.num_classes or 2)
    network.check(model)
    if task.init_checkpoint:
        initial_weights.check(task.init_checkpoint, model)
    if task.unfreeze_every and task.model.baseline:
        raise UserError(
            f"task.unfreeze_every: {task.model.baseline} has no groups of cells to learn one after "
            "the other; set 0"
        )
    if task.unfreeze_every and not task.init_checkpoint:
        raise UserError(
            "task.unfreeze_every: holds back layers that have learnt before, and there are none "
            "without task.init_checkpoint; give it, or set 0"
        )


def resolve_model(params: schema.Experiment) -> None:
    """Completes what the layout of the network alone needs.

    Raises:
        UserError: the network is impossible, or its number of classes unknown.
    """
    initial_weights.complete(params.task)
    _check_input_size(params.task.model)
    if not params.task.model.num_classes:
        _resolve_classes(params.task, ["train_data"])
    network.check(params.task.model)


def check_restrictions(params: Any) -> None:
    """Raises a UserError where a value is impossible by itself, whoever set it, or where one of the
    experiment's own restrictions does not hold."""
    for key in ("optimizer", "learning_rate"):
        one_of = getattr(params.trainer.optimizer_config, key)
        require_type(one_of, one_of.type, f"trainer.optimizer_config.{key}.type")
    check(params, RANGES)
    try:
        params.validate()
    except KeyError as error:
        # It quotes the two sides of what does not hold.
        sides = re.findall("`(.*?)`", error.args[0])
        broken = next((r for r in params._restrictions if all(s in r for s in sides)), None)
        if broken is None:
            raise UserError(f"{error.args[0]}") from None
        key, relation, wanted = broken.split()
        value = operator.attrgetter(key)(params)
        raise UserError(f"{key}: is {value!r}, and has to be {relation} {wanted}") from None


def _check_input_size(model: schema.Model) -> None:
    size = model.input_size
    whole = all(isinstance(n, int) and n > 0 for n in size)
    if len(size) != 3 or not whole or size[2] not in (1, 3):
        raise UserError(
            f"task.model.input_size: {list(size)} is not [height, width, channels] with 1 or 3 "
            "channels; use for example [32, 32, 3]"
        )


def _resolve_classes(task: schema.Task, sides: Sequence[str]) -> tuple[str, ...]:
    """Sets the number of classes where it is 0; gives the names of those of the first side."""
    side = sides[0]
    data = getattr(task, side)
    model = task.model
    if not data.tfds_name:
        if not model.num_classes:
            raise UserError(
                f"task.model.num_classes: 0 stands for the classes of task.{side}.tfds_name, "
                "which is not set; give one of them"
            )
        return tuple(str(i) for i in range(model.num_classes))
    names = datasets.image_classes(_builder(data, [getattr(task, s) for s in sides])).class_names
    if not model.num_classes:
        model.num_classes = len(names)
    if model.num_classes < len(names):
        raise UserError(
            f"task.model.num_classes: {model.num_classes} is less than the {len(names)} classes "
            f"of {data.tfds_name}; use 0 for as many as the data set has"
        )
    return (*names, *(str(i) for i in range(len(names), model.num_classes)))


def _builder(data: schema.DataConfig, read: Sequence[schema.DataConfig]) -> Any:
    """The set of one side, which has the splits of all sides that read it."""

    def accept(name: str, splits: Collection[str]) -> None:
        for side in read:
            if side.tfds_name == data.tfds_name:
                datasets.require_split(name, splits, side.tfds_split)

    return datasets.builder(data.tfds_name, data.tfds_data_dir, accept)


def _check_data(side: str, data: schema.DataConfig) -> None:
    if data.tfds_name:
        datasets.split_size(_builder(data, [data]), data.tfds_split)
    else:
        tfrecords.check(data, f"task.{side}")


def _check_side(side: str, data: schema.DataConfig, task: schema.Task) -> None:
    at = f"task.{side}"
    if bool(data.tfds_name) == bool(data.input_path):
        raise UserError(
            f"{at}: needs either tfds_name (a TFDS set) or input_path (TFRecord files), and has "
            f"{'both' if data.tfds_name else 'neither'}"
        )
    if data.aug_crop and data.aug_shift:
        raise UserError(
            f"{at}: aug_crop and aug_shift are two ways to crop; set aug_crop to false or "
            "aug_shift to 0"
        )
    for key in ("is_multilabel", "repeated_augment", "tfds_as_supervised"):
        if getattr(data, key):
            raise UserError(f"{at}.{key}: is not supported with networks of cells; leave it out")
    if data.mixup_and_cutmix and (task.losses.one_hot or not task.losses.soft_labels):
        raise UserError(
            f"{at}.mixup_and_cutmix: mixes labels, which takes task.losses.soft_labels=true and "
            "task.losses.one_hot=false"
        )


def resolve_steps(params: Any, cells: CellStack | None) -> None:
    """Sets the lengths of schedules that are 0 to that of training.

    Args:
        params: an experiment.
        cells: where in it the network of cells is; None where there is none.

    Raises:
        UserError: a schedule is impossible.
    """
    trainer = params.trainer
    settings = trainer.optimizer_config
    if settings.learning_rate.type == "cosine" and not settings.learning_rate.cosine.decay_steps:
        settings.learning_rate.cosine.decay_steps = trainer.train_steps
    _check_warmup(settings.warmup, trainer.train_steps)
    if trainer.summary_interval % trainer.steps_per_loop:
        raise UserError(
            f"trainer.summary_interval: {trainer.summary_interval} is not a multiple of "
            f"trainer.steps_per_loop ({trainer.steps_per_loop}), after which summaries are "
            "written; set it to one"
        )
    if cells is not None and not cells.drop_path_steps:
        cells.drop_path_steps = trainer.train_steps


def _check_warmup(warmup: Any, train_steps: int) -> None:
    steps = warmup.get().warmup_steps if warmup.type else 0
    # Model Garden warms up to the rate that the schedule has afterwards: none, if it is over.
    if steps and steps >= train_steps:
        raise UserError(
            f"trainer.optimizer_config.warmup.{warmup.type}.warmup_steps: {steps} are not fewer "
            f"than the {train_steps} of trainer.train_steps, so the learning rate would stay at "
            "zero; use fewer"
        )


def resolve_runtime(runtime: Any) -> None:
    """Counts the GPUs where all are asked for, and checks names and what excludes each other.

    Raises:
        UserError: more GPUs are asked for than there are, a name is unknown, or the strategy
            cannot do what else is asked for.
    """
    strategy = runtime.distribution_strategy
    require_known("runtime.distribution_strategy", strategy, STRATEGIES)
    if runtime.mixed_precision_dtype is not None:
        require_known("runtime.mixed_precision_dtype", runtime.mixed_precision_dtype, DTYPES)
    if strategy == "tpu" and runtime.mixed_precision_dtype == "float16":
        raise UserError(
            "runtime.mixed_precision_dtype: TPUs do not compute in float16; use bfloat16"
        )
    if runtime.num_gpus == -1 or runtime.num_gpus > 0:
        import tensorflow as tf

        present = len(tf.config.list_physical_devices("GPU"))
        if runtime.num_gpus > present:
            raise UserError(
                f"runtime.num_gpus: {runtime.num_gpus} GPUs are asked for and {present} are "
                "visible to TensorFlow; use -1 for all that there are, or 0 for the CPU"
            )
        if runtime.num_gpus > 1 and strategy in ("one_device", "off"):
            raise UserError(
                f"runtime.num_gpus: {strategy} takes one GPU and {runtime.num_gpus} are asked "
                "for; use runtime.distribution_strategy=mirrored"
            )
        if runtime.num_gpus == -1:
            one = strategy in ("one_device", "off")
            runtime.num_gpus = min(present, 1) if one else present
    elif runtime.num_gpus < -1:
        raise UserError(
            f"runtime.num_gpus: {runtime.num_gpus} is negative; use -1 for all that there are"
        )
