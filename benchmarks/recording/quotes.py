"""Numbers of the documentation that stand in docs/figures.json.

A number that quotes a row is followed by a comment, which no reader sees:

  99.94 %<!-- fig 21-scale 512 workers children of 60 s -->

The figure, then words that stand in the name of one of its rows and of no other. What the text says
must be the row's value, rounded as it is printed; percents and points may be a row's parts of one.
A second number in parentheses is its standard error. A page that quotes a missed row says why, in
the sentence of the row.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Iterator

from benchmarks.recording.rows import Row, label

_MARK = re.compile(r"<!-- fig (\S+)\s*([^>]*?)\s*-->")
_NUMBER = r"[+\-−]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_BEFORE = re.compile(rf"({_NUMBER})(?P<unit>[^\d()<>|]{{0,24}})(?:\((?P<error>[\d.]+)\)[`*]*)?\s*$")

#: What a value of the row may be multiplied with, by what follows the number.
_SCALES = {"%": 100.0, "point": 100.0, "ms": 1e3, "KB": 1e-3, "million": 1e-6}


def pages(root: pathlib.Path) -> list[pathlib.Path]:
    """The pages in which numbers are looked for."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def count(root: pathlib.Path) -> int:
    """How many numbers are marked."""
    return sum(len(_MARK.findall(p.read_text(encoding="utf-8"))) for p in pages(root) if p.exists())


def faults(root: pathlib.Path, rows: Iterable[Row]) -> Iterator[str]:
    """What is wrong with the marked numbers."""
    by_figure: dict[str, list[Row]] = {}
    for row in rows:
        by_figure.setdefault(row["figure"], []).append(row)
    for page in pages(root):
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        words = " ".join(_MARK.sub("", text).split())
        for mark in _MARK.finditer(text):
            where = f"{page.relative_to(root)}, line {text[: mark.start()].count(chr(10)) + 1}"
            found = _named(by_figure.get(mark[1], []), mark[2])
            if len(found) != 1:
                yield f"{where}: {len(found)} rows of {mark[1]} are called {mark[2]!r}, not one"
                continue
            row = found[0]
            before = _BEFORE.search(_MARK.sub("", text[: mark.start()])[-80:])
            if not before:
                yield f"{where}: no number stands before the mark of {label(row)}"
                continue
            if not _says(before[1], before["unit"], row["value"]):
                yield f"{where}: {before[1]} is not {row['value']}, the value of {label(row)}"
            error = row.get("error")
            if before["error"] and (error is None or not _says(before["error"], "", error)):
                yield f"{where}: {before['error']} is not {error}, the error of {label(row)}"
            if row.get("why") and row["why"] not in words:
                yield f"{where}: {label(row)} missed its limit; the page must say: {row['why']}"


def _named(rows: list[Row], words: str) -> list[Row]:
    """The rows with these words in their names."""
    exact = [row for row in rows if row["name"] == words]
    wanted = set(_tokens(words))
    return exact or [row for row in rows if wanted <= set(_tokens(row["name"]))]


def _tokens(name: str) -> list[str]:
    return [word.strip(",:;()") for word in name.split()]


def _says(number: str, unit: str, value: float | str) -> bool:
    """Whether a number in a text is a value, rounded as it is printed."""
    if isinstance(value, str):
        return False
    plain = number.replace(",", "").replace("−", "-")
    mantissa, _, exponent = plain.partition("e")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    scales = [1.0, *(scale for word, scale in _SCALES.items() if word in unit)]
    # "Lost 20.5 points" has no sign.
    signed = [value] if plain[0] in "+-" else [value, abs(value)]
    near = 0.5 * 10.0**-places * (1 + 1e-9) + 1e-12
    return any(abs(float(plain) - one * scale) <= near for one in signed for scale in scales)
