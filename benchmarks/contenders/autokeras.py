"""AutoKeras: searches a network by itself, in an environment of its own.

Trials go on while the budget lasts, and the one that runs at its end is ended. The best of those
that had finished answers; where none had, the network of the only one does, as it is.
"""

from __future__ import annotations

import contextlib
import tempfile

from benchmarks.contenders.task import Answer, Task

#: What its environment consists of. Later versions of Keras refuse its head: its number of classes
#: is NumPy's integer and not Python's.
REQUIREMENTS = ("autokeras==3.0.0", "tensorflow==2.20.0", "keras==3.11.3", "numpy<2.4")

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
                running.append(self.model)
                raise _TimeUp

    running: list[keras.Model] = []
    keras.utils.set_random_seed(task.seed)
    with tempfile.TemporaryDirectory() as folder:
        search = autokeras.ImageClassifier(
            num_classes=task.classes, max_trials=1000, seed=task.seed, directory=folder
        )
        with contextlib.suppress(_TimeUp):
            search.fit(task.images, task.labels, callbacks=[Clock()], verbose=0)
        trials = search.tuner.oracle.trials.values()
        finished = sum(trial.status == "COMPLETED" for trial in trials)
        model = search.tuner.get_best_model() if finished else running[-1]
        guesses = model.predict(task.test, verbose=0).argmax(1)
    return Answer(guesses, {"finished trials": finished, "parameters": model.count_params()})
