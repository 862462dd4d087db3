"""Weights that children share (Pham et al. 2018)."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cell_search import array_file
from cell_search.children.bank import vector_size
from cell_search.children.child import Child
from cell_search.children.initial import initial_weights
from cell_search.children.pieces import Piece, Place

#: A node of an operation: the cell, block and side, and what follows.
_OPERATION = re.compile(r"(?P<cell>.+)_block_(?P<block>\d+)_(?P<side>left|right)_(?P<node>.+)")


class _Need(NamedTuple):
    """What a place of a child uses of the shared weights: a part of a vector, or all of it.

    `whole` is the piece as it would be if the cells before it joined all of their states.
    """

    key: str
    whole: Piece
    part: np.ndarray | slice


class SharedWeights:
    """One set of weights for all children of a space, as in Pham et al. 2018, section 2.4.

    Weights belong to a place in the stack of cells, and two children use the same ones where they
    have the same layer there:

    * An operation has weights of its own in every cell of the stack, in every block, on each of
      the two sides, and for every state that it may read.
    * What reads the output of a cell (the 1x1 convolutions that fit it to the cells behind it,
      the classifiers) has rows of its kernel for every state of that cell, and a child uses those
      of the states that it joins. So a 1x1 convolution is one by the index of its inputs.
    * Everything else has its weights by its place alone.

    What is compiled, the bank, is shared by all children anyhow. Weights are drawn when a child
    first asks for them, from the seed and their own name: the order of children does not matter.
    Beside each weight lies its velocity, which rests while others are trained. Batch-norm
    statistics are not kept: with shared weights, a batch is normalised by its own.

    Args:
        states: of a cell, its two inputs included: the most that it can have in the space.
        seed: of the weights.

    Attributes:
        steps: minibatches that have trained them; counted by whoever trains.
    """

    def __init__(self, states: int, seed: int = 0):
        self.states, self.seed, self.steps = states, seed, 0
        self._kept: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        """How many scalars there are so far."""
        return sum(values.shape[1] for values in self._kept.values())

    def lend(self, child: Child) -> np.ndarray:
        """What a child is to use: its weights and their velocities, float32 `(2, n)`, in the order
        of `Child.trained`.

        Args:
            child: the network.
        """
        return np.concatenate([self._find(n)[:, n.part] for n in self._needs(child)], axis=1)

    def take_back(self, child: Child, values: np.ndarray) -> None:
        """Keeps what a child has made of what it was lent.

        Args:
            child: the child.
            values: as from `lend`.
        """
        start = 0
        for need, size in zip(self._needs(child), _sizes(child), strict=True):
            self._find(need)[:, need.part] = values[:, start : start + size]
            start += size

    def to_bytes(self) -> bytes:
        """All of it, for `from_bytes`."""
        numbers = np.array([self.states, self.seed, self.steps], np.int64)
        sizes = np.array([values.shape[1] for values in self._kept.values()], np.int64)
        values = np.concatenate([np.zeros((2, 0), np.float32), *self._kept.values()], axis=1)
        names = np.array(list(self._kept), dtype=str)
        return array_file.to_bytes(
            {"numbers": numbers, "names": names, "sizes": sizes, "values": values}
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> SharedWeights:
        """What `to_bytes` has written.

        Args:
            data: a whole file.
        """
        arrays = array_file.from_bytes(data)
        states, seed, steps = arrays["numbers"].tolist()
        made = cls(states, seed)
        made.steps = steps
        names, ends = arrays["names"].tolist(), np.cumsum(arrays["sizes"])[:-1]
        parts = np.split(arrays["values"], ends, axis=1) if names else []
        made._kept = {name: part.copy() for name, part in zip(names, parts, strict=True)}
        return made

    def _find(self, need: _Need) -> np.ndarray:
        """Weights and velocities of a whole piece, float32 `(2, n)`."""
        if need.key not in self._kept:
            seed = np.random.SeedSequence([self.seed, *need.key.encode()]).generate_state(1)[0]
            weights, _ = initial_weights([need.whole], int(seed))
            self._kept[need.key] = np.stack([weights.numpy(), np.zeros_like(weights.numpy())])
        return self._kept[need.key]

    def _needs(self, child: Child) -> Iterator[_Need]:
        """For each place of a child that has weights, in order."""
        # By the states whose channels are those of a cell's joined states: which ones.
        joined = {laid.output.name: laid.cell.concat for laid in child.cells.values()}
        for place in child.places:
            piece = place.piece
            name, inside = _named(place, child)
            concat = None if inside else joined.get(place.reads[0])
            if not vector_size(piece.trained):
                if concat is not None and len(place.reads) == 1:
                    joined[place.gives] = concat
                continue
            if concat is None:
                yield _Need(_key(name, piece), piece, slice(None))
                continue
            channels = piece.channels[0] // len(concat)
            whole = Piece(piece.primitives, (self.states * channels,), piece.size)
            rows = np.concatenate([np.arange(i * channels, (i + 1) * channels) for i in concat])
            yield _Need(_key(name, whole), whole, _part(whole, rows))


def _sizes(child: Child) -> list[int]:
    return [size for place in child.places if (size := vector_size(place.piece.trained))]


def _named(place: Place, child: Child) -> tuple[str, bool]:
    """The name of a place among shared weights, and whether it stands inside a cell, where a
    state is a state, even if it is the whole output of the cell before."""
    found = _OPERATION.fullmatch(place.gives)
    if found is None:
        return place.gives, "_join_" in place.gives
    block = child.cells[found["cell"]].cell.blocks[int(found["block"])]
    side = dict(block.sides)[found["side"]]
    block_name = f"{found['cell']}_block_{found['block']}_{found['side']}"
    return f"{block_name}_{side.operation}_of_{side.input}_{found['node']}", True


def _key(name: str, whole: Piece) -> str:
    """Places of one name can still differ: what fits an input depends on the cell before it."""
    return f"{name}:{hashlib.sha256(repr(whole).encode()).hexdigest()[:8]}"


def _part(whole: Piece, rows: np.ndarray) -> np.ndarray:
    """Where in the vector of a piece the weights are that only some channels of its input use."""
    parts, start = [], 0
    reads = True
    for shapes in whole.trained:
        for shape in shapes:
            places = np.arange(start, start + math.prod(shape)).reshape(shape)
            start += places.size
            if reads and len(shape) > 1:
                places = places.take(rows, axis=-2)
            parts.append(places.ravel())
        # What is behind the first layer has all of its channels.
        reads = reads and not shapes
    return np.concatenate(parts)
