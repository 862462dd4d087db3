"""Checkpoints that cannot be written: told in one sentence, and nothing half-written is left."""

from __future__ import annotations

import errno
import glob
import os
import shutil

import tensorflow as tf

from cells.support.errors import UserError

#: What the operating system has against a file.
_REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


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
    """Removes the files of a step's checkpoints that no list of checkpoints knows."""
    pattern = os.path.join(glob.escape(folder), "**", f"*-{step}")
    for path in glob.glob(f"{pattern}_temp*", recursive=True):
        shutil.rmtree(path, ignore_errors=True)
    for path in glob.glob(f"{pattern}.*", recursive=True):
        parent, name = os.path.split(path)
        state = tf.train.get_checkpoint_state(parent)
        known = state.all_model_checkpoint_paths if state else ()
        if os.path.join(parent, name.partition(".")[0]) not in known:
            os.unlink(path)
