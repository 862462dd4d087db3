"""Reports as HTML pages that need nothing else: their frame, and words, numbers and tables."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


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
    """A whole page.

    Args:
        title: of the window.
        parts: HTML, from the top down; empty ones are left out.
        refresh: seconds after which it loads itself anew; 0: never.
    """
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        + (f"<meta http-equiv=refresh content={refresh}>" if refresh else "")
        + f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{chr(10).join(part for part in parts if part)}\n</main></body></html>\n"
    )


def footer() -> str:
    """The foot of a page."""
    return f"<footer>Written {time.strftime('%Y-%m-%d %H:%M:%S')} by transferable-cells</footer>"


#: The looks of reports, and of the charts in them.
STYLE = """
:root { --ground: #ffffff; --panel: #f6f8fa; --line: #d8dee4; --text: #1f2328; --pale: #59636e;
  --accent: #0a67c2; --point: #8c959f; --bad: #cf222e; --median: #bc6c00; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --panel: #151b23;
  --line: #30363d; --text: #e6edf3; --pale: #9198a1; --accent: #58a6ff; --point: #6e7681;
  --bad: #f85149; --median: #e3a04a; } }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
h1 q { quotes: none; color: var(--accent); overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 12px; }
.lead, footer, .legend { color: var(--pale); }
footer { margin-top: 40px; font-size: 13px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin: 20px 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 14px; }
.tiles dt { color: var(--pale); font-size: 13px; }
.tiles dd { margin: 0; font-size: 19px; font-variant-numeric: tabular-nums; }
.chart { width: 100%; height: auto; display: block; overflow: visible; }
.chart .dots { fill: none; stroke-linecap: round; }
.chart .dots.trial { stroke: var(--point); stroke-opacity: 0.5; }
.chart .grid { stroke: var(--line); }
.chart .tick, .chart .axis { fill: var(--pale); font-size: 12px; }
.chart .trial { fill: var(--point); }
.chart .front { fill: var(--accent); }
.best { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
.median { fill: none; stroke: var(--median); stroke-width: 1.5; stroke-dasharray: 5 3;
  vector-effect: non-scaling-stroke; }
.area { fill: var(--accent); fill-opacity: 0.15; }
.chart .failed { stroke: var(--bad); stroke-width: 1.5; fill: none; }
.legend { font-size: 13px; margin: 4px 0 0 64px; }
.legend span { display: inline-block; margin: 0 6px 0 14px; vertical-align: middle; }
.legend .line { width: 20px; border-top: 2px solid var(--accent); margin-left: 0; }
.legend .middle { border-top: 2px dashed var(--median); margin-left: 14px; }
.legend .dot { width: 7px; height: 7px; border-radius: 50%; background: var(--point); }
.legend .cross { color: var(--bad); }
.shares { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr));
  gap: 16px 20px; }
.shares figure { margin: 0; }
.shares figcaption { display: flex; justify-content: space-between; gap: 8px; font-size: 13px; }
.shares b { font-weight: 500; overflow-wrap: anywhere; }
.shares span { color: var(--pale); font-variant-numeric: tabular-nums; }
.shares svg { width: 100%; height: 56px; display: block; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.settings th, .settings td, .failures td { overflow-wrap: anywhere; }
.plain td:first-child { overflow-wrap: anywhere; min-width: 8em; }
.plain td:not(:first-child):not(:last-child) { white-space: nowrap; }
thead th { color: var(--pale); font-weight: 500; white-space: nowrap; }
.best td { font-variant-numeric: tabular-nums; white-space: nowrap; }
.best tr:not(.cells) td { border-bottom: 0; }
.best td:nth-child(2) { font-weight: 600; }
.decisions { display: flex; flex-wrap: wrap; gap: 2px 20px; white-space: normal; }
.decisions b { font-weight: 500; }
.settings th { font-weight: 400; color: var(--pale); width: 45%; }
summary { cursor: pointer; color: var(--pale); }
.cells .legend { margin: 0; }
.wide + .legend { margin-left: 10px; }
.cells details { position: sticky; left: 10px; width: min(100%, calc(100vw - 60px)); }
.cells img { display: block; max-width: min(100%, 640px); height: auto; margin-top: 8px;
  border-radius: 8px; border: 1px solid var(--line); }
.folded { margin-top: 28px; }
.folded summary { font-size: 17px; }
@media (prefers-color-scheme: dark) { img.plot { filter: invert(0.93) hue-rotate(180deg);
  border-color: #d8dee4; } }
@media (max-width: 700px) { .chart { margin-bottom: 14px; }
  .chart .tick, .chart .axis { font-size: 20px; } .chart .axis { transform: translateY(14px); }
  .legend { margin-left: 0; } }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", monospace;
  font-size: 13px; }
"""
