"""AutoKeras: searches a network by itself, in an environment of its own.

Trials go on while the budget lasts. What is left for the test ends the trial that runs then; the
best of those that had ended, or the one that was ended, answers.
"""

from __future__ import annotations

import contextlib
import tempfile
import time

from benchmarks.contenders.task import Answer, Task

#: What its environment consists of.
REQUIREMENTS = ("autokeras==3.0.0", "tensorflow==2.20.0", "keras==3.15.1", "numpy<2.4")

#: Part of the budget in which it searches; the rest loads the best model and tests.
SEARCHING = 0.9


class _TimeUp(KeyboardInterrupt):
    """No `Exception`, or the search would take it for a trial that failed."""


def train_and_predict(task: Task) -> Answer:
    """Searches until the budget is used, and names the test images."""
    import autokeras
    import keras

    class Clock(keras.callbacks.Callback):
        """Ends the search."""

        def on_train_batch_end(self, batch, logs=None):
            if task.left(SEARCHING) < 0.0:
                raise _TimeUp

    keras.utils.set_random_seed(task.seed)
    with tempfile.TemporaryDirectory() as folder:
        search = autokeras.ImageClassifier(
            num_classes=task.classes, max_trials=1000, seed=task.seed, directory=folder
        )
        began = time.process_time()
        with contextlib.suppress(_TimeUp):
            search.fit(task.images, task.labels, callbacks=[Clock()], verbose=0)
        tuner = search.tuner
        ended = [t for t in tuner.oracle.trials.values() if t.status == "COMPLETED"]
        if not ended:
            raise SystemExit(f"no trial ended within {task.budget:.0f} s")
        model = tuner.get_best_model()
        logits = model.predict(task.test, verbose=0)
        told = {"trials": len(ended), "searching s": time.process_time() - began}
        return Answer(logits.argmax(1), told)
