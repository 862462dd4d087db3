"""Trained networks out of the folder of a run."""

from __future__ import annotations

import contextlib
import copy
import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras
from absl import logging
from official.core import train_utils
from official.modeling import optimization

from cells.checks.arguments import checked
from cells.network.keras_settings import overridden
from cells.support.addresses import is_address
from cells.support.errors import UserError, cut, first_line
from cells.support.files import FilePath, path_text
from cells.weights import weights_file
from cells.weights.by_layer import Moved, move_weights
from transfer.config.cells_backbone import cells_of
from transfer.runs import model_dir as runs
from transfer.training.task import ClassificationTask

#: Model Garden's folder for the checkpoint with the best metric, where a recipe asks for one.
BEST = "best_checkpoint_export_subdir"

#: How TensorFlow says which objects found nothing in a checkpoint.
_LACKS, _VARIABLES = re.compile(r"Found \d+ Python objects"), re.compile(r"'([^']+):0'")

#: What a run that goes on in float16 begins with anew.
_LOSS_SCALE = ["current_loss_scale", "good_steps"]


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        model: the `tf_keras` model with its trained weights, in float32: images `(batch, height,
            width, channels)` in [-1, 1], as `cells.preprocess_input` scales pixels, in; logits
            out.
        task: the task that built it.
        params: the resolved configuration of its run.
        class_names: in the order of the labels.
        step: training steps that its weights have seen.
        averaged: whether the weights are moving averages.

    Example:
        >>> transfer.open_classifier("run").class_names[:3]
        ('0', '1', '2')
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
        name = getattr(runs.read_params(folder).trainer, BEST)
        if not name:
            raise UserError(
                f"--checkpoint: {folder} keeps no best checkpoint; use latest, or train with "
                f"trainer.{BEST} and trainer.best_checkpoint_eval_metric set"
            )
        folder = os.path.join(folder, name)
    path = newest_whole(folder)
    if not path:
        raise UserError(f"--model_dir: there is no checkpoint in {folder}; train first")
    return path


def newest_whole(folder: str) -> str | None:
    """The newest checkpoint of a folder that can be read to its end; None where there is none.

    Damaged ones that are newer are passed over with a warning.

    Raises:
        UserError: all of them are damaged.
    """
    damaged: list[str] = []
    for path in reversed(_listed(folder)):
        why = _damage(path)
        if why is None:
            for line in damaged:
                logging.warning("%s; %s is used in its place", line, path)
            return path
        damaged.append(f"{path}: the checkpoint is damaged ({why})")
    if damaged:
        others = " and so are those before it" if len(damaged) > 1 else ""
        raise UserError(f"{damaged[0]}{others}; restore it, or train anew in another folder")
    return None


def go_on_from(folder: str, whole: str | None) -> None:
    """Has a run go on from `newest_whole`; damaged files stay where they are."""
    if whole and whole != tf.train.latest_checkpoint(folder):
        listed = _listed(folder)
        kept = listed[: listed.index(whole) + 1]
        tf.compat.v1.train.update_checkpoint_state(folder, whole, kept)


def lend(folder: str, start: str | None, other: str) -> None:
    """Has a worker that writes to another folder go on from what the run's folder holds.

    Args:
        folder: `model_dir` of the run.
        start: `newest_whole`.
        other: an empty folder.
    """
    if start:
        for path in _files(start, ".*"):
            own = os.path.join(other, os.path.basename(path))
            if is_address(path):
                tf.io.gfile.copy(path, own)
            else:
                os.symlink(os.path.abspath(path), own)
        own = os.path.join(other, os.path.basename(start))
        tf.compat.v1.train.update_checkpoint_state(other, own)
    # What the best evaluation was, which decides whether the next is written.
    for path in _files(folder, "/*/info.json"):
        beside = os.path.join(other, os.path.basename(os.path.dirname(path)))
        os.makedirs(beside)
        tf.io.gfile.copy(path, os.path.join(beside, "info.json"))


def _files(start: str, pattern: str) -> list[str]:
    """The files whose paths or addresses begin so."""
    if is_address(start):
        return tf.io.gfile.glob(start + pattern)
    return glob.glob(glob.escape(start) + pattern)


def _listed(folder: str) -> list[str]:
    """The checkpoints of a folder, oldest first."""
    state = tf.train.get_checkpoint_state(folder)
    if state:
        return list(state.all_model_checkpoint_paths)
    # The file that lists them is lost or damaged.
    found = [path[: -len(".index")] for path in _files(folder, "/*-*.index")]
    numbered = [path for path in found if path.rpartition("-")[2].isdecimal()]
    return sorted(numbered, key=step_of)


def last_step(folder: str) -> int:
    """The training step of the last checkpoint of a folder; 0 where there is none."""
    listed = _listed(folder)
    return step_of(listed[-1]) if listed else 0


def step_of(path: str) -> int:
    """The training step by which a checkpoint is named.

    Args:
        path: of the file.
    """
    return int(path.rpartition("-")[2])


def _damage(path: str) -> str | None:
    """Why a checkpoint cannot be read; None where it can. Every tensor's checksum is tried."""
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    # The reader raises OpError, and RuntimeError or IndexError by the way in which it is called.
    except (tf.errors.OpError, RuntimeError, IndexError, ValueError) as error:
        return first_line(error)
    return None


