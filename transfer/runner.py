"""Training and evaluation by Model Garden's trainer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras
from official.common import distribute_utils
from official.core import train_lib
from official.modeling import performance

from cells.errors import Stopped
from transfer import checkpoints, damaged, model_dir, resolve
from transfer.progress import Progress, numbers
from transfer.survival import Signals, check_numbers
from transfer.task import ClassificationTask

MODES = ("train", "eval", "train_and_eval")


class _Enough(Exception):
    """Ends Model Garden's training loop."""


def run(
    params: Any,
    mode: str,
    folder: str,
    complete: Callable[..., tuple[str, ...]] = resolve.resolve,
    task_class: Callable[..., Any] = ClassificationTask,
    enough: Callable[[int], bool] = lambda step: False,
) -> dict[str, float] | None:
    """Trains, evaluates, or both.

    A run that was interrupted goes on from its last checkpoint.

    Args:
        params: a configuration; it is resolved here.
        mode: one of `MODES`.
        folder: `model_dir`: checkpoints, summaries, and what `transfer.model_dir` writes.
        complete: completes and checks a configuration, see `transfer.resolve.resolve`.
        task_class: Model Garden's task for the configuration.
        enough: is asked behind every loop, with the step, whether to leave it at that: then a
            checkpoint is saved and training ends early.

    Returns:
        The metrics of the last evaluation, with its `step`; None without an evaluation.

    Raises:
        UserError: a setting is impossible, the folder is that of another run, the data or all
            checkpoints are damaged, or the loss is no number any more.
        Stopped: by SIGTERM or Ctrl-C, behind a checkpoint.
    """
    names = complete(params, train="train" in mode, evaluate="eval" in mode)
    if "train" in mode:
        model_dir.prepare(folder, params, names)
    checkpoints.go_on_from_whole(folder)
    runtime = params.runtime
    if params.task.seed is not None:
        tf_keras.utils.set_random_seed(params.task.seed)
    performance.set_mixed_precision_policy(runtime.mixed_precision_dtype or "float32")
    strategy = distribute_utils.get_distribution_strategy(
        distribution_strategy=runtime.distribution_strategy,
        all_reduce_alg=runtime.all_reduce_alg,
        num_gpus=runtime.num_gpus,
        num_packs=runtime.num_packs,
        tpu_address=runtime.tpu,
    )
    progress = Progress(params.trainer.train_steps)
    with contextlib.ExitStack() as stack:
        signals = Signals()
        if "train" in mode and threading.current_thread() is threading.main_thread():
            stack.enter_context(signals.listening())
        try:
            controller = _controller(
                strategy, task_class, params, mode, folder, progress, signals, enough
            )
            stack.enter_context(progress.quiet())
            stack.enter_context(strategy.scope())
            _loop(controller, params.trainer, mode)
            if mode == "train_and_eval" and progress.evaluated is None:
                # Training was over already, and the loop evaluates behind training only.
                _loop(controller, params.trainer, "eval")
        except _Enough:
            pass
        except tf.errors.OpError as error:
            told = damaged.explained(error)
            if told is None:
                raise
            raise told from error
    if progress.evaluated is None:
        return None
    return {"step": progress.step, **progress.evaluated}


def _controller(
    strategy: tf.distribute.Strategy,
    task_class: Callable[..., Any],
    params: Any,
    mode: str,
    folder: str,
    progress: Progress,
    signals: Signals,
    enough: Callable[[int], bool],
) -> Any:
    """Model Garden's training and evaluation loops, with the last checkpoint restored."""

    def trained(output: dict[str, Any]) -> None:
        """Behind every loop, before its checkpoint is written."""
        trainer = runner.trainer
        step = int(trainer.global_step.numpy())
        progress.trained(step, output)
        if params.trainer.recovery_max_trials < 1:  # Else Model Garden goes back to a checkpoint.
            loss = numbers({"loss": output["training_loss"]})["loss"]
            kept = runner.checkpoint_manager.latest_checkpoint
            check_numbers(step, loss, trainer.model.trainable_variables, kept)
        if signals.received:
            runner.controller.save_checkpoint()
            raise Stopped(signals.received, f"at step {step:,}, whose checkpoint is saved")
        if enough(step) and step < params.trainer.train_steps:
            runner.controller.save_checkpoint()
            raise _Enough

    with strategy.scope():
        task = task_class(params.task, logging_dir=folder)
    with progress.quiet():
        runner = train_lib.OrbitExperimentRunner(
            distribution_strategy=strategy,
            task=task,
            mode=mode,
            params=params,
            model_dir=folder,
            train_actions=[trained],
            eval_actions=[progress.evaluation],
        )
    progress.begin(int(runner.trainer.global_step.numpy()), training="train" in mode)
    return runner.controller


def _loop(controller: Any, trainer: Any, mode: str) -> None:
    # Not `runner.run()`: it ends by freezing the graph to count operations, which takes as long
    # as a short training; `cells.summary` counts them from the layout.
    if mode == "train":
        controller.train(steps=trainer.train_steps)
    elif mode == "eval":
        controller.evaluate(steps=trainer.validation_steps)
    else:
        controller.train_and_evaluate(
            train_steps=trainer.train_steps,
            eval_steps=trainer.validation_steps,
            eval_interval=trainer.validation_interval,
        )
