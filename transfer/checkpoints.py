"""Trained networks out of the folder of a run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras
from absl import logging
from official.core import train_utils
from official.modeling import optimization

from cells.errors import UserError
from cells.weights import Moved, move_weights
from transfer import model_dir
from transfer.task import ClassificationTask

#: Model Garden's folder for the checkpoint with the best metric, where a recipe asks for one.
BEST = "best_checkpoint_export_subdir"


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        model: the `tf_keras` model with its trained weights, in float32.
        task: the task that built it.
        params: the resolved configuration of its run.
        class_names: in the order of the labels.
        step: training steps that its weights have seen.
        averaged: whether the weights are moving averages.
    """

    model: Any
    task: Any
    params: Any
    class_names: tuple[str, ...]
    step: int
    averaged: bool


def find(folder: str, which: str = "latest") -> str:
    """The path of a checkpoint of a run.

    Args:
        folder: `model_dir` of the run.
        which: `latest`, or `best` where the recipe keeps one.

    Raises:
        UserError: there is none.
    """
    if which == "best":
        name = getattr(model_dir.read_params(folder).trainer, BEST)
        if not name:
            raise UserError(
                f"--checkpoint: {folder} keeps no best checkpoint; use latest, or train with "
                f"trainer.{BEST} and trainer.best_checkpoint_eval_metric set"
            )
        folder = os.path.join(folder, name)
    path = tf.train.latest_checkpoint(folder)
    if not path:
        raise UserError(f"--model_dir: there is no checkpoint in {folder}; train first")
    return path


def open_trained(
    folder: str, which: str = "latest", *, params: Any = None, task_class: type = ClassificationTask
) -> Trained:
    """Opens the network of a run, with the moving averages of its weights where it keeps them.

    Args:
        folder: `model_dir` of the run.
        which: see `find`.
        params: the configuration to build the network with; by default the run's own.
        task_class: Model Garden's task for its configuration.

    Raises:
        UserError: the folder is none of a run, or has no checkpoint, or a damaged one.
    """
    params = params or model_dir.read_params(folder)
    path = find(folder, which)
    task = task_class(params.task)
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("float32")
    try:
        # The trainer's own objects, so that a checkpoint is read as it was written.
        trainer = train_utils.create_trainer(params, task, train=False, evaluate=False)
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)
    try:
        status = trainer.checkpoint.restore(path)
        status.assert_existing_objects_matched()
    except (tf.errors.OpError, IndexError, ValueError) as error:
        raise UserError(f"{path}: the checkpoint is damaged ({_first_line(error)})") from error
    except AssertionError as error:
        raise UserError(
            f"{path}: the checkpoint is of another network ({_first_line(error)})"
        ) from error
    status.expect_partial()  # Slots of optimizers that only training makes are left alone.
    averaged = isinstance(trainer.optimizer, optimization.ExponentialMovingAverage)
    # Model Garden saves the best checkpoint while averages and weights are exchanged.
    if averaged and which != "best":
        trainer.optimizer.assign_average_vars(trainer.model.trainable_variables)
    return Trained(
        model=trainer.model,
        task=task,
        params=params,
        class_names=tuple(model_dir.class_names(folder)),
        step=int(trainer.global_step.numpy()),
        averaged=averaged,
    )


def take_weights(source: str, target: Any) -> Moved:
    """Moves the weights of an earlier run into a network, by the names of layers.

    Heads of other classes and an auxiliary head that the source lacks keep their own; the log
    says what was moved and what was not.

    Args:
        source: `model_dir` of the earlier run.
        target: a `tf_keras` model.

    Raises:
        UserError: there is no such run, or nothing of it fits.
    """
    moved = move_weights(open_trained(source).model, target)
    if not moved.moved:
        raise UserError(
            f"task.init_checkpoint: no layer of {source} fits this network; train the same "
            "genotype with the same stack, or leave init_checkpoint out"
        )
    for what, layers in (
        ("keep their initial weights (not in the source)", moved.missing),
        ("keep their initial weights (of another shape)", moved.unfit),
        ("of the source are not used", moved.unused),
    ):
        if layers:
            logging.warning("%s: %d layers %s: %s", source, len(layers), what, _some(layers))
    logging.warning("%s: took the weights of %d layers", source, len(moved.moved))
    return moved


def _some(layers: tuple[str, ...]) -> str:
    return ", ".join(layers[:6]) + (", ..." if len(layers) > 6 else "")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