def open_trained(
    folder: str,
    which: str = "latest",
    *,
    params: Any = None,
    task_class: Callable[..., Any] = ClassificationTask,
) -> Trained:
    """Opens the network of a run, with the moving averages of its weights where it keeps them.

    A network of another image size, number of classes or with another auxiliary head than the
    run's takes what fits by the names of layers; one line of the log says what did not.

    Args:
        folder: `model_dir` of the run.
        which: see `find`.
        params: the configuration to build the network with; by default the run's own.
        task_class: Model Garden's task for its configuration.

    Raises:
        UserError: the folder is none of a run, or has no checkpoint, or only damaged ones; or
            the network asked for has other cells.
    """
    own = runs.read_params(folder, copy.deepcopy(params))
    params = params or own
    runs.check_genotype(folder, cells_of(params))
    path = find(folder, which)
    trainer, task = _restored(path, own, task_class)
    averaged = isinstance(trainer.optimizer, optimization.ExponentialMovingAverage)
    # Model Garden saves the best checkpoint while averages and weights are exchanged.
    if averaged and which != "best":
        trainer.optimizer.assign_average_vars(trainer.model.trainable_variables)
    model = trainer.model
    if params is not own:
        task = task_class(params.task)
    if _layout(params) != _layout(own):
        with building():
            model = task.build_model()
        logging.warning("%s: %s", path, move_weights(trainer.model, model))
    return Trained(
        model=model,
        task=task,
        params=params,
        class_names=tuple(runs.class_names(folder)),
        step=int(trainer.global_step.numpy()),
        averaged=averaged,
    )


@checked
def open_classifier(model_dir: FilePath, checkpoint: str = "latest") -> Trained:
    """Opens the classifier of a run, with the moving averages of its weights where it keeps them.

    Args:
        model_dir: folder of the run.
        checkpoint: `latest`, or `best` where the recipe keeps one.

    Returns:
        The network, with one name for each class.

    Raises:
        UserError: the folder is none of a run, or has no checkpoint, or only damaged ones; or the
            run has other names than classes.

    Example:
        >>> classifier = transfer.open_classifier("run")
        >>> classifier.step, classifier.model.input_shape
        (40, (None, 32, 32, 3))
    """
    folder = path_text(model_dir)
    trained = open_trained(folder, checkpoint)
    names, classes = len(trained.class_names), trained.params.task.model.num_classes
    if names != classes:
        raise UserError(
            f"{os.path.join(folder, runs.CLASSES)}: has {names} names, but the network "
            f"{classes} classes; restore the file as its training wrote it"
        )
    return trained


def _restored(path: str, params: Any, task_class: Callable[..., Any]) -> tuple[Any, Any]:
    """The trainer whose checkpoint it is, and its task.

    The trainer's own objects, so that a checkpoint is read as it was written.
    """
    task = task_class(params.task)
    with building():
        trainer = train_utils.create_trainer(params, task, train=False, evaluate=False)
    restore(trainer.checkpoint, path)
    return trainer, task


def restore(checkpoint: tf.train.Checkpoint, path: str) -> None:
    """Restores all objects of a checkpoint that there are.

    Raises:
        UserError: the file lacks one of them, or holds one of another shape.
    """
    try:
        status = checkpoint.restore(path)
        status.assert_existing_objects_matched()
    # The last is raised for values that are listed and not there.
    except (AssertionError, ValueError, tf.errors.NotFoundError) as error:
        if _lacking(error) in (_LOSS_SCALE, _LOSS_SCALE[::-1]):
            return
        raise UserError(
            f"{path}: the checkpoint is of another network than {runs.PARAMS} beside it "
            f"({_mismatch(error)}); use the folder as its training left it"
        ) from error
    status.expect_partial()  # Slots of optimizers that only training makes are left alone.


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Networks are built in float32, with the same names in every process.

    Yields:
        Nothing.
    """
    # Keras numbers the layers that have no name of their own, such as a detector's head, through a
    # whole process; weights that move by name must find them in a second model.
    tf_keras.backend.reset_uids()
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("float32")
    try:
        with overridden(tf_keras):
            yield
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)


def _layout(params: Any) -> dict[str, Any]:
    """What decides which layers there are, and their shapes; the genotype is compared by itself."""
    params = copy.deepcopy(params)
    cells_of(params).genotype = ""
    return params.task.model.as_dict()


def take_weights(source: str, target: Any) -> Moved:
    """Moves the weights of an earlier run or of a file into a network, by the names of layers.

    Heads of other classes and an auxiliary head that the source lacks keep their own; one line of
    the log says what was moved and what was not.

    Args:
        source: `model_dir` of the earlier run, or a weights file (`.safetensors`).
        target: a `tf_keras` model.

    Raises:
        UserError: there is no such run or file, or nothing of it fits.
    """
    if source.endswith(weights_file.ENDING):
        moved = move_weights(weights_file.read(source).layers, target)
    else:
        moved = move_weights(open_trained(source).model, target)
    if not moved.moved:
        raise UserError(
            f"task.init_checkpoint: no layer of {source} fits this network; train the same "
            "genotype with the same stack, or leave init_checkpoint out"
        )
    logging.warning("%s: %s", source, moved)
    return moved


def _lacking(error: Exception) -> list[str]:
    """Some of the variables that a checkpoint lacks; none where something else does not fit."""
    lacks = _LACKS.search(str(error))
    return _VARIABLES.findall(str(error)) if lacks else []


def _mismatch(error: Exception) -> str:
    """What does not fit: the variables that a checkpoint lacks, or what TensorFlow says."""
    names = _lacking(error)
    if not names:
        return first_line(error)
    return f"it lacks {cut(names[0])}{' and others' if len(names) > 1 else ''}"
