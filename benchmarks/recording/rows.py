"""The rows of docs/figures.json.

Each carries a digest of its content. That is no seal: whoever edits a row can compute it anew. It
catches what happens in practice, a number typed into the file.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from cells.support.files import write_atomically

Row = dict[str, Any]

#: The file, in a repository.
FILE = "docs/figures.json"

#: What every row has; a row that was measured has these besides.
FIELDS = ("figure", "name", "kind", "value", "limit", "ok", "command", "commit", "date", "digest")
MEASURED = ("tree", "clean", "seeds", "cores", "load", "versions")


def read(root: pathlib.Path) -> list[Row]:
    """All rows of a repository; none where there is no file."""
    path = root / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def write(root: pathlib.Path, rows: Iterable[Row]) -> None:
    """Writes all rows, those of one figure side by side."""
    ordered = sorted(rows, key=lambda row: row["figure"])
    text = json.dumps(ordered, indent=1, ensure_ascii=False) + "\n"
    write_atomically(root / FILE, text.encode())


def sealed(row: Row) -> Row:
    """A row with the digest of its content, without what is empty."""
    kept = {
        name: value
        for name, value in row.items()
        if name != "digest" and (name == "limit" or (value is not None and value != ""))
    }
    return {**kept, "digest": digest(kept)}


def digest(row: Row) -> str:
    """Of everything that a row says."""
    content = {key: value for key, value in row.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def label(row: Row) -> str:
    """How messages call a row."""
    return f"{row.get('figure', '?')}: {row.get('name', '?')}"
