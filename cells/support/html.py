"""Reports as HTML pages that need nothing else: their frame, and words, numbers and tables."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

#: The looks of reports, and of the charts in them.
_STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def title(metric: str) -> str:
    """The name of a metric for people.

    Args:
        metric: its name in the records.
    """
    return metric.replace("multiply_adds", "multiply-adds").replace("_", " ")


def number(value: float) -> str:
    """Such as 0.9417, 31.42, 312.4 or 5,289,978.

    Args:
        value: finite.
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 4
    return f"{value:,.{digits}f}"


def row(cells: Iterable[str]) -> str:
    """A row of a table, of plain text.

    Args:
        cells: texts, which are escaped.
    """
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def table(heads: Sequence[str], rows: Iterable[str], kind: str = "plain") -> str:
    """A table that may be wider than the page, of rows from `row`.

    Args:
        heads: of the columns.
        rows: HTML from `row`.
        kind: a class of the style sheet; `plain` has names in its first column, and then numbers.
    """
    shown = "".join(f"<th>{escape(head)}</th>" for head in heads)
    return (
        f"<div class=wide><table class={kind}><thead><tr>{shown}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values.

    Args:
        rows: names with their values.
    """
    body = "".join(
        f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in rows
    )
    return f"<table class=settings><tbody>{body}</tbody></table>"


def folded(name: str, part: str) -> str:
    """What few readers look for: a part that opens when its name is clicked.

    Args:
        name: of the part, plain text.
        part: HTML.
    """
    return f"<details class=folded><summary>{escape(name)}</summary>{part}</details>"


def tiles(facts: Iterable[tuple[str, str]]) -> str:
    """What must be seen first: names and values as a row of boxes.

    Args:
        facts: names with their values.
    """
    boxes = (f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in facts)
    return f"<dl class=tiles>{''.join(boxes)}</dl>"


def data_url(data: bytes, kind: str) -> str:
    """A picture as a URL, so that a page holds it; names within it meet no others on the page.

    Args:
        data: the picture's file.
        kind: its MIME type, such as `image/png`.
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def page(title: str, parts: Iterable[str], refresh: int = 0) -> str:
    """A whole page, with its foot.

    Args:
        title: of the window.
        parts: HTML, from the top down; empty ones are left out.
        refresh: seconds after which it loads itself anew; 0: never.
    """
    body = "\n".join(filter(None, parts))
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        + (f"<meta http-equiv=refresh content={refresh}>" if refresh else "")
        + f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main>\n{body}\n<footer>Written {time.strftime('%Y-%m-%d %H:%M:%S')} by "
        "transferable-cells</footer>\n</main></body></html>\n"
    )
