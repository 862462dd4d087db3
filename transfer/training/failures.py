"""What a training survives: weights that are not finite, and a disk that is full."""

from __future__ import annotations

import errno
import glob
import math
import os
import shutil
from typing import Any

import tensorflow as tf

from cells.support.errors import UserError

#: What the operating system has against a file.
_REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


def check_numbers(step: int, loss: float, weights: list[Any], kept: str | None) -> None:
    """Ends a training whose loss or weights are not finite any more.

    Args:
        step: at which the loop ended.
        loss: mean of the loop.
        weights: of the model; the last update may spoil them after a good loss.
        kept: the last checkpoint; None where there is none.

    Raises:
        UserError: with the step, and what is kept.
    """
    spoilt = None
    if not math.isfinite(loss):
        spoilt = f"the loss is {loss}"
    elif not all(bool(tf.reduce_all(tf.math.is_finite(w))) for w in weights):
        spoilt = "weights are infinite or not numbers"
    if spoilt:
        where = f"the last good checkpoint is {kept}" if kept else "there was no checkpoint yet"
        raise UserError(
            f"step {step:,}: {spoilt}, so training stopped; {where}; lower the learning rate, or "
            "clip gradients (global_clipnorm in trainer.optimizer_config.optimizer)"
        )


def explained(error: tf.errors.OpError, folder: str, step: int) -> UserError | None:
    """What keeps a run from writing, in one sentence; None for any other error.

    The unfinished files of the checkpoint are removed.

    Args:
        error: what writing ended with.
        folder: `model_dir` of the run.
        step: of the training.
    """
    why = next((why for why in map(os.strerror, _REASONS) if why in error.message), None)
    if why is None:
        return None
    _remove_half(folder, step)
    kept = tf.train.latest_checkpoint(folder)
    where = f"the last good checkpoint is {kept}" if kept else "there was no checkpoint yet"
    return UserError(
        f"--model_dir: {folder} cannot be written at step {step:,} ({why}), so training stopped; "
        f"{where}; make room, and the same command goes on from it"
    )


def _remove_half(folder: str, step: int) -> None:
    """Removes the files of a step's checkpoints that no list of checkpoints knows.

    At addresses nothing is left: there a file is whole or not at all.
    """
    pattern = os.path.join(glob.escape(folder), "**", f"*-{step}")
    for path in glob.glob(f"{pattern}_temp*", recursive=True):
        shutil.rmtree(path, ignore_errors=True)
    for path in glob.glob(f"{pattern}.*", recursive=True):
        parent, name = os.path.split(path)
        state = tf.train.get_checkpoint_state(parent)
        known = state.all_model_checkpoint_paths if state else ()
        if os.path.join(parent, name.partition(".")[0]) not in known:
            os.unlink(path)
