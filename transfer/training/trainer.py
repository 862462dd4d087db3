"""Model Garden's trainer, but for what several devices and moving averages need of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from official.core import base_trainer
from official.modeling import optimization

from cells.support.signals import Interruption
from transfer.training import devices


class Trainer(base_trainer.Trainer):
    """Model Garden's training and evaluation steps.

    The variables of the optimizer are there before the first step. Model Garden has that step make
    them; TensorFlow traces it twice then, and with several replicas on CPUs fails in the second.

    The loss of an evaluation is the mean over its images. Model Garden counts a short last batch
    as a full one, and where a replica has no image left in it, nothing as a loss of 0.

    Under `parameter_server` all workers share the steps of a loop. Model Garden has one of them do
    the loop, while the others wait.

    Moving averages begin with the weights that training begins with. Model Garden has them begin
    with 0, and so they are too small in the first steps, by which a network is spoilt whose
    statistics of batches are those of `task.init_checkpoint`.

    Steps have none of Python's control flow, for which AutoGraph looks in every function that they
    call, for seconds of each start: it is told not to.

    Attributes:
        evaluating: makes the context of an evaluation's steps.
    """

    evaluating: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext

    def __init__(self, config: Any, task: Any, model: Any, optimizer: Any, **kwargs: Any):
        super().__init__(config, task, model, optimizer, **kwargs)
        if kwargs["train"]:
            with self.strategy.scope():
                optimizer._create_all_weights(model.trainable_variables)

    def initialize(self) -> None:
        """Called where no checkpoint is: the task gives the weights to begin with."""
        super().initialize()
        if isinstance(self.optimizer, optimization.ExponentialMovingAverage):
            weights = self.optimizer._model_weights
            for average, weight in zip(self.optimizer._average_weights, weights, strict=True):
                average.assign(weight)

    def create_train_loop_fn(self) -> Any:
        """The function of an iterator and a number of steps that does these steps."""
        loop = super().create_train_loop_fn()
        if not devices.has_servers(self.strategy):
            return loop
        workers = self.strategy.extended._num_workers

        def shared(iterator: Any, steps: tf.Tensor) -> None:
            for worker in range(workers):
                own = steps // workers + tf.cast(worker < steps % workers, steps.dtype)
                if own > 0:
                    loop(iterator, own)

        return shared

    def create_eval_loop_fn(self, has_state: bool) -> Any:
        """The function of an iterator and a number of steps that does these steps."""
        loop = super().create_eval_loop_fn(has_state)

        def left_at_once(*args: Any, **kwargs: Any) -> Any:
            try:
                with self.evaluating():
                    return loop(*args, **kwargs)
            except Interruption:
                if isinstance(self.optimizer, optimization.ExponentialMovingAverage):
                    self.optimizer.swap_weights()  # As the end of an evaluation does.
                raise

        return left_at_once

    @tf.autograph.experimental.do_not_convert
    def train_step(self, iterator: Any) -> None:
        """One step of all replicas."""
        super().train_step(iterator)

    @tf.autograph.experimental.do_not_convert
    def eval_step(self, iterator: Any) -> dict[str, Any]:
        """One step of all replicas."""

        def step(inputs: Any) -> dict[str, Any]:
            logs = self.task.validation_step(
                inputs, model=self.model, metrics=self.validation_metrics
            )
            count = examples_in(inputs)
            loss = tf.where(count > 0, tf.cast(logs[self.task.loss], tf.float32), 0.0)
            self.validation_loss.update_state(loss, sample_weight=count)
            return logs

        inputs, more = self.next_eval_inputs(iterator)
        logs = self.strategy.run(step, args=(inputs,))
        return more | tf.nest.map_structure(self.strategy.experimental_local_results, logs)


def examples_in(inputs: Any) -> tf.Tensor:
    """How many examples a replica's batch has; 0 of a last one that did not suffice for all."""
    return tf.shape(tf.nest.flatten(inputs)[0])[0]
