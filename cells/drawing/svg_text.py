"""The text of a drawing as SVG, made fit for standing in a page with others."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any
from xml.sax.saxutils import escape

from matplotlib.figure import Figure

from cells.drawing import recurrent, theme
from cells.genotype.genotype import Genotype
from cells.operations.architecture import Architecture
from cells.operations.operations import OPERATIONS
from cells.recurrent.genotype import RecurrentGenotype

_ID = re.compile(r'(\bid="|xlink:href="#|url\(#)([^")]+)')
_GROUP = re.compile(r'<g id="([^"]+)">')
_BREAK = re.compile(r"\s*\n\s*")
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


def render(
    figure: Figure,
    genotype: Genotype | RecurrentGenotype | Architecture,
    dark: bool,
    annotated: bool,
) -> str:
    """Renders a drawing of `genotype` as one `<svg>` element with tooltips and ids of its own."""
    if isinstance(genotype, RecurrentGenotype):
        titles, what = recurrent.titles(genotype), "recurrent cell"
        cells: tuple[Any, ...] = (genotype.cell,)
    elif isinstance(genotype, Architecture):
        titles, what, cells = {}, genotype.title, (genotype.canonical_key(),)
    else:
        titles, what = _titles(genotype), "Normal and Reduction cell"
        cells = (genotype.normal, genotype.reduction)
    buffer = io.StringIO()
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=undated)
    text = buffer.getvalue()
    # A page has no place for an XML head, and matplotlib's style rule would hold for all of it.
    text = _COMMENT.sub("", _STYLE.sub("", text[text.index("<svg") :]))

    def with_title(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("text_"):
            # Else a letter would hide the tooltip of the box below it.
            return f'<g id="{name}" pointer-events="none">'
        title = titles.get(name)
        return match[0] if title is None else f"{match[0]}<title>{escape(title)}</title>"

    text = _GROUP.sub(with_title, text)
    head, rest = text.split(">", 1)
    title = escape(f"{genotype.name}: {what}")
    text = f'{head} role="img"><title>{title}</title>{rest}\n'
    # What is drawn decides the ids; the provenance is not drawn.
    drawn = repr((genotype.name, *cells, dark))
    drawn += "annotated" if annotated else ""
    prefix = "cell-" + hashlib.sha256(drawn.encode()).hexdigest()[:12]
    return _ID.sub(rf"\1{prefix}-\2", text)


def adapt(text: str) -> str:
    """Adds the dark colours to a light drawing, as rules for dark screens; without indentation."""
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in theme.dark_of().items()
        for what in ("fill", "stroke")
        if f"{what}: {light}" in text
    )
    head, rest = text.split(">", 1)
    text = f"{head}><style>@media (prefers-color-scheme:dark){{{rules}}}</style>{rest}"
    return _BREAK.sub(" ", text)


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
