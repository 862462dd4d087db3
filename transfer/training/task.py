"""Model Garden's classification task on a network of cells."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras
from official.core import task_factory
from official.vision.tasks import image_classification

from cells.network import step_seed
from cells.network.drop_path import follow_training
from cells.support.errors import UserError
from transfer.config import schema
from transfer.data import dataset
from transfer.model import network
from transfer.training import devices, loss_scaling, unfreezing


@task_factory.register_task_cls(schema.Task)
class ClassificationTask(image_classification.ImageClassificationTask):
    """What Model Garden's task does not know: this network, its data, its two schedules.

    The part of training that is over, which ScheduledDropPath follows, is computed in every step
    from `optimizer.iterations`, and so is what is dropped; a resumed run goes on where it was.

    Attributes:
        first_step: at which training goes on, and so with which images.
    """

    first_step = 0

    def build_model(self) -> tf_keras.Model:
        """The whole network; with an auxiliary head it gives a dictionary of two logits."""
        cells = self.task_config.model.cells
        built = network.build(self.task_config.model, self.task_config.losses.l2_weight_decay)
        if hasattr(built, "drop_path_progress") and cells.drop_path_steps < 1:
            raise UserError(
                "task.model.cells.drop_path_steps: 0 stands for the length of training, which "
                "transfer.training.complete fills in; give it, or call its resolve first"
            )
        return built

    def create_optimizer(self, *args: Any) -> Any:
        """Model Garden's optimizer; with stages of fine-tuning it holds lower layers back."""
        optimizer = loss_scaling.with_averages(super().create_optimizer, *args)
        if self.task_config.unfreeze_every:
            unfreezing.hold_back(optimizer, self.task_config.unfreeze_every)
        return optimizer

    def initialize(self, model: tf_keras.Model) -> None:
        """Takes the weights of an earlier run, by the names of layers."""
        if self.task_config.init_checkpoint:
            from transfer.training import checkpoints

            checkpoints.take_weights(self.task_config.init_checkpoint, model)

    def build_inputs(
        self,
        params: schema.DataConfig,
        input_context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        """See `transfer.data.dataset.build_dataset`."""
        step = self.first_step if params.is_training else 0
        return dataset.build_dataset(params, self.task_config.model, input_context, step)

    def build_losses(
        self, labels: tf.Tensor, model_outputs: Any, aux_losses: list[tf.Tensor] | None = None
    ) -> tf.Tensor:
        """Cross entropy, `aux_losses` (L2) and, where there is one, the auxiliary head's share."""
        loss = super().build_losses(labels, network.logits(model_outputs), aux_losses)
        if isinstance(model_outputs, dict):
            auxiliary = super().build_losses(labels, model_outputs["auxiliary_logits"])
            loss += self.task_config.losses.auxiliary_weight * auxiliary
        return loss

    def process_metrics(
        self, metrics: list[Any], labels: tf.Tensor, model_outputs: Any, **kwargs: Any
    ) -> None:
        """Metrics are about the head that stays."""
        super().process_metrics(metrics, labels, network.logits(model_outputs), **kwargs)

    def train_step(
        self,
        inputs: tuple[Any, Any],
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: list[Any] | None = None,
    ) -> dict[str, Any]:
        """One step of one replica; drop path follows `optimizer.iterations`."""
        steps = self.task_config.model.cells.drop_path_steps
        follow_training(model, optimizer.iterations, steps)
        step_seed.follow_training(model, self.task_config.seed or 0, optimizer.iterations)
        return super().train_step(inputs, model, optimizer, metrics)

    def validation_step(
        self,
        inputs: tuple[Any, Any],
        model: tf_keras.Model,
        metrics: list[Any] | None = None,
    ) -> dict[str, Any]:
        """One step of one replica; nothing is computed of no images, which oneDNN cannot."""

        def of_images() -> tf.Tensor:
            return super(ClassificationTask, self).validation_step(inputs, model, metrics)[
                self.loss
            ]

        return {self.loss: devices.where_images_are(inputs[0], of_images, lambda: 0.0)}

    def inference_step(self, inputs: tf.Tensor, model: tf_keras.Model) -> tf.Tensor:
        """The logits of the head that stays, float `(batch, num_classes)`."""
        return network.logits(super().inference_step(inputs, model))
