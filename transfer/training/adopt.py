"""A network that something else has trained, as the folder of a run."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from official.core import train_utils

from cells.support.errors import UserError
from cells.weights.by_layer import move_weights
from transfer.runs import model_dir
from transfer.training import checkpoints, complete
from transfer.training.task import ClassificationTask


def adopt(folder: str, params: Any, network: Any, step: int) -> None:
    """Writes the weights of a network as the checkpoint of a run.

    Evaluation, prediction and export find in the folder what they find in that of a training. So
    does a training, which begins with new momentum.

    Args:
        folder: `model_dir` of the run; made where it is missing.
        params: its configuration, which lays out the same network; it is resolved here.
        network: what `cells.weights.by_layer.move_weights` takes weights from.
        step: training steps that the weights have seen.

    Raises:
        UserError: a setting is impossible, the folder is that of another run or has a checkpoint,
            or it cannot be written.
    """
    names = complete.resolve(params)
    model_dir.prepare(folder, params, names)
    if checkpoints.newest_whole(folder):
        raise UserError(f"--model_dir: {folder} has a checkpoint already; give another folder")
    with checkpoints.building():
        trainer = train_utils.create_trainer(
            params, ClassificationTask(params.task), train=False, evaluate=False
        )
    moved = move_weights(network, trainer.model)
    # Names follow from the layout: if one is missing, the two layouts differ.
    assert not moved.missing and not moved.unfit, moved
    trainer.global_step.assign(step)
    manager = tf.train.CheckpointManager(
        trainer.checkpoint, folder, max_to_keep=1, step_counter=trainer.global_step
    )
    manager.save(step)
