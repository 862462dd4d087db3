"""Model Garden's runner of a trainer, but for the checkpoints of several workers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from official.core import train_lib, train_utils

from transfer.training import checkpoints
from transfer.training.trainer import Trainer


class Runner(train_lib.OrbitExperimentRunner):
    """Model Garden's runner of a `Trainer`, with the checkpoints of every worker in its folder.

    Model Garden's own workers beside the chief begin with an empty folder, and so with initial
    weights, also where a run goes on.
    """

    def _build_trainer(self, task: Any, train: bool, evaluate: bool) -> Trainer:
        with self.strategy.scope():
            return train_utils.create_trainer(
                self.params,
                task,
                train=train,
                evaluate=evaluate,
                checkpoint_exporter=self._build_best_checkpoint_exporter(),
                trainer_cls=Trainer,
            )

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        return _CheckpointManager(
            self.trainer.checkpoint,
            directory=self.model_dir,
            max_to_keep=self.params.trainer.max_to_keep,
            step_counter=self.trainer.global_step,
            checkpoint_interval=self.params.trainer.checkpoint_interval,
            init_fn=self.trainer.initialize,
        )


class _CheckpointManager(tf.train.CheckpointManager):
    """TensorFlow's, which goes on with initial weights where a checkpoint lacks some."""

    def restore_or_initialize(self) -> str | None:
        """As TensorFlow's.

        Raises:
            UserError: the checkpoint lacks a weight, or a variable of the optimizer.
        """
        if self.latest_checkpoint:
            checkpoints.restore(self.checkpoint, self.latest_checkpoint)
        return super().restore_or_initialize()
