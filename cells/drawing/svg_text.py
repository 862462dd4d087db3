"""The text of a drawing as SVG, made fit for standing in a page with others."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from matplotlib.figure import Figure

from cells.drawing import theme

_ID = re.compile(r'(\bid="|xlink:href="#|url\(#)([^")]+)')
_GROUP = re.compile(r'<g id="([^"]+)">')
_BREAK = re.compile(r"\s*\n\s*")
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


class Label(NamedTuple):
    """What a drawing says of itself.

    Attributes:
        what: it shows.
        titles: tooltips by id.
        drawn: what makes it another drawing, beside its name.
    """

    what: str
    titles: dict[str, str]
    drawn: tuple[Any, ...]


def render(figure: Figure, name: str, label: Label, dark: bool, annotated: bool) -> str:
    """Renders a drawing as one `<svg>` element with tooltips and ids of its own."""
    buffer = io.StringIO()
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=undated)
    text = buffer.getvalue()
    # A page has no place for an XML head, and matplotlib's style rule would hold for all of it.
    text = _COMMENT.sub("", _STYLE.sub("", text[text.index("<svg") :]))

    def with_title(match: re.Match[str]) -> str:
        part = match[1]
        if part.startswith("text_"):
            # Else a letter would hide the tooltip of the box below it.
            return f'<g id="{part}" pointer-events="none">'
        title = label.titles.get(part)
        return match[0] if title is None else f"{match[0]}<title>{escape(title)}</title>"

    text = _GROUP.sub(with_title, text)
    head, rest = text.split(">", 1)
    title = escape(f"{name}: {label.what}")
    text = f'{head} role="img"><title>{title}</title>{rest}\n'
    # What is drawn decides the ids; the provenance is not drawn.
    drawn = repr((name, *label.drawn, dark))
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
