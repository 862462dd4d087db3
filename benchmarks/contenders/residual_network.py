"""The yardstick: a residual network with a good recipe, as a person writes it in plain Keras.

Eight 3x3 convolutions of 16 to 128 channels and a dense layer, 414,074 numbers: the network of
quick CIFAR trainings (Page 2018, "How to train your ResNet") at a quarter of its width. It owes
nothing to the code of this project. The learning rate follows the processor time that is gone, so
the budget is used whatever a step costs.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from benchmarks.contenders.task import Answer, Task

BATCH, PEAK, L2, SMOOTHING = 64, 0.1, 2.5e-4, 0.1

#: Share of the training in which the learning rate rises; it falls to zero after it.
RISE = 0.25

#: Pixels of the random shift and of the hole; of the shift at prediction.
SHIFT, HOLE, VIEW_SHIFT = 4, 8, 1

#: Steps between two looks at the weights, and what the average keeps at each.
AVERAGED_EVERY, AVERAGE_KEEPS = 5, 0.99


def network(classes: int) -> keras.Model:
    """The network, with logits as its output."""

    def convolution(x, filters):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(L2),
        )(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))

    def residual(x, filters):
        return layers.Add()([x, convolution(convolution(x, filters), filters)])

    image = x = keras.Input((None, None, 3))
    x = convolution(x, 16)
    x = residual(layers.MaxPooling2D()(convolution(x, 32)), 32)
    x = layers.MaxPooling2D()(convolution(x, 64))
    x = residual(layers.MaxPooling2D()(convolution(x, 128)), 128)
    return keras.Model(image, layers.Dense(classes)(layers.GlobalMaxPooling2D()(x)))


def augmented(images: np.ndarray, rng: np.random.Generator, mirror: bool) -> np.ndarray:
    """Images shifted, mirrored and with a hole, each by chance."""
    n, height, width, _ = images.shape
    padded = np.pad(images, [(0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)], "reflect")
    top, left = rng.integers(0, 2 * SHIFT + 1, (2, n, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    if mirror:
        columns = np.where(rng.random((n, 1)) < 0.5, columns, columns[:, ::-1])
    out = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    y, x = rng.integers(0, height, (n, 1)), rng.integers(0, width, (n, 1))
    inside_y = np.abs(np.arange(height) - y + 0.5) < HOLE / 2
    inside_x = np.abs(np.arange(width) - x + 0.5) < HOLE / 2
    out[inside_y[:, :, None] & inside_x[:, None, :]] = 0.0
    return out


def views(images: np.ndarray, mirror: bool) -> list[np.ndarray]:
    """An image as it is and shifted along both diagonals, each mirrored, too, where that may be."""
    height, width, edge = *images.shape[1:3], VIEW_SHIFT
    padded = np.pad(images, [(0, 0), (edge, edge), (edge, edge), (0, 0)], "reflect")
    found = [padded[:, i : i + height, i : i + width] for i in (edge, 0, 2 * edge)]
    return found + [view[:, :, ::-1] for view in found] if mirror else found


def probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """float32 (n, classes)."""
    logits = [model.predict_on_batch(images[i : i + 250]) for i in range(0, len(images), 250)]
    return np.asarray(keras.ops.softmax(np.concatenate(logits)))


def train_and_predict(task: Task) -> Answer:
    """Trains for as long as the budget allows, and names the test images."""
    keras.utils.set_random_seed(task.seed)
    rng = np.random.default_rng(task.seed)
    mean, deviation = task.images.mean((0, 1, 2)), task.images.std((0, 1, 2))
    images, test = (((x - mean) / deviation).astype("float32") for x in (task.images, task.test))
    targets = keras.utils.to_categorical(task.labels, task.classes)
    model = network(task.classes)
    optimizer = keras.optimizers.SGD(momentum=0.9, nesterov=True)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    model.compile(optimizer, loss, jit_compile=False)

    # What prediction will take; the first batch is slow.
    predicted = views(test, task.mirror)
    probabilities(model, test[:250])
    began = task.left()
    probabilities(model, test[:1000])
    reserve = 1.1 * (began - task.left()) * len(predicted) * len(test) / len(test[:1000]) + 2.0
    started = task.left() - reserve

    average, steps = model.get_weights(), 0
    while task.left() > reserve:
        order = rng.permutation(len(images))
        for i in range(0, len(order) - BATCH + 1, BATCH):
            # From 0 to 1; the first steps are slow, too, which the rise forgives.
            gone = 1.0 - (task.left() - reserve) / started
            if gone >= 1.0:
                break
            optimizer.learning_rate = PEAK * min(gone / RISE, (1.0 - gone) / (1.0 - RISE))
            chosen = order[i : i + BATCH]
            model.train_on_batch(augmented(images[chosen], rng, task.mirror), targets[chosen])
            steps += 1
            if steps % AVERAGED_EVERY == 0:
                keeps = min(AVERAGE_KEEPS, steps / (steps + 10 * AVERAGED_EVERY))
                for mean_weight, weight in zip(average, model.get_weights(), strict=True):
                    mean_weight += (1.0 - keeps) * (weight - mean_weight)

    last = model.get_weights()
    model.set_weights(average)
    by_view = [probabilities(model, view) for view in predicted]

    def also() -> dict[str, np.ndarray]:
        model.set_weights(last)
        last_by_view = [probabilities(model, view) for view in predicted]
        return {
            "plain": last_by_view[0].argmax(1),
            "average of weights": by_view[0].argmax(1),
            "views": np.mean(last_by_view, axis=0).argmax(1),
        }

    told = {"epochs": steps * BATCH / len(images), "parameters": model.count_params()}
    return Answer(np.mean(by_view, axis=0).argmax(1), told, also)
