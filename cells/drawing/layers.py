"""Which layer each block is drawn in, and in what order along its layer.

A layered drawing (Sugiyama et al. 1981). Layer 0 holds the cell's inputs, every block lies above
the states that it reads. A state that is read further up, or joined to the output, rises
through the layers between as one vertical line, its trunk, that all its readers share: they read
the same tensor, so the shared line says no less and crosses less.

One order of all items, from left to right, serves every layer. So no two trunks change sides, and
each trunk can be straight from bottom to top.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cells.genotype.genotype import Cell

#: Blocks drawn side by side at most; NASNet-A has 5. More would make the labels small.
MAX_ROW = 5

#: Work allowed for the search of an order, in pairs of lines compared. A published cell needs a
#: hundredth of it; it bounds the time that a cell of 64 blocks takes.
_BUDGET = 10_000_000

#: How often items are sorted by the mean position of what they are joined to.
_SWEEPS = 20

#: What a line's length counts against a crossing, each step being one item in the order. The
#: way from a source to its trunk counts more, so that long lines are straight.
_LENGTH = 0.01
_TRUNK = 4.0


@dataclass(frozen=True)
class Item:
    """What takes room in a layer: an `input`, a `block`, or the `trunk` of a state.

    `state` is the hidden state that it is, makes, or carries.
    """

    kind: str
    state: int


@dataclass(frozen=True)
class Segment:
    """A line from one layer up to the next; `side` 0 or 1 if it ends at a block's operation."""

    layer: int
    state: int
    bottom: Item
    top: Item
    side: int | None = None


class Layers:
    """The layers of a cell.

    Attributes:
        cell: the cell.
        layer_of: the layer that each state comes from, by state; 0 for the two inputs.
        count: the last layer that holds a block.
        rises_to: the last layer that each state's trunk passes, by state; a state without a trunk
            has its own layer here.
    """

    def __init__(self, cell: Cell):
        self.cell = cell
        self.layer_of = [0, 0]
        for block in cell.blocks:
            layer = 1 + max(self.layer_of[side.input] for _, side in block.sides)
            while self.layer_of.count(layer) >= MAX_ROW:
                layer += 1
            self.layer_of.append(layer)
        self.count = max(self.layer_of)
        self.rises_to = list(self.layer_of)
        for b, block in enumerate(cell.blocks):
            for _, side in block.sides:
                below = self.layer_of[b + 2] - 1
                self.rises_to[side.input] = max(self.rises_to[side.input], below)
        for state in cell.concat:
            self.rises_to[state] = self.count

    def source(self, state: int) -> Item:
        """The item that a state comes from."""
        return Item("input" if state < 2 else "block", state)

    def carrier(self, state: int, layer: int) -> Item:
        """The item that has `state` at its top in `layer`: its source, or its trunk."""
        return self.source(state) if layer == self.layer_of[state] else Item("trunk", state)

    def items(self) -> list[Item]:
        """All items; inputs first, then each block, each with its trunk if it has one."""
        result = []
        for state, layer in enumerate(self.layer_of):
            result.append(self.source(state))
            if self.rises_to[state] > layer:
                result.append(Item("trunk", state))
        return result

    def rows(self, order: Sequence[Item]) -> list[list[Item]]:
        """The items of each layer from 0 to `count`, each in the given order."""
        rows: list[list[Item]] = [[] for _ in range(self.count + 1)]
        for item in order:
            layer = self.layer_of[item.state]
            if item.kind != "trunk":
                rows[layer].append(item)
            else:
                for passed in range(layer + 1, self.rises_to[item.state] + 1):
                    rows[passed].append(item)
        return rows

    def segments(self) -> Iterator[Segment]:
        """All lines between neighbouring layers, each once."""
        for state, low in enumerate(self.layer_of):
            for layer in range(low, self.rises_to[state]):
                yield Segment(layer, state, self.carrier(state, layer), Item("trunk", state))
        for b, block in enumerate(self.cell.blocks):
            layer = self.layer_of[b + 2] - 1
            for number, (_, side) in enumerate(block.sides):
                bottom = self.carrier(side.input, layer)
                yield Segment(layer, side.input, bottom, Item("block", b + 2), number)


