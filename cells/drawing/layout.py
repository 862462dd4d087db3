"""Where everything of a cell's drawing goes, in points (1/72 inch), y upwards.

Between two layers only lines run, within a layer only trunks do, and they keep their distance
from the boxes. So no line can touch a box that it does not belong to.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cells.drawing.layers import Item, Layers, OrderSearch, Segment
from cells.genotype.genotype import Cell

#: Sizes of boxes (width, height).
OPERATION = (40.0, 28.0)
COMBINE = {"add": (25.0, 13.0), "concat": (38.0, 13.0)}
STATE = (40.0, 21.0)
BAR = (58.0, 17.0)  # at least as wide

_BETWEEN_SIDES = 4.0
_TO_COMBINE = 12.0
_LAYER_HEIGHT = OPERATION[1] + _TO_COMBINE + COMBINE["add"][1]

#: Half the room that an item takes in its layer, distance to its neighbours included.
_HALF_ROOM = {
    "input": STATE[0] / 2 + 12,
    "block": OPERATION[0] + _BETWEEN_SIDES / 2 + 5.5,
    "trunk": 5.0,
}

_TO_OUTPUT = 17.0
_OFFSET = (OPERATION[0] + _BETWEEN_SIDES) / 2  # of a block's sides from its middle
_BAR_OVERHANG = 16.0

#: How strongly trunks are kept above their sources; how far a line may go sideways to be made
#: upright; how strongly everything is drawn to the middle; how often positions are computed.
_STRAIGHT, _NEARLY_UPRIGHT, _TO_MIDDLE, _ROUNDS = 10.0, 16.0, 0.05, 5

#: Between layers: room for lines that go straight up, and how it grows with how far they go
#: sideways, within bounds.
_GAP, _GAP_GROWTH, _GAP_MOST = 26.0, 0.17, 70.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle by its centre and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> Point:
        """The middle of its upper edge."""
        return self.x, self.y + self.height / 2

    @property
    def bottom(self) -> Point:
        """The middle of its lower edge."""
        return self.x, self.y - self.height / 2


@dataclass(frozen=True)
class Edge:
    """A line from a hidden state to what takes it.

    Attributes:
        state: the hidden state that it carries.
        block: the block that reads it, or None if it is joined to the cell's output.
        side: `left` or `right` of that block, as in the genotype; None likewise.
        points: from bottom to top; neighbours are joined by a vertical line where their x is the
            same and by an S-shaped curve with vertical ends where it is not. Edges of one state
            begin with the same points where they share a trunk.
    """

    state: int
    block: int | None
    side: str | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class CellLayout:
    """A cell laid out, its lower left corner at (0, 0).

    Attributes:
        width: of the whole.
        height: of the whole.
        inputs: boxes of h_{i-1} and h_i.
        operations: boxes by block and side (`left` or `right`, as in the genotype).
        combines: boxes of the combinations, by block.
        bar: the box where states are joined; None where a single state is the output.
        output: box of h_{i+1}.
        edges: one for each side of each block, then one for each joined state.
    """

    width: float
    height: float
    inputs: tuple[Box, Box]
    operations: dict[tuple[int, str], Box]
    combines: list[Box]
    bar: Box | None
    output: Box
    edges: list[Edge]

    @property
    def boxes(self) -> list[Box]:
        """All boxes."""
        bar = [self.bar] if self.bar else []
        return [*self.inputs, *self.operations.values(), *self.combines, *bar, self.output]


def lay_out(cell: Cell) -> CellLayout:
    """Lays a cell out, the same way every time.

    Args:
        cell: a cell.
    """
    layers = Layers(cell)
    search = OrderSearch(layers)
    order = search.best()
    swapped = search.swapped(order)
    offsets = {
        (b + 2, number): _OFFSET * (1 if number != swap else -1)
        for b, swap in enumerate(swapped)
        for number in (0, 1)
    }
    return _Builder(layers, _positions(layers, order, offsets), offsets).build()


def _positions(
    layers: Layers, order: Sequence[Item], offsets: dict[tuple[int, int], float]
) -> dict[Item, float]:
    """The x of every item: lines as upright as the order and the room allow.

    Minimises the sum of squares of how far lines go sideways. A trunk stays above its source if
    it can.
    """
    index = {item: i for i, item in enumerate(order)}
    segments = list(layers.segments())
    # Each segment goes sideways by its row of `across` times x, plus its offset.
    across = np.zeros((len(segments), len(order)))
    offset = np.zeros(len(segments))
    lasting = np.ones(len(segments))
    for k, segment in enumerate(segments):
        across[k, index[segment.top]] += 1.0
        across[k, index[segment.bottom]] -= 1.0
        if segment.side is None:
            lasting[k] = _STRAIGHT
        else:
            offset[k] = offsets[segment.top.state, segment.side]

    limits, apart = [], []
    for row in layers.rows(order):
        for left, right in itertools.pairwise(row):
            limit = np.zeros(len(order))
            limit[index[right]], limit[index[left]] = 1.0, -1.0
            limits.append(limit)
            apart.append(_HALF_ROOM[left.kind] + _HALF_ROOM[right.kind])

    weight = lasting
    to_middle = _TO_MIDDLE * np.eye(len(order))
    for _ in range(_ROUNDS):
        rows = np.vstack([weight[:, None] * across, to_middle])
        targets = np.concatenate([-weight * offset, np.zeros(len(order))])
        x = _least_squares(rows, targets, np.array(limits), np.array(apart))
        # A line that is nearly upright looks like a mistake: the nearer, the harder it is pulled.
        # Where not all can be upright, this leaves a few that clearly are not.
        sideways = np.maximum(np.abs(across @ x + offset), 0.3)
        weight = lasting * np.maximum(_NEARLY_UPRIGHT / sideways, 1.0)
    # Rounded, so that the last bits of a machine's arithmetic do not show in a file.
    return {item: round(float(x[i]), 1) for item, i in index.items()}


def _least_squares(
    rows: np.ndarray, targets: np.ndarray, limits: np.ndarray, least: np.ndarray
) -> np.ndarray:
    """The x that minimises |rows x - targets| where limits x >= least.

    Lawson and Hanson, Solving Least Squares Problems, chapter 23: the problem is turned into the
    search of the nearest point to the origin, and that into non-negative least squares.
    """
    from scipy.optimize import nnls

    q, r = np.linalg.qr(rows)
    free = q.T @ targets
    turned = np.linalg.solve(r.T, limits.T).T
    bounds = least - turned @ free
    stacked = np.vstack([turned.T, bounds])
    goal = np.zeros(len(stacked))
    goal[-1] = 1.0
    weights, _ = nnls(stacked, goal, maxiter=50 * stacked.shape[1])
    residual = stacked @ weights - goal
    return np.linalg.solve(r, free - residual[:-1] / residual[-1])


class _Builder:
    """Turns layers and x positions into boxes and edges."""

    def __init__(self, layers: Layers, x: dict[Item, float], offsets: dict[tuple[int, int], float]):
        self.layers = layers
        self.offsets = offsets
        arrivals = [x[layers.carrier(s, layers.count)] for s in layers.cell.concat]
        self.joins = len(arrivals) > 1
        #: Width and middle of what is at the top.
        room = max(arrivals) - min(arrivals) + 2 * _BAR_OVERHANG
        self.top_width = max(room, BAR[0]) if self.joins else STATE[0]
        middle = (max(arrivals) + min(arrivals)) / 2
        left = min(x[item] - _HALF_ROOM[item.kind] for item in x)
        left = min(left, middle - self.top_width / 2)
        right = max(x[item] + _HALF_ROOM[item.kind] for item in x)
        self.width = max(right, middle + self.top_width / 2) - left
        self.top_middle = round(middle - left, 2)
        self.x = {item: round(value - left, 2) for item, value in x.items()}
        #: y of the lower and of the upper end of each layer.
        self.low, self.high = [0.0], [STATE[1]]
        for gap in self._gaps():
            self.low.append(self.high[-1] + gap)
            self.high.append(self.low[-1] + _LAYER_HEIGHT)

    def _port(self, segment: Segment) -> float:
        """The x at which a segment ends."""
        side = segment.side
        offset = 0.0 if side is None else self.offsets[segment.top.state, side]
        return self.x[segment.top] + offset

    def _gaps(self) -> list[float]:
        sideways = [0.0] * self.layers.count
        for segment in self.layers.segments():
            across = abs(self._port(segment) - self.x[segment.bottom])
            sideways[segment.layer] = max(sideways[segment.layer], across)
        return [round(min(_GAP + _GAP_GROWTH * across, _GAP_MOST), 1) for across in sideways]

    def build(self) -> CellLayout:
        layers, cell = self.layers, self.layers.cell
        inputs = [Box(self.x[layers.source(s)], STATE[1] / 2, *STATE) for s in (0, 1)]
        operations, combines = {}, []
        for b, block in enumerate(cell.blocks):
            layer, x = layers.layer_of[b + 2], self.x[layers.source(b + 2)]
            y = self.low[layer] + OPERATION[1] / 2
            for number, (name, _) in enumerate(block.sides):
                operations[b, name] = Box(x + self.offsets[b + 2, number], y, *OPERATION)
            size = COMBINE[block.combine]
            combines.append(Box(x, self.high[layer] - size[1] / 2, *size))
        bar, output = self._output()
        edges = [
            self._read(b, number, name, side.input)
            for b, block in enumerate(cell.blocks)
            for number, (name, side) in enumerate(block.sides)
        ]
        end = (bar or output).bottom[1]
        for state in cell.concat:
            points = self._rise(state, layers.count)
            edges.append(Edge(state, None, None, (*points, (points[-1][0], end))))
        return CellLayout(
            width=self.width,
            height=output.top[1],
            inputs=(inputs[0], inputs[1]),
            operations=operations,
            combines=combines,
            bar=bar,
            output=output,
            edges=edges,
        )

    def _output(self) -> tuple[Box | None, Box]:
        x = self.top_middle
        bottom = self.high[self.layers.count] + _TO_OUTPUT
        bar = None
        if self.joins:
            bar = Box(x, bottom + BAR[1] / 2, self.top_width, BAR[1])
            bottom = bar.top[1] + _TO_OUTPUT
        return bar, Box(x, bottom + STATE[1] / 2, *STATE)

    def _read(self, b: int, number: int, name: str, state: int) -> Edge:
        layer = self.layers.layer_of[b + 2]
        points = self._rise(state, layer - 1)
        x = self.x[self.layers.source(b + 2)] + self.offsets[b + 2, number]
        return Edge(state, b, name, (*points, (x, self.low[layer])))

    def _rise(self, state: int, layer: int) -> tuple[Point, ...]:
        """The points from a state's source to its upper end in `layer`."""
        low = self.layers.layer_of[state]
        start = (self.x[self.layers.source(state)], self.high[low])
        if layer == low:
            return (start,)
        x = self.x[Item("trunk", state)]
        return start, (x, self.low[low + 1]), (x, self.high[layer])
