"""The bank: compiled pieces, which outlive the children that they were compiled for."""

from __future__ import annotations

import functools
import itertools
import math
from collections import OrderedDict
from typing import Any

import tensorflow as tf

from cell_search.children.halves import Halves, halves
from cell_search.children.pieces import Piece
from cell_search.children.precision import MIXED
from cells.network import functions

PRECISIONS = ("float32", "bfloat16", "float64", MIXED)

#: More than any child has, and than the spaces of cells need.
CAPACITY = 1024


class Bank:
    """Compiled pieces by what they compute; a piece is traced when a child first asks for it.

    Args of all compiled functions: the states that the piece reads; the trained weights of the
    piece as one float32 vector; for `inference` its batch-norm statistics as another. A piece
    without weights takes none. One that draws random numbers takes also the part of training
    that is over and a seed, int32 `(2,)`.

    Args:
        epsilon: of every batch norm.
        precision: type of the states, one of `PRECISIONS`; weights, statistics and logits are
            float32 always. `float64` is for comparisons. With `mixed_bfloat16` they are float32
            between the pieces, and what is inside follows from the block that they run in.
        xla: whether XLA compiles the pieces; on a CPU that makes them slower.
        capacity: of compiled pieces; beyond it the one that was not used for longest is dropped.
            Spaces of cells have a few hundred, but whole networks have any numbers of channels.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-5,
        precision: str = "float32",
        xla: bool = False,
        capacity: int = CAPACITY,
    ):
        self.epsilon, self.xla, self.capacity = epsilon, xla, capacity
        self.dtype = tf.dtypes.as_dtype("float32" if precision == MIXED else precision)
        self._compiled: OrderedDict[tuple[Piece, bool], Any] = OrderedDict()

    def __len__(self) -> int:
        """How many compiled pieces there are."""
        return len(self._compiled)

    def _find(self, piece: Piece, training: bool) -> Any:
        key = piece, training
        if key not in self._compiled:
            make = self._make_halves if training else self._make_inference
            self._compiled[key] = make(piece)
            if len(self._compiled) > self.capacity:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def training(self, piece: Piece) -> Halves:
        """The piece in training.

        Its forward half gives the state and, where there are batch norms, the statistics of the
        batch as one vector; its backward half gives the gradients of the states read and, where
        there are any, of the weights.

        Args:
            piece: of a network.
        """
        return self._find(piece, True)

    def _make_halves(self, piece: Piece) -> Halves:
        function = function_of(piece, self.epsilon, training=True)
        arguments = self._arguments(piece, training=True)
        wanted = len(piece.channels) + bool(vector_size(piece.trained))
        return halves(function, arguments, wanted, xla=self.xla)

    def inference(self, piece: Piece) -> Any:
        """The piece with the statistics that training left, nothing dropped; gives a list.

        Args:
            piece: of a network.
        """
        return self._find(piece, False)

    def _make_inference(self, piece: Piece) -> Any:
        function = function_of(piece, self.epsilon, training=False)
        compiled = tf.function(function, autograph=False, jit_compile=self.xla or None)
        return compiled.get_concrete_function(*self._arguments(piece, training=False))

    def _arguments(self, piece: Piece, *, training: bool) -> list[tf.TensorSpec]:
        states = [tf.TensorSpec([None, *piece.size, c], self.dtype) for c in piece.channels]
        sizes = [vector_size(piece.trained), 0 if training else vector_size(piece.moved)]
        weights = [tf.TensorSpec([size]) for size in sizes if size]
        chance = [tf.TensorSpec([]), tf.TensorSpec([2], tf.int32)]
        return [*states, *weights, *(chance if training and piece.random else [])]


def bank_of(epsilon: float, precision: str = "float32", xla: bool = False) -> Bank:
    """This process's bank: what one child had compiled, the next one finds.

    Args:
        epsilon, precision, xla: as in `Bank`.
    """
    return _bank_of(epsilon, precision, xla)


@functools.cache
def _bank_of(epsilon: float, precision: str, xla: bool) -> Bank:
    # Cached by values, which a call may also leave at their defaults.
    return Bank(epsilon=epsilon, precision=precision, xla=xla)


def vector_size(shapes: tuple[tuple[tuple[int, ...], ...], ...]) -> int:
    """Length of a vector that holds weights of these shapes.

    Args:
        shapes: of the weights, by pieces.
    """
    return sum(math.prod(shape) for shape in itertools.chain.from_iterable(shapes))


def function_of(piece: Piece, epsilon: float, *, training: bool) -> Any:
    """The piece as a function of the arguments that `Bank` describes, not compiled.

    Args:
        piece: of a network.
        epsilon: of every batch norm.
        training: whether batches are normalised by their own statistics, which it gives, too.
    """

    def run(*values: Any) -> list[Any]:
        given = iter(values)
        states = [next(given) for _ in piece.channels]
        trained = _cut(piece.trained, given)
        moved = _cut(piece.moved, given) if not training else [[] for _ in piece.primitives]
        now = functions.Pass(training, epsilon, *given)
        for i, primitive in enumerate(piece.primitives):
            states = [functions.apply(primitive, states, trained[i] + moved[i], now)]
        if now.statistics:
            return [*states, tf.concat([v for pair in now.statistics for v in pair], 0)]
        return states

    return run


def _cut(shapes: tuple[tuple[tuple[int, ...], ...], ...], given: Any) -> list[list[Any]]:
    """The weights of each primitive, cut from the next of the given vectors."""
    if not vector_size(shapes):
        return [[] for _ in shapes]
    vector, start = next(given), 0
    cut: list[list[Any]] = []
    for of_primitive in shapes:
        cut.append([])
        for shape in of_primitive:
            size = math.prod(shape)
            cut[-1].append(tf.reshape(vector[start : start + size], shape))
            start += size
    return cut