class OrderSearch:
    """Looks for the order of a cell's items that has few crossings and short lines."""

    def __init__(self, layers: Layers):
        self.items = layers.items()
        self._index = index = {item: i for i, item in enumerate(self.items)}
        segments = list(layers.segments())
        self._bottom = np.array([index[s.bottom] for s in segments])
        self._top = np.array([index[s.top] for s in segments])
        # The two lines of a block: `_sides[b]` are their segments, left and right as written.
        self._sides = np.array(
            [
                [i for i, s in enumerate(segments) if s.top == Item("block", b + 2)]
                for b in range(len(layers.cell.blocks))
            ]
        )
        self._weight = np.array([_TRUNK if s.side is None else 1.0 for s in segments])
        self._inputs = index[Item("input", 0)], index[Item("input", 1)]
        self._first, self._second = _pairs(segments)
        self._budget = _BUDGET // (len(self._first) + 1000)

    def best(self) -> list[Item]:
        """The best order found; the same for the same cell, whatever the machine."""
        starts = [np.arange(len(self.items)), np.arange(len(self.items))[::-1]]
        starts += [self._barycentric(start) for start in starts]
        found = [self._climb(start) for start in sorted(starts, key=self._cost)]
        return [self.items[i] for i in min(found, key=self._cost)]

    def swapped(self, order: Sequence[Item]) -> list[bool]:
        """Which blocks draw their right side on the left, in block order."""
        rank = self._rank(self._numbers(order))
        return [bool(s) for s in self._swapped(rank[self._bottom])]

    def crossings(self, order: Sequence[Item]) -> int:
        """How many pairs of lines cross."""
        return self._measure(self._numbers(order))[0]

    def _numbers(self, order: Sequence[Item]) -> np.ndarray:
        return np.array([self._index[item] for item in order])

    def _rank(self, order: np.ndarray) -> np.ndarray:
        rank = np.empty(len(order))
        rank[order] = np.arange(len(order))
        return rank

    def _swapped(self, bottom: np.ndarray) -> np.ndarray:
        """A block may exchange its sides, so they are drawn in the order of what they read."""
        left, right = self._sides.T
        return bottom[left] > bottom[right]

    def _measure(self, order: np.ndarray) -> tuple[int, float]:
        rank = self._rank(order)
        bottom = rank[self._bottom]
        top = rank[self._top]
        swap = np.where(self._swapped(bottom), -0.25, 0.25)
        top[self._sides[:, 0]] -= swap
        top[self._sides[:, 1]] += swap
        i, j = self._first, self._second
        crossings = np.count_nonzero((bottom[i] - bottom[j]) * (top[i] - top[j]) < 0)
        return int(crossings), float(self._weight @ np.abs(bottom - top))

    def _cost(self, order: np.ndarray) -> float:
        """Few crossings first; h_{i-1} always stands left of h_i."""
        crossings, length = self._measure(order)
        rank = self._rank(order)
        mirrored = rank[self._inputs[0]] > rank[self._inputs[1]]
        return crossings + _LENGTH * length + 1000 * mirrored

    def _barycentric(self, order: np.ndarray) -> np.ndarray:
        """Sorts items by the mean position of what they are joined to, again and again."""
        best, least = order, self._cost(order)
        for _ in range(_SWEEPS):
            rank = self._rank(order)
            total, count = rank.copy(), np.ones(len(rank))
            np.add.at(total, self._bottom, rank[self._top])
            np.add.at(total, self._top, rank[self._bottom])
            np.add.at(count, self._bottom, 1)
            np.add.at(count, self._top, 1)
            order = np.argsort(total / count, kind="stable")
            cost = self._cost(order)
            if cost < least:
                best, least = order, cost
        return best

    def _climb(self, order: np.ndarray) -> np.ndarray:
        """Moves single items to better places until no move helps or the budget is spent."""
        least = self._cost(order)
        improved = True
        while improved:
            improved = False
            for item in range(len(order)):
                rest = order[order != item]
                for place in range(len(order)):
                    if self._budget <= 0:
                        return order
                    self._budget -= 1
                    candidate = np.insert(rest, place, item)
                    cost = self._cost(candidate)
                    if cost < least - 1e-9:
                        order, least, improved = candidate, cost, True
        return order


def _pairs(segments: Sequence[Segment]) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of segments that may cross: between the same layers, of different states."""
    layer = np.array([s.layer for s in segments])
    state = np.array([s.state for s in segments])
    firsts, seconds = [], []
    for gap in range(layer.max() + 1):
        (here,) = np.nonzero(layer == gap)
        i, j = np.triu_indices(len(here), 1)
        differ = state[here[i]] != state[here[j]]
        firsts.append(here[i[differ]])
        seconds.append(here[j[differ]])
    return np.concatenate(firsts), np.concatenate(seconds)
