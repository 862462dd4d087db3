"""A genotype's two cells on a canvas."""

from __future__ import annotations

import itertools
import textwrap

from matplotlib.figure import Figure

from cells.drawing.canvas import Canvas, behind_arrow, text_width
from cells.drawing.layout import Box, CellLayout, Edge, Point, lay_out
from cells.drawing.svg_text import Label
from cells.drawing.theme import Paint, Theme
from cells.genotype.genotype import Cell, Genotype
from cells.operations.operations import OPERATIONS

_MARGIN = 14.0
_BETWEEN_CELLS = 40.0
_CAPTION = 30.0  # height of the line with a cell's role
_LEGEND_ROW = 20.0
_LEGEND_BOX = (18.0, 11.0)
_LEGEND_SPACE = (6.0, 18.0)  # before and after a text
_NAME_LINE = 16.0
_NAME_LETTER = 7.5  # width
_SPACE = 10.0  # above and below the cells

_TITLES = {"normal": "Normal cell", "reduction": "Reduction cell"}
_KINDS = {
    "identity": "identity",
    "pool": "pooling",
    "separable": "separable convolution",
    "convolution": "convolution",
}
_INPUTS = ("$h_{i{-}1}$", "$h_i$")
_OUTPUT = "$h_{i{+}1}$"
_NOTE, _STRIDED = "small numbers: states    /2: stride 2", "/2"
_NUMBER_SIZE, _STRIDED_SIZE = 7.5, 6.5


def draw(genotype: Genotype, theme: Theme, annotated: bool = False) -> Figure:
    """Draws both cells side by side, with the name above and a legend below.

    Args:
        genotype: the cells.
        theme: the colours.
        annotated: whether states have their numbers, and operations of stride 2 a mark.
    """
    layouts = {role: lay_out(cell) for role, cell in genotype.cells}
    width = sum(layout.width for layout in layouts.values()) + _BETWEEN_CELLS
    rows = _in_rows(_legend_entries(genotype), width)
    name = textwrap.wrap(genotype.name, max(8, int(width / _NAME_LETTER)))

    noted = _LEGEND_ROW if annotated else 0.0
    foot = _MARGIN + noted + _LEGEND_ROW * len(rows) + _SPACE
    cells = foot + _CAPTION
    head = cells + max(layout.height for layout in layouts.values()) + _SPACE
    name_height = _NAME_LINE * len(name)
    canvas = Canvas(width + 2 * _MARGIN, head + name_height + _MARGIN, theme)
    canvas.text(
        _MARGIN,
        head + name_height / 2,
        "\n".join(name),
        11,
        theme.text,
        align="left",
        weight="bold",
    )
    x = _MARGIN
    for role, cell in genotype.cells:
        layout = layouts[role]
        middle = x + layout.width / 2
        canvas.text(middle, foot + _CAPTION / 2, _TITLES[role], 10.5, theme.text)
        painter = _CellPainter(canvas, role, cell, layout, (x, cells))
        painter.paint()
        if annotated:
            painter.annotate()
        x += layout.width + _BETWEEN_CELLS
    middle, low = _MARGIN + width / 2, _MARGIN + noted
    if annotated:
        canvas.text(middle, low - _LEGEND_ROW / 2, _NOTE, 8.5, theme.text)
    for number, row in enumerate(reversed(rows)):
        _paint_legend_row(canvas, row, middle, low + _LEGEND_ROW * (number + 0.5))
    return canvas.figure


def label(genotype: Genotype) -> Label:
    """What its drawing says of itself.

    Args:
        genotype: the cells.
    """
    return Label(
        "Normal and Reduction cell", _titles(genotype), (genotype.normal, genotype.reduction)
    )


def _titles(genotype: Genotype) -> dict[str, str]:
    """Tooltips by id."""
    titles = {}
    for role, cell in genotype.cells:
        for state in (0, 1):
            titles[f"{role}-input-{state}"] = f"state {state}"
        for b, block in enumerate(cell.blocks):
            titles[f"{role}-block-{b}"] = f"block {b}, {block.combine}: state {b + 2}"
            for name, side in block.sides:
                operation = OPERATIONS[side.operation].title
                titles[f"{role}-block-{b}-{name}"] = (
                    f"block {b}, {name}: {operation} of state {side.input}"
                )
                titles[f"{role}-edge-{side.input}-block-{b}-{name}"] = f"state {side.input}"
        for state in cell.concat:
            titles[f"{role}-edge-{state}-concat"] = f"state {state}"
    return titles


