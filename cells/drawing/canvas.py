"""A matplotlib figure with the few shapes that a cell is drawn with."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from cells.drawing.layout import Box, Point
from cells.drawing.theme import Paint, Theme

#: No drawing is wider or higher, in inches; larger ones are scaled down as a whole.
MAX_INCHES = 24.0

#: Length and half the width of an arrow's head.
_ARROW = (5.0, 2.6)

_POINTS = 72.0  # an inch
_FONT = "DejaVu Sans"  # comes with matplotlib, so it is the same everywhere

#: From one line of text to the next, and from the middle of a line to its baseline, in sizes.
_LINE, _BASELINE = 1.15, 0.35


class Canvas:
    """A figure whose coordinates are points (1/72 inch), from the lower left.

    Args:
        width: in points.
        height: in points.
        theme: its colours.
    """

    def __init__(self, width: float, height: float, theme: Theme):
        self.theme = theme
        self.scale = min(1.0, MAX_INCHES * _POINTS / max(width, height))
        # Whole eighths of an inch are whole pixels, else the last row of a PNG is half empty.
        inches = [math.ceil(side * self.scale / _POINTS * 8) / 8 for side in (width, height)]
        self.figure = Figure(figsize=(inches[0], inches[1]), facecolor=theme.background)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        over_x, over_y = (
            round(inch * _POINTS / self.scale - side, 1) / 2
            for inch, side in zip(inches, (width, height), strict=True)
        )
        self._axes.set_xlim(-over_x, width + over_x)
        self._axes.set_ylim(-over_y, height + over_y)
        self._axes.set_axis_off()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str,
        *,
        align: str = "center",
        weight: str = "normal",
        math: bool = False,
    ) -> None:
        """Writes lines of text, their middle at height `y`.

        Text between `$` is read as mathematics only if `math` says so. Each line is placed by its
        baseline, so that letters that reach below it do not move it.

        Args:
            x: of the anchor, in units of the drawing.
            y: of the middle, in units of the drawing.
            text: lines, parted by newlines.
            size: of the letters.
            color: of the letters.
            align: `left`, `center` or `right`.
            weight: `normal` or `bold`.
            math: whether `$` encloses mathematics.
        """
        lines = text.split("\n")
        for number, line in enumerate(lines):
            up = (len(lines) - 1) / 2 - number
            self._axes.text(
                x,
                y + size * (up * _LINE - _BASELINE),
                line,
                size=size * self.scale,
                color=color,
                family=_FONT,
                weight=weight,
                ha=align,
                va="baseline",
                parse_math=math,
                math_fontfamily="stix",
                zorder=4,
            )

    def box(self, box: Box, paint: Paint, name: str, *, rounding: float = 3.0) -> None:
        """Draws a box with rounded corners; `name` becomes its id."""
        self._add(
            FancyBboxPatch(
                (box.x - box.width / 2, box.y - box.height / 2),
                box.width,
                box.height,
                boxstyle=f"round,pad=0,rounding_size={rounding}",
                facecolor=paint.fill,
                edgecolor=paint.border,
                linewidth=0.9 * self.scale,
                gid=name,
                zorder=3,
            )
        )

    def line(
        self, steps: Iterable[tuple[Point, Point]], color: str, name: str, *, halo: bool = False
    ) -> None:
        """Draws steps upwards as one line, each straight if upright and S-shaped if not.

        Args:
            steps: lower and upper ends.
            color: of the line.
            name: becomes its id.
            halo: whether a margin of background parts it from the lines below.
        """
        vertices: list[Point] = []
        codes = []
        for (x0, y0), (x1, y1) in steps:
            vertices.append((x0, y0))
            codes.append(Path.MOVETO)
            if x0 == x1:
                vertices.append((x1, y1))
                codes.append(Path.LINETO)
            else:
                bend = (y1 - y0) * 0.55
                vertices += [(x0, y0 + bend), (x1, y1 - bend), (x1, y1)]
                codes += [Path.CURVE4] * 3
        path = Path(vertices, codes)
        if halo:
            self._stroke(path, self.theme.background, 3.6, f"{name}-halo")
        self._stroke(path, color, 1.15, name)

    def _stroke(self, path: Path, color: str, width: float, name: str) -> None:
        self._add(
            PathPatch(
                path,
                fill=False,
                edgecolor=color,
                linewidth=width * self.scale,
                capstyle="butt",
                joinstyle="round",
                gid=name,
                zorder=1,
            )
        )

    def arcs(
        self, starts: Sequence[tuple[Point, float]], tip: Point, color: str, name: str
    ) -> None:
        """Draws arrows with one head around what is between points of one upright line.

        They are one shape, since a network may have thousands of them.

        Args:
            starts: where they begin, and how far each goes to the right; to the left where that is
                negative. All go to one side.
            tip: where their head ends.
            color: of the arrows.
            name: becomes their id.
        """
        turned = -1 if starts[0][1] > 0 else 1
        end = (round(tip[0] - turned * (_ARROW[0] - 0.5), 3), tip[1])
        vertices: list[Point] = []
        for start, bulge in starts:
            # Of a cubic curve whose inner points are so far away the middle is at three quarters.
            inner = [(round(point[0] + bulge / 0.75, 3), point[1]) for point in (start, tip)]
            vertices += [start, *inner, end]
        codes = [Path.MOVETO, *[Path.CURVE4] * 3] * (len(vertices) // 4)
        self._stroke(Path(vertices, codes), color, 0.9, name)
        self.arrow(tip, color, f"{name}-head", turned=(turned, 0))

    def arrow(self, tip: Point, color: str, name: str, *, turned: tuple[int, int] = (0, 1)) -> None:
        """Draws the head of an arrow; `name` becomes its id.

        Args:
            tip: where it ends.
            color: of the head.
            name: becomes its id.
            turned: where it points: up, or along another axis.
        """
        (x, y), (length, half), (right, up) = tip, _ARROW, turned
        back = x - right * length, y - up * length
        sides = [(back[0] + s * up * half, back[1] - s * right * half) for s in (-1, 1)]
        corners = [(x, y), *sides, (x, y)]
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        self._add(PathPatch(Path(corners, codes), facecolor=color, linewidth=0, gid=name, zorder=2))

    def _add(self, patch: FancyBboxPatch | PathPatch) -> None:
        # Not `add_patch`, which computes the limits of the axes anew for each: they are fixed.
        self._axes.add_artist(patch)
        patch.set_clip_on(False)


def behind_arrow(tip: Point) -> Point:
    """Where a line ends whose arrow's head ends at `tip`."""
    return tip[0], round(tip[1] - _ARROW[0] + 0.5, 3)


@functools.cache
def text_width(text: str, size: float) -> float:
    """The width in points of the widest line of `text`."""
    font = FontProperties(family=_FONT)
    paths = [TextPath((0, 0), line, size=size, prop=font) for line in text.split("\n")]
    return max(path.get_extents().width for path in paths)
