"""Training and evaluation by Model Garden's trainer."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling import performance

from cells.checks import stages
from cells.data import turned
from cells.network.keras_settings import overridden
from cells.support.errors import Stopped, UserError
from cells.support.signals import Interruptible, Interruption
from transfer.data import damaged_images
from transfer.runs import model_dir
from transfer.training import checkpoints, cluster, devices, experiment_runner, failures
from transfer.training import complete as resolve
from transfer.training.failures import check_numbers
from transfer.training.progress import Progress, numbers
from transfer.training.task import ClassificationTask

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
    *,
    in_order: bool = True,
) -> dict[str, float] | None:
    """Trains, evaluates, or both.

    A run that was interrupted goes on from its last checkpoint. Several workers, each of which
    calls this, train one network; the chief of them writes the folder, and all read it.

    Args:
        params: a configuration; it is resolved here.
        mode: one of `MODES`.
        folder: `model_dir`: checkpoints, summaries, and what `transfer.runs.model_dir` writes.
        complete: completes and checks a configuration, see `transfer.training.complete.resolve`.
        task_class: Model Garden's task for the configuration.
        enough: is asked behind every loop, with the step, whether to leave it at that: then a
            checkpoint is saved and training ends early.
        in_order: whether the task's images go on in their order from its `first_step`, for which
            their seeds are kept.

    Returns:
        The metrics of the last evaluation, with its `step`; None without an evaluation.

    Raises:
        UserError: a setting is impossible, the folder is that of another run, the data or all
            checkpoints are damaged, a checkpoint cannot be written, another worker is lost, or
            the loss is no number any more.
        Stopped: by SIGTERM or Ctrl-C, behind a checkpoint.
    """
    if "train" in mode:
        stages.require_own("model_dir", folder, stages.of_training(params.as_dict()))
    resolve.resolve_runtime(params.runtime)
    worker = cluster.this(params.runtime)
    devices.check_mode(params.runtime, mode)
    if worker.serves:
        devices.serve()
    # Workers find each other before anything else computes, and alone there is no hurry.
    strategy = devices.strategy(params.runtime) if worker.count > 1 else None
    names = complete(params, train="train" in mode, evaluate="eval" in mode)
    strategy = strategy or devices.strategy(params.runtime)
    devices.check_batches(strategy.num_replicas_in_sync, params.task, mode)
    if "train" in mode:
        if in_order:
            model_dir.settle_seeds(folder, params, several=worker.count > 1)
        model_dir.prepare(folder, params, names, write=False)
    start = checkpoints.newest_whole(folder)
    # A run that is further than it is asked for keeps what it says of itself.
    begun = checkpoints.step_of(start) if start else 0
    if "train" in mode and worker.chief and begun <= params.trainer.train_steps:
        model_dir.prepare(folder, params, names)
    if worker.chief:
        checkpoints.go_on_from(folder, start)
    if params.task.seed is not None:
        tf_keras.utils.set_random_seed(params.task.seed)
    performance.set_mixed_precision_policy(params.runtime.mixed_precision_dtype or "float32")
    with contextlib.ExitStack() as stack:
        stack.enter_context(overridden(tf_keras))
        if not devices.has_servers(strategy):  # There other processes read the images.
            stack.enter_context(turned.counted())
        signals = Interruptible()
        if "train" in mode and threading.current_thread() is threading.main_thread():
            stack.enter_context(signals.listening())
        progress = Progress(params.trainer.train_steps, begun)
        own = _Run(params, mode, folder, strategy, progress, signals, enough)
        try:
            with own.at_once():
                controller = own.controller(task_class, start, stack)
            stack.enter_context(progress.quiet())
            stack.enter_context(strategy.scope())
            _loop(controller, params.trainer, mode)
            if mode == "train_and_eval" and progress.evaluated is None:
                # Training was over already, and the loop evaluates behind training only.
                _loop(controller, params.trainer, "eval")
        except _Enough:
            pass
        except Interruption as stop:
            raise own.stopped(stop.signum) from None
        except tf.errors.OpError as error:
            told = own.explained(error)
            if told is None:
                raise
            raise told from error
    if progress.evaluated is None:
        return None
    return {"step": progress.step, **progress.evaluated}


@dataclass
class _Run:
    """What the parts of a run share while it is going on."""

    params: Any
    mode: str
    folder: str
    strategy: tf.distribute.Strategy
    progress: Progress
    signals: Interruptible
    enough: Callable[[int], bool]
    runner: Any = None

    def controller(
        self, task_class: Callable[..., Any], start: str | None, stack: contextlib.ExitStack
    ) -> Any:
        """Model Garden's training and evaluation loops, with the checkpoint `start` restored."""
        runtime = self.params.runtime
        chief = self.strategy.extended.should_checkpoint
        folder = self.folder
        if not chief:
            # Reading some variables takes all workers, so all write checkpoints at the same steps.
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            checkpoints.lend(self.folder, start, folder)
        with self.strategy.scope():
            task = task_class(self.params.task, logging_dir=self.folder)
        task.first_step = self.progress.begun
        if runtime.enable_xla and not runtime.num_gpus:
            # Model Garden does this itself, on GPUs only.
            task.train_step = tf.function(task.train_step, jit_compile=True, autograph=False)
        # Model Garden's would take SIGTERM from `Signals`, save, and train on. The caller's
        # settings stay as they are: they are compared with those of a run that goes on.
        params = self.params.replace(trainer={"preemption_on_demand_checkpoint": False})
        with self.progress.quiet():
            self.runner = experiment_runner.Runner(
                distribution_strategy=self.strategy,
                task=task,
                mode=self.mode,
                params=params,
                model_dir=folder,
                train_actions=[self.trained],
                eval_actions=[self.evaluated],
            )
        self.runner.trainer.evaluating = self.at_once
        step = int(self.runner.trainer.global_step.numpy())
        devices.check_same_step(self.strategy, step)
        self.progress.begin(step, training="train" in self.mode)
        replicas = self.strategy.num_replicas_in_sync
        if replicas > 1 and "train" in self.mode:
            size = self.params.task.train_data.global_batch_size
            self.progress.say(f"{replicas} replicas share each batch of {size:,} images")
        return self.runner.controller

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """What a signal may end in the middle, unless other workers would wait for this one."""
        alone = devices.count_workers(self.strategy) == 1
        with self.signals.block() if alone and "train" in self.mode else contextlib.nullcontext():
            yield

    def trained(self, output: dict[str, Any]) -> None:
        """Behind every loop, before its checkpoint is written."""
        of_run = self.runner.trainer
        step = int(of_run.global_step.numpy())
        self.progress.trained(step, output)
        if self.params.trainer.recovery_max_trials < 1:  # Else Model Garden goes back to one.
            loss = numbers({"loss": output["training_loss"]})["loss"]
            check_numbers(step, loss, of_run.model.trainable_variables, self._last())
        self.check()
        if self.enough(step) and step < self.params.trainer.train_steps:
            self.runner.controller.save_checkpoint()
            raise _Enough

    def evaluated(self, output: dict[str, Any]) -> None:
        """Behind every evaluation."""
        self.progress.evaluation(output)
        if "train" in self.mode:
            self.check()

    def check(self) -> None:
        """Stops where a worker was asked to; all of them have to call it at the same time."""
        if received := max(devices.of_all_workers(self.strategy, self.signals.received)):
            raise self.stopped(received)

    def stopped(self, signum: int) -> Stopped:
        """What a signal ends a training with, once a checkpoint is saved."""
        step = self.progress.step
        if not step:
            return Stopped(signum, "before the first loop of steps was done")
        if step > self.progress.begun:
            self.runner.controller.save_checkpoint()
        who = "" if self.signals.received else "of another worker "
        return Stopped(signum, f"{who}at step {step:,}, whose checkpoint is saved")

    def explained(self, error: tf.errors.OpError) -> UserError | None:
        """What is to blame, in one sentence; None where it is a fault of this project."""
        folder, step = self.runner.model_dir if self.runner else self.folder, self.progress.step
        told = damaged_images.explained(error) or failures.explained(error, folder, step)
        if told is None and devices.has_others(self.strategy):
            told = devices.lost_worker(error, step, self._last())
        return told

    def _last(self) -> str | None:
        return tf.train.latest_checkpoint(self.folder)


def _loop(controller: Any, settings: Any, mode: str) -> None:
    # Not `runner.run()`: it ends by freezing the graph to count operations, which takes as long
    # as a short training; `cells.operations.counts` counts them from the layout.
    if mode == "train":
        controller.train(steps=settings.train_steps)
    elif mode == "eval":
        controller.evaluate(steps=settings.validation_steps)
    else:
        controller.train_and_evaluate(
            train_steps=settings.train_steps,
            eval_steps=settings.validation_steps,
            eval_interval=settings.validation_interval,
        )
