"""A whole network on a canvas: its rows from top to bottom, what skips some of them as arcs."""

from __future__ import annotations

import itertools

from matplotlib.figure import Figure

from cells.drawing.canvas import Canvas, behind_arrow, text_width
from cells.drawing.layout import Box
from cells.drawing.svg_text import Label
from cells.drawing.theme import Theme
from cells.operations.architecture import Architecture

_MARGIN = 14.0
_TITLE = 24.0
_BOX, _ROW = 18.0, 30.0  # height of a box, and from one to the next
_TEXT = 9.0
_BESIDE = 12.0  # a text in its box
_ENDS = 3.5  # above and below the middle of a box, where arcs come in and go out
_BULGE = 0.42  # of an arc, in parts of its height


def label(network: Architecture) -> Label:
    """What its drawing says of itself.

    Args:
        network: a whole network.
    """
    return Label(network.title, {}, (network.canonical_key(),))


def draw(network: Architecture, theme: Theme, annotated: bool = False) -> Figure:
    """Draws a whole network, its name above.

    A row reads the one before it by an arrow, earlier ones by arcs on one side, which is the other
    one for the next row.

    Args:
        network: what says what its rows are (`Architecture.sketch`).
        theme: the colours.
        annotated: changes nothing, since boxes say all that there is.
    """
    sketch = network.sketch()
    width = max(text_width(text, _TEXT) for text, _ in sketch.rows) + 2 * _BESIDE
    arcs = [(read, reader) for read, reader in sketch.edges if reader > read + 1]
    longest = [max((b - a for a, b in arcs if b % 2 == side), default=0) for side in (0, 1)]
    left, right = (_bulge(span) for span in longest)
    middle = _MARGIN + left + width / 2
    below = len(sketch.rows) * _ROW
    full = max(middle + width / 2 + right, _MARGIN + text_width(network.name, 11)) + _MARGIN
    canvas = Canvas(full, 2 * _MARGIN + below + _TITLE, theme)
    title_y = _MARGIN + below + _TITLE / 2
    canvas.text(_MARGIN, title_y, network.name, 11, theme.text, align="left", weight="bold")

    boxes = [
        Box(middle, round(_MARGIN + below - (number + 0.5) * _ROW, 3), width, _BOX)
        for number in range(len(sketch.rows))
    ]
    for reader, pairs in itertools.groupby(sorted(arcs, key=_reader), _reader):
        side = -1 if reader % 2 == 0 else 1
        edge, tip_y = middle + side * width / 2, boxes[reader].y + _ENDS
        starts = [
            ((edge, boxes[read].y - _ENDS), side * _bulge(reader - read)) for read, _ in pairs
        ]
        canvas.arcs(starts, (edge, tip_y), theme.line, f"arcs-{reader}")
    for read, reader in sketch.edges:
        if reader == read + 1:
            top, name = boxes[reader].top, f"edge-{read}-{reader}"
            tip = (top[0], top[1])
            canvas.arrow(tip, theme.line, f"{name}-head", turned=(0, -1))
            end = behind_arrow(tip)
            canvas.line([((tip[0], 2 * tip[1] - end[1]), boxes[read].bottom)], theme.line, name)
    paints = {**theme.kinds, "input": theme.inputs[0], "output": theme.output}
    for number, (box, (text, kind)) in enumerate(zip(boxes, sketch.rows, strict=True)):
        canvas.box(box, paints[kind], f"row-{number}")
        canvas.text(box.x, box.y, text, _TEXT, paints[kind].text)
    return canvas.figure


def _reader(edge: tuple[int, int]) -> int:
    return edge[1]


def _bulge(span: int) -> float:
    return _BULGE * span * _ROW
