"""Drawings of a genotype's two cells, a recurrent cell or a whole network: SVG, PNG, PDF.

Both cells stand side by side and are read upwards: the inputs h_{i-1} and h_i, the blocks as
pairs of operations (coloured by kind) under their combination, the bar that joins states, and the
output h_{i+1}. All lines from one state have one colour and, as far as they go together, are one
line. The sides of a block are drawn in the order that crosses least, which need not be that of
the file. An input that nothing reads is drawn pale.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cells.genotype.genotype import Genotype
from cells.kinds.files import AnyGenotype
from cells.operations.architecture import Architecture
from cells.recurrent.genotype import RecurrentGenotype
from cells.support.errors import UserError
from cells.support.files import atomic_path, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PNG_DPI", "adaptive_svg", "save", "svg"]

#: Pixels an inch of a PNG.
PNG_DPI = 200

_UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}


def svg(
    genotype: AnyGenotype,
    *,
    dark: bool = False,
    annotated: bool = False,
) -> str:
    """Draws both cells as one `<svg>` element.

    The text is a whole SVG file, and can also be put into an HTML page as it is: it needs
    nothing else, its letters are shapes, its colours include the background, and its ids are
    those of no other drawing, neither of another genotype nor of the other theme. Tooltips
    (`<title>`) give each box's and arrow's place in the genotype file.

    Args:
        genotype: what to draw.
        dark: for dark pages.
        annotated: for study: states have their numbers, operations of stride 2 a mark.

    Returns:
        The same text for the same genotype, in every process.
    """
    from cells.drawing import svg_text

    with _figure(genotype, dark, annotated) as figure:
        label = _painter(genotype).label(genotype)
        return svg_text.render(figure, genotype.name, label, dark, annotated)


def adaptive_svg(genotype: AnyGenotype) -> str:
    """Draws a genotype as a whole SVG file whose colours are those of a light or of a dark screen.

    For `<img>` elements and data URLs: it has a style sheet, which in a page would hold for all of
    it. It follows the page's colour scheme.

    Args:
        genotype: what to draw.
    """
    from cells.drawing import svg_text

    return svg_text.adapt(svg(genotype, annotated=True))


def save(
    genotype: AnyGenotype,
    path: str | os.PathLike[str],
    *,
    dark: bool = False,
    annotated: bool = False,
) -> None:
    """Writes a drawing of both cells: an SVG, a PNG (`PNG_DPI`) or a PDF, by the path's ending.

    The same genotype gives the same bytes.

    Args:
        genotype: the two cells.
        path: ends in `.svg`, `.png` or `.pdf`.
        dark: for a dark background.
        annotated: see `svg`.

    Raises:
        UserError: another ending, or the file cannot be written; nothing is left behind.
    """
    ending = pathlib.Path(path).suffix.lower()
    if ending == ".svg":
        write_atomically(path, svg(genotype, dark=dark, annotated=annotated).encode())
        return
    if ending not in _UNDATED:
        raise UserError(
            f"{os.fspath(path)}: a drawing cannot be written as {ending or 'a file without ending'}"
            "; end the name in .svg, .png or .pdf"
        )
    with _figure(genotype, dark, annotated) as figure, atomic_path(path) as temporary:
        figure.savefig(temporary, format=ending[1:], dpi=PNG_DPI, metadata=_UNDATED[ending])


@contextmanager
def _figure(genotype: AnyGenotype, dark: bool, annotated: bool) -> Iterator[Figure]:
    """Draws under matplotlib's default settings, whatever the user's own are."""
    import matplotlib.style

    from cells.drawing import theme

    # Type 42: journals refuse the bitmap-like Type 3 fonts of the default.
    settings = {"svg.fonttype": "path", "svg.hashsalt": "cells", "pdf.fonttype": 42}
    with matplotlib.style.context(["default", settings]):
        colours = theme.DARK if dark else theme.LIGHT
        yield _painter(genotype).draw(genotype, colours, annotated)


def _painter(genotype: AnyGenotype) -> Any:
    """What draws genotypes of that kind, and labels their drawings."""
    from cells.drawing import figure, recurrent, whole

    painters = {Genotype: figure, RecurrentGenotype: recurrent, Architecture: whole}
    return next(painter for kind, painter in painters.items() if isinstance(genotype, kind))
