"""Words, numbers and tables as the whole page writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def title(metric: str) -> str:
    """The name of a metric for people."""
    return metric.replace("multiply_adds", "multiply-adds").replace("_", " ")


def number(value: float) -> str:
    """Such as 0.9417, 312.4 or 5,289,978."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}"


def row(cells: Iterable[str]) -> str:
    """A row of a table, of plain text."""
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def table(heads: Sequence[str], rows: Iterable[str], kind: str = "") -> str:
    """A table that may be wider than the page, of rows from `row`."""
    shown = "".join(f"<th>{escape(head)}</th>" for head in heads)
    opened = f"<table class={kind}>" if kind else "<table>"
    return (
        f"<div class=wide>{opened}<thead><tr>{shown}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values."""
    body = "".join(
        f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in rows
    )
    return f"<table class=settings><tbody>{body}</tbody></table>"
