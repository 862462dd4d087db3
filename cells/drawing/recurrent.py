"""A recurrent cell on a canvas, read upwards: x_t and h_{t-1} below, h_t above.

A tree stands on its leaves; c_{t-1} comes in beside its node, c_t leaves beside the node that has
combined it. Of a highway cell each state has a column of its own, in which it rises to the mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from cells.drawing.canvas import Canvas, behind_arrow
from cells.drawing.layout import Box, Point
from cells.drawing.svg_text import Label
from cells.drawing.theme import Paint, Theme
from cells.recurrent import words
from cells.recurrent.genotype import Highway, RecurrentGenotype, Tree

_MARGIN = 14.0
_COLUMN = 84.0
_NODE = (62.0, 30.0)
_STATE = (38.0, 22.0)
_ROW = 74.0
_INJECTED_ROW = 148.0  # of the level that c_{t-1} comes in at
_NAME = 22.0

_SIGNS = {"mult": "×", "add": "+"}
_KINDS = {
    "identity": "identity",
    "relu": "pool",
    "tanh": "separable",
    "sigmoid": "convolution",
}


def draw(genotype: RecurrentGenotype, theme: Theme, annotated: bool) -> Figure:
    """Draws the cell, its name above; `annotated` gives nodes their numbers."""
    cell = genotype.cell
    if isinstance(cell, Tree):
        return _TreePainter(genotype.name, cell, theme, annotated).paint()
    return _HighwayPainter(genotype.name, cell, theme, annotated).paint()


def label(genotype: RecurrentGenotype) -> Label:
    """What its drawing says of itself.

    Args:
        genotype: the cell.
    """
    titles = {f"node-{i}": line for i, line in enumerate(words.describe(genotype.cell))}
    return Label("recurrent cell", titles, (genotype.cell,))


class _Painter:
    """What both forms are painted with."""

    def __init__(self, name: str, columns: int, height: float, theme: Theme):
        width = columns * _COLUMN
        self.theme = theme
        self.canvas = Canvas(width + 2 * _MARGIN, height + _NAME + 2 * _MARGIN, theme)
        self.middle = _MARGIN + width / 2
        y = _MARGIN + height + _NAME / 2
        self.canvas.text(_MARGIN, y, name, 11, theme.text, align="left", weight="bold")

    def column(self, position: float) -> float:
        return round(_MARGIN + (position + 0.5) * _COLUMN, 3)

    def state(self, x: float, y: float, text: str, paint: Paint, name: str) -> Box:
        box = Box(x, y, *_STATE)
        self.canvas.box(box, paint, name)
        self.canvas.text(x, y, text, 11.5, paint.text, math=True)
        return box

    def node(self, x: float, y: float, text: str, activation: str, name: str) -> Box:
        box, paint = Box(x, y, *_NODE), self.theme.kinds[_KINDS[activation]]
        self.canvas.box(box, paint, name)
        self.canvas.text(x, y, text, 9.5, paint.text)
        return box

    def connect(self, start: Point, tip: Point, color: str, name: str) -> None:
        """A line with an arrow."""
        self.canvas.line([(start, behind_arrow(tip))], color, name, halo=True)
        self.canvas.arrow(tip, color, f"{name}-arrow")

    def inputs(self, x: float, y: float) -> list[Box]:
        """The boxes of x_t and h_{t-1}, around x."""
        named = (("$x_t$", "x", -0.6), ("$h_{t{-}1}$", "h", 0.6))
        return [
            self.state(x + side * _COLUMN, y, text, paint, f"input-{name}")
            for (text, name, side), paint in zip(named, self.theme.inputs, strict=True)
        ]

    def read(self, boxes: list[Box], reader: Box, name: str) -> None:
        """Lines from x_t and h_{t-1} to what reads both."""
        for box, paint, side in zip(boxes, self.theme.inputs, (-12.0, 12.0), strict=True):
            tip = (reader.x + side, reader.bottom[1])
            self.connect(box.top, tip, paint.border, f"line-{box.x:.0f}-{name}")


class _TreePainter(_Painter):
    def __init__(self, name: str, tree: Tree, theme: Theme, annotated: bool):
        self.tree, self.annotated = tree, annotated
        levels = tree.base.bit_length()
        height = (levels + 1) * _ROW + (_INJECTED_ROW - _ROW) + _STATE[1]
        super().__init__(name, tree.base, height, theme)

    def paint(self) -> Figure:
        tree, theme = self.tree, self.theme
        inputs = self.inputs(self.middle, _MARGIN + _STATE[1] / 2)
        tops: dict[int, Point] = {}
        y, count, first = _MARGIN + _STATE[1] / 2 + _ROW + 12, tree.base, 0
        while count:
            for i in range(first, first + count):
                step = tree.base / count
                x = self.column((i - first + 0.5) * step - 0.5)
                tops[i] = self._node(i, x, y, inputs, tops, -1 if (i - first) % 2 == 0 else 1)
            y += _INJECTED_ROW if first <= tree.inject.node < first + count else _ROW
            first, count = first + count, count // 2
        x, top = tops[len(tree.nodes) - 1]
        output = self.state(x, y, "$h_t$", theme.output, "output")
        self.connect((x, top), output.bottom, theme.line, "line-output")
        return self.canvas.figure

    def _node(
        self, i: int, x: float, y: float, inputs: list[Box], tops: dict[int, Point], out: int
    ) -> Point:
        """Paints a node with what is beside and above it; the point from which its value rises."""
        tree, theme = self.tree, self.theme
        node = tree.nodes[i]
        number = f"{i}: " if self.annotated else ""
        text = f"{number}{_SIGNS[node.combine]}\n{node.activation}"
        box = self.node(x, y, text, node.activation, f"node-{i}")
        for child, side in zip(tree.children(i), (-14.0, 14.0), strict=bool(tree.children(i))):
            tip = (x + side, box.bottom[1])
            self.connect(tops[child], tip, theme.line, f"line-{child}")
        if not tree.children(i):
            self.read(inputs, box, str(i))
        top = box.top
        beside = round(x + out * _COLUMN / 2, 3)
        if i == tree.inject.node:
            inject, paint = tree.inject, theme.inputs[0]
            c = self.state(beside, y + 30.0, "$c_{t{-}1}$", paint, "input-c")
            upper = f"{_SIGNS[inject.combine]}\n{inject.activation}"
            above = self.node(x, y + _INJECTED_ROW - _ROW, upper, inject.activation, "inject")
            self.connect(top, above.bottom, theme.line, "line-injected")
            tip = (x + out * 14.0, above.bottom[1])
            self.connect(c.top, tip, paint.border, "line-c")
            top = above.top
        if i == tree.memory:
            up = 1.2 if i == tree.inject.node else 0.55
            c = self.state(beside, y + up * _ROW, "$c_t$", theme.output, "output-c")
            start = (x + out * 14.0, box.top[1])
            self.connect(start, c.bottom, theme.line, "line-memory")
        return top


class _HighwayPainter(_Painter):
    def __init__(self, name: str, cell: Highway, theme: Theme, annotated: bool):
        self.cell, self.annotated = cell, annotated
        self.depths = [0]
        for node in cell.nodes:
            self.depths.append(self.depths[node.input] + 1)
        self.rows = max(self.depths) + 1
        height = (self.rows + 2) * _ROW + _STATE[1]
        super().__init__(name, len(self.depths), height, theme)

    def paint(self) -> Figure:
        cell, theme = self.cell, self.theme
        low = _MARGIN + _STATE[1] / 2
        columns = {state: position for position, state in enumerate(self._in_order(0))}
        boxes = {}
        for state, depth in enumerate(self.depths):
            activation = cell.nodes[state - 1].activation if state else "tanh"
            boxes[state] = self.node(
                self.column(columns[state]),
                low + (depth + 1) * _ROW,
                f"{state}\n{activation}" if self.annotated else activation,
                activation,
                f"node-{state}",
            )
        self.read(self.inputs(self.column(0.5), low), boxes[0], "0")
        for state, node in enumerate(cell.nodes, 1):
            start, tip = boxes[node.input].top, boxes[state].bottom
            self.connect(start, tip, theme.line, f"line-{state}")
        y = low + (self.rows + 1) * _ROW
        paint = theme.combines["concat"]
        mean = Box(self.middle, y, len(boxes) * _COLUMN - 22, 20.0)
        self.canvas.box(mean, paint, "mean")
        self.canvas.text(mean.x, y, "mean", 9.5, paint.text)
        for state in cell.output:
            x, top = boxes[state].top
            self.connect((x, top), (x, mean.bottom[1]), theme.line, f"line-mean-{state}")
        output = self.state(self.middle, y + 0.75 * _ROW, "$h_t$", theme.output, "output")
        self.connect(mean.top, output.bottom, theme.line, "line-output")
        return self.canvas.figure

    def _in_order(self, state: int) -> Iterator[int]:
        """The states from left to right: each beside those that it comes from."""
        yield state
        for reader, node in enumerate(self.cell.nodes, 1):
            if node.input == state:
                yield from self._in_order(reader)
