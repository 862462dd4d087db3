"""A small residual network as people write it: `model.fit`, Adam, no schedule, a validation split.

Three groups of residual blocks as in the examples of Keras, with the usual augmentation layers; the
weights of the epoch with the best validation accuracy are kept.
"""

from __future__ import annotations

import time

import keras
from keras import layers

from benchmarks.contenders.task import Answer, Task

BATCH, VALIDATION = 64, 0.1


def network(classes: int, mirror: bool) -> keras.Model:
    """The network, with probabilities as its output."""
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1.0 / 255)(image)
    if mirror:
        x = layers.RandomFlip("horizontal")(x)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, strides=1 if filters == 32 else 2, padding="same")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        y = layers.Conv2D(filters, 3, padding="same")(x)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


class _Clock(keras.callbacks.Callback):
    """Ends the training where another epoch would not fit any more."""

    def __init__(self, task: Task, reserve: float):
        super().__init__()
        self._task, self._reserve, self._began = task, reserve, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        took = time.process_time() - self._began
        if self._task.left() < took + self._reserve:
            self.model.stop_training = True


def train_and_predict(task: Task) -> Answer:
    """Trains epoch by epoch while they fit into the budget, and names the test images."""
    keras.utils.set_random_seed(task.seed)
    model = network(task.classes, task.mirror)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.process_time()
    model.predict(task.test[:1000], verbose=0)
    reserve = (time.process_time() - began) * len(task.test) / len(task.test[:1000])
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=10**6, restore_best_weights=True, start_from_epoch=0
    )
    history = model.fit(
        task.images,
        task.labels,
        batch_size=BATCH,
        epochs=10**6,
        validation_split=VALIDATION,
        callbacks=[best, _Clock(task, reserve)],
        verbose=0,
    )
    guesses = model.predict(task.test, batch_size=250, verbose=0).argmax(1)
    told = {"epochs": len(history.history["loss"]), "parameters": model.count_params()}
    return Answer(guesses, told)