class _CellPainter:
    """Paints one cell, its lower left at `corner`."""

    def __init__(self, canvas: Canvas, role: str, cell: Cell, layout: CellLayout, corner: Point):
        self.canvas, self.role, self.cell, self.layout = canvas, role, cell, layout
        self.corner = corner

    def paint(self) -> None:
        theme, layout = self.canvas.theme, self.layout
        for state in range(len(self.cell.blocks) + 2):
            self._state_lines(state)
        for state, box in enumerate(layout.inputs):
            paint = theme.inputs[state]
            if not any(edge.state == state for edge in layout.edges):
                paint = Paint(theme.background, theme.muted, theme.muted)
            self._state_box(box, paint, _INPUTS[state], f"input-{state}")
        for (b, name), box in layout.operations.items():
            operation = OPERATIONS[dict(self.cell.blocks[b].sides)[name].operation]
            self._stub(box, layout.combines[b], f"block-{b}-{name}-line")
            paint = theme.kinds[operation.kind]
            self._box(box, paint, _in_lines(operation.title), 9.5, f"block-{b}-{name}")
        for b, box in enumerate(layout.combines):
            combine = self.cell.blocks[b].combine
            self._box(box, theme.combines[combine], combine, 8.0, f"block-{b}", rounding=6.0)
        if layout.bar:
            self._box(layout.bar, theme.combines["concat"], "concat", 9.5, "concat")
            tip = self._at(layout.output.bottom)
            start = self._at(layout.bar.top)
            self.canvas.line([(start, behind_arrow(tip))], theme.line, self._id("output-line"))
            self.canvas.arrow(tip, theme.line, self._id("output-arrow"))
        self._state_box(layout.output, theme.output, _OUTPUT, "output")

    def annotate(self) -> None:
        """Numbers the states as in the genotype, and marks what halves the maps."""
        states = [*self.layout.inputs, *self.layout.combines]
        for state, box in enumerate(states):
            x, y = self._at((box.x + box.width / 2 + 3, box.y))
            self.canvas.text(x, y, str(state), _NUMBER_SIZE, self.canvas.theme.text, align="left")
        if self.role != "reduction":
            return
        for (b, name), box in self.layout.operations.items():
            side = dict(self.cell.blocks[b].sides)[name]
            if side.input < 2:  # What blocks make is halved already.
                x, y = self._at((box.x + box.width / 2 - 2, box.y - box.height / 2 + 5))
                colour = self.canvas.theme.kinds[OPERATIONS[side.operation].kind].text
                self.canvas.text(x, y, _STRIDED, _STRIDED_SIZE, colour, align="right")

    def _at(self, point: Point) -> Point:
        # Rounded, so that what was upright stays so.
        return round(point[0] + self.corner[0], 3), round(point[1] + self.corner[1], 3)

    def _moved(self, box: Box) -> Box:
        return Box(*self._at((box.x, box.y)), box.width, box.height)

    def _id(self, name: str) -> str:
        return f"{self.role}-{name}"

    def _box(
        self, box: Box, paint: Paint, text: str, size: float, name: str, *, rounding: float = 3.0
    ) -> None:
        box = self._moved(box)
        self.canvas.box(box, paint, self._id(name), rounding=rounding)
        fitting = min(size, size * (box.width - 6) / text_width(text, size))
        self.canvas.text(box.x, box.y, text, fitting, paint.text)

    def _state_box(self, box: Box, paint: Paint, text: str, name: str) -> None:
        box = self._moved(box)
        self.canvas.box(box, paint, self._id(name))
        self.canvas.text(box.x, box.y, text, 12.5, paint.text, math=True)

    def _state_lines(self, state: int) -> None:
        """All lines of one state as one path, so that what they share is drawn once."""
        theme = self.canvas.theme
        color = theme.inputs[state].border if state < 2 else theme.line
        edges = [edge for edge in self.layout.edges if edge.state == state]
        if not edges:
            return
        self.canvas.line(self._steps(edges), color, self._id(f"state-{state}"), halo=True)
        for edge in edges:
            self.canvas.arrow(self._at(edge.points[-1]), color, self._id(_edge_name(edge)))

    def _steps(self, edges: list[Edge]) -> list[tuple[Point, Point]]:
        """The steps of one state's edges, each once; of the steps up its trunk, the longest."""
        steps: dict[tuple[Point, Point], None] = {}
        trunks = []
        for edge in edges:
            points = [self._at(point) for point in edge.points]
            points[-1] = behind_arrow(points[-1])
            own = list(itertools.pairwise(points))
            if len(own) == 3:
                trunks.append(own.pop(1))
            steps.update(dict.fromkeys(own))
        longest = [max(trunks, key=lambda step: step[1][1])] if trunks else []
        return [*longest, *steps]

    def _stub(self, operation: Box, combine: Box, name: str) -> None:
        """The line from an operation to its combination."""
        side = 1 if operation.x > combine.x else -1
        end = (combine.x + side * (combine.width / 2 - 6), combine.bottom[1])
        step = (self._at(operation.top), self._at(end))
        self.canvas.line([step], self.canvas.theme.line, self._id(name))


def _edge_name(edge: Edge) -> str:
    if edge.block is None:
        return f"edge-{edge.state}-concat"
    return f"edge-{edge.state}-block-{edge.block}-{edge.side}"


def _in_lines(title: str) -> str:
    """Breaks a title into lines for a narrow box: `sep 3×3`, `1×7 then 7×1`."""
    return title.replace(" then ", "\n").replace(" ", "\n")


LegendRow = list[tuple[str, float]]


def _legend_entries(genotype: Genotype) -> LegendRow:
    """The kinds of operations that occur, each with the width of its entry."""
    kinds = {
        OPERATIONS[side.operation].kind
        for _, cell in genotype.cells
        for block in cell.blocks
        for _, side in block.sides
    }
    fixed = _LEGEND_BOX[0] + sum(_LEGEND_SPACE)
    return [(k, fixed + text_width(title, 9.0)) for k, title in _KINDS.items() if k in kinds]


def _in_rows(entries: LegendRow, width: float) -> list[LegendRow]:
    rows: list[LegendRow] = [[]]
    for entry in entries:
        if rows[-1] and sum(w for _, w in [*rows[-1], entry]) > width:
            rows.append([])
        rows[-1].append(entry)
    return rows


def _paint_legend_row(canvas: Canvas, row: LegendRow, middle: float, y: float) -> None:
    before, after = _LEGEND_SPACE
    x = middle - (sum(width for _, width in row) - after) / 2
    for kind, width in row:
        box = Box(x + _LEGEND_BOX[0] / 2, y, *_LEGEND_BOX)
        canvas.box(box, canvas.theme.kinds[kind], f"legend-{kind}")
        text_x = x + _LEGEND_BOX[0] + before
        canvas.text(text_x, y, _KINDS[kind], 9.0, canvas.theme.text, align="left")
        x += width
