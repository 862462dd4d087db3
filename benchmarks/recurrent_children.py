"""Language models of recurrent cells in the search's engine against Keras, in one run.

For random trees of 8 leaves: processor time from the cell to its first trained step, against a
Keras layer of the same cell that is built and traced; words a second of a step from there on,
beside `keras.layers.LSTM` with as many parameters and the same cell unrolled by TensorFlow; and the
resident memory of a process that has trained hundreds of cells.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.children_memory import resident
from benchmarks.report import observed, print_figures, required

LIMITS = {
    "first step of a new cell, parts of Keras's processor time": ("<= 0.25", 1.0, "a Keras model"),
    "resident memory after * cells, parts of that after 30": (
        "<= 1.2",
        5.0,
        "a traced function kept for every cell, about",
    ),
}

#: The size of the text of docs/recurrent.md: 4,825 words, minibatches of 20 times 35.
_WORDS, _STREAMS, _STEPS = 4825, 20, 35

#: From here on memory is to stay flat.
_EARLY = 30


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=5, help="whose first step is timed")
    parser.add_argument("--memory_cells", type=int, default=300, help="that memory is read after")
    parser.add_argument("--steps", type=int, default=10, help="that speed is measured on")
    parser.add_argument("--units", type=int, default=64)
    args = parser.parse_args()
    from cell_search.space.recurrent_spaces import TreeSpace

    space = TreeSpace()
    rng = np.random.default_rng(0)
    genotypes = [space.decode(space.random(rng)) for _ in range(args.cells)]
    # What is compiled once for all cells of the size.
    cold = _processor(_Engine(genotypes[0], args.units).step)
    ours, theirs = [], []
    for genotype in genotypes:
        ours.append(_processor(lambda g=genotype: _Engine(g, args.units).step()))
        theirs.append(_processor(lambda g=genotype: _keras_of(g, args.units).step()))
        print(f"first step {ours[-1]:.2f} s against {theirs[-1]:.2f} s of Keras", flush=True)
        gc.collect()
    parts = [one / other for one, other in zip(ours, theirs, strict=True)]
    figures = [
        required(
            LIMITS,
            "first step of a new cell, parts of Keras's processor time",
            round(statistics.median(parts), 4),
            note=f"median of {args.cells} cells; the first of a size takes {cold:.1f} s",
        )
    ]
    lstm = _lstm_units(args.units)
    contestants: dict[str, Callable[[], Any]] = {
        "the engine": lambda: _Engine(genotypes[0], args.units),
        "Keras, the same cell": lambda: _keras_of(genotypes[0], args.units),
        f"keras.layers.LSTM of {lstm} units": lambda: _Keras(lambda k: k.layers.LSTM, lstm),
        "unrolled by TensorFlow": lambda: _keras_of(genotypes[0], args.units, unroll=True),
    }
    for name, made in contestants.items():
        one = made()
        one.step()
        times = [_processor(one.step) for _ in range(args.steps)]
        speed = _STREAMS * _STEPS / statistics.median(times)
        figures.append(observed(f"words a second of processor time, {name}", round(speed)))
    memory = []
    for number in range(args.memory_cells):
        _Engine(space.decode(space.random(rng)), args.units, number).step()
        memory.append(resident())
    if memory:
        early = memory[min(_EARLY, len(memory)) - 1]
        name = f"resident memory after {len(memory)} cells, parts of that after {_EARLY}"
        figures.append(required(LIMITS, name, round(memory[-1] / early, 3)))
    print_figures(figures, seeds=[0])


def _processor(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _window(seed: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(seed).integers(_WORDS, size=(2, _STREAMS, _STEPS))
    return drawn[0].astype(np.int32), drawn[1].astype(np.int32)


class _Engine:
    """A cell in the search's engine."""

    def __init__(self, genotype: Any, units: int, seed: int = 0):
        from cell_search.evaluators import LanguageModel
        from cell_search.evaluators.language_model.loop import Child
        from cell_search.evaluators.language_model.text import Text, windows

        words = tuple(map(str, range(_WORDS)))
        text = np.random.default_rng(seed).integers(_WORDS, size=_STREAMS * _STEPS)
        held = text.astype(np.int32)
        self.child = Child(genotype, Text(words, held, held), LanguageModel(units=units), seed)
        self.child.training = windows(held, _STREAMS, _STEPS)

    def step(self) -> None:
        self.child._train_epoch()
        self.child.epoch = 0


class _Keras:
    """A layer of Keras between a tied embedding, trained by its Adam in one traced step."""

    def __init__(self, layer: Callable[[Any], Any], units: int, **settings: Any):
        import keras
        import tensorflow as tf

        self.inputs, self.targets = map(tf.constant, _window(0))
        self.layer = layer(keras)(units, return_sequences=True, **settings)
        drawn = np.random.default_rng(0).uniform(-0.1, 0.1, (_WORDS, units))
        self.embedding = keras.Variable(drawn, dtype="float32")
        self.layer.build((_STREAMS, _STEPS, units))
        self.optimizer = keras.optimizers.Adam(0.003, global_clipnorm=1.0)
        self.weights = [self.embedding, *self.layer.trainable_variables]
        self.optimizer.build(self.weights)

        def step() -> Any:
            with tf.GradientTape() as tape:
                outputs = self.layer(tf.gather(self.embedding.value, self.inputs), training=True)
                logits = tf.tensordot(outputs, tf.transpose(self.embedding.value), 1)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(self.targets, logits)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, [w.value for w in self.weights])
            dense = map(tf.convert_to_tensor, gradients)
            self.optimizer.apply_gradients(list(zip(dense, self.weights, strict=True)))
            return loss

        self._step = tf.function(step, autograph=False)

    def step(self) -> None:
        float(self._step())


def _keras_of(genotype: Any, units: int, **settings: Any) -> _Keras:
    from cells import recurrent

    def layer(keras: Any) -> Any:
        return lambda u, **more: keras.layers.RNN(recurrent.build(genotype, u), **more)

    return _Keras(layer, units, **settings)


def _lstm_units(units: int) -> int:
    """The width of an LSTM with as many parameters as a tree of 8 leaves, the words' included."""
    wanted = _WORDS * units + 16 * units**2
    return min(range(1, 4 * units), key=lambda u: abs(_WORDS * u + 8 * u**2 + 4 * u - wanted))


if __name__ == "__main__":
    main()
